"""Learners to hold ours against: what a kind has shown or people declared, and perfect knowledge.

Requests are set at a percentile of what was used (as Kubernetes' Vertical Pod Autoscaler recommends its
target at the 90th). Nothing is known of a run before one of its kind has ended, but for what was declared.
"""

import math
from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from adaptive_assets.learning import (
    LEARNING,
    Attempts,
    EndedRun,
    Estimator,
    Learner,
    LearningTuning,
    SubmittedRun,
)
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import FULL, ResourceRequest, estimate_key, filled, request_of
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot, Work
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.run_state import Needs
from adaptive_assets.simulation.engine.settings import Knowledge

SHARE: Final = 0.9
"""The percentile, as a share of one, at which requests are set."""

_KNOWN: Final = 100.0
"""The evidence behind what is known."""


@dataclass(frozen=True, slots=True)
class _OfAKind:
    """All that the runs of a kind have shown, in ascending order; one that was killed shows what it held."""

    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    duration: list[float] = field(default_factory=list)


class Shown:
    """The percentile ``share`` of what a kind has shown; before that, or without it, what was declared."""

    def __init__(self, book: PolicyBook, share: float | None = SHARE) -> None:
        self._book = book
        self._share = share
        self._kinds: dict[Work, _OfAKind] = {}
        self._attempts = Attempts(LEARNING)

    def observe(self, ended: EndedRun) -> None:
        """Note what the run took; more memory is asked for the next attempt of one that was killed."""
        self._attempts.observe(ended)
        kind = self._kinds.setdefault(ended.run.work, _OfAKind())
        seen = ((kind.cpu, ended.cpu), (kind.memory, ended.memory), (kind.duration, ended.duration_s))
        for values, value in seen:
            if value is not None:
                insort(values, float(value))

    def estimates(
        self,
        wanted: Iterable[tuple[Work, str]],
        *,
        most_memory: float = math.inf,  # noqa: ARG002
    ) -> Mapping[str, Estimate]:
        """What kinds have shown of which a run has ended well, whatever the mode."""
        found = ((estimate_key(work, FULL), self._of_kind(work)) for work, mode in wanted if mode == FULL)
        return {key: known for key, known in found if known is not None}

    def estimate(self, run: SubmittedRun, *, most_memory: float = math.inf) -> Estimate | None:
        """What was declared of the run, until its kind has shown more; and more after a kill."""
        if run.root_run_id in self._attempts:
            known = self._of_kind(run.work) or self._declared(run)
            return self._attempts.refine(known, run.root_run_id, most_memory)
        if run.declared is None or self._of_kind(run.work) is not None:
            return None
        return self._declared(run)

    def _of_kind(self, work: Work) -> Estimate | None:
        kind = self._kinds.get(work)
        if self._share is None or kind is None or not kind.duration:
            return None
        duration, cpu, memory = (
            Spread.exactly(values[math.ceil(self._share * len(values)) - 1])
            for values in (kind.duration, kind.cpu, kind.memory)
        )
        return Estimate(duration, cpu, memory, float(len(kind.duration)))

    def _declared(self, run: SubmittedRun) -> Estimate:
        said = filled(run.declared, request_of(self._book.policy(run.work.policy), FULL))
        return _exactly(said.duration, said.cpu, said.memory, 0.0, Source.DECLARED)


class Known:
    """Perfect knowledge: ``needs`` says what the run of an id will really take, as of now."""

    def __init__(self, needs: Callable[[str], Needs]) -> None:
        self._needs = needs
        self._told: dict[str, Estimate] = {}

    def observe(self, ended: EndedRun) -> None:
        """The next attempt may take longer or less long than this one did."""
        self._told.pop(ended.run.root_run_id, None)

    def estimates(
        self,
        wanted: Iterable[tuple[Work, str]],  # noqa: ARG002
        *,
        most_memory: float = math.inf,  # noqa: ARG002
    ) -> Mapping[str, Estimate]:
        """Each run is known by itself."""
        return {}

    def estimate(self, run: SubmittedRun, *, most_memory: float = math.inf) -> Estimate:  # noqa: ARG002
        """What the run takes."""
        run_id = run.root_run_id
        if run_id not in self._told:
            needs = self._needs(run_id)
            self._told[run_id] = _exactly(needs.duration, needs.cpu, needs.memory, _KNOWN)
        return self._told[run_id]


def learner_of(
    knowledge: Knowledge,
    book: PolicyBook,
    needs: Callable[[str], Needs],
    tuning: LearningTuning = LEARNING,
) -> Estimator:
    """What learns for a planner that is to know so much; ``needs`` is what a run will really take, by id."""
    if knowledge is Knowledge.LEARNED:
        return Learner(assumed=lambda work, mode: request_of(book.policy(work.policy), mode), tuning=tuning)
    if knowledge is Knowledge.PERFECT:
        return Known(needs)
    return Shown(book, SHARE if knowledge is Knowledge.SHOWN else None)


def requested(run: QueuedRun | ActiveRun, snapshot: Snapshot, book: PolicyBook) -> ResourceRequest:
    """What ``run`` requests: what its kind has shown, before that what was declared of it, else the prior.

    A run that was killed for want of memory requests at least what it is known to want.
    """
    own = run.estimate
    known = snapshot.estimates.get(estimate_key(run.work, FULL)) or own
    if known is None:
        return request_of(book.policy(run.work.policy), FULL)
    memory = known.memory.p90
    if own is not None and own.source is Source.OWN:
        memory = max(memory, own.memory.p90)
    return ResourceRequest(known.cpu.p90, round(memory), known.duration.p90)


def _exactly(
    duration: float, cpu: float, memory: float, runs: float, source: Source = Source.OWN
) -> Estimate:
    cores, seconds = Spread.exactly(cpu), Spread.exactly(duration)
    return Estimate(seconds, cores, Spread.exactly(float(memory)), runs, source)
