"""What runs will take, from what is known of them and from the runs that ended."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from adaptive_assets.learning.attempts import Attempts
from adaptive_assets.learning.declarations import Declarations
from adaptive_assets.learning.ended_run import EndedRun, SubmittedRun
from adaptive_assets.learning.kinds import Assumed, Kinds
from adaptive_assets.learning.tuning import LEARNING, LearningTuning
from adaptive_assets.planning.estimates import Estimate, Source
from adaptive_assets.planning.resource_request import FULL, PRIOR, ResourceRequest, estimate_key, filled
from adaptive_assets.planning.snapshot import Work

_VERSION: Final = 1
"""Of what :meth:`Learner.snapshot` gives: another one is not read."""


class Estimator(Protocol):
    """Says what runs will take: :class:`Learner`, or what the simulator compares it with.

    ``most_memory`` (bytes) is what any run can be given: runs that were killed teach to ask for more, but not
    for more than that.
    """

    def observe(self, ended: EndedRun) -> None:
        """Learn from one run that ended; runs come in the order in which they did."""

    def estimates(
        self, wanted: Iterable[tuple[Work, str]], *, most_memory: float = math.inf
    ) -> Mapping[str, Estimate]:
        """What kinds of work take in a mode, by :func:`estimate_key`."""

    def estimate(self, run: SubmittedRun, *, most_memory: float = math.inf) -> Estimate | None:
        """What this very run takes in full, if more is known of it than of its kind; ``None`` otherwise.

        The same object while nothing has changed.
        """


class Learner:
    """Estimates from runs that ended: by kind of work and mode, size, declaration and earlier attempts.

    What was learned is a function of the runs and their order alone: no clock, no chance, and asking changes
    nothing.  ``assumed`` says what to take for a quantity that no run has shown while the others are known
    (memory where processes cannot be seen).  The 10,000 kinds seen last are remembered.
    """

    def __init__(self, *, assumed: Assumed | None = None, tuning: LearningTuning = LEARNING) -> None:
        self._assumed = assumed
        self._tuning = tuning
        self._kinds = Kinds(assumed, tuning)
        self._declarations = Declarations(tuning)
        self._attempts = Attempts(tuning)

    def observe(self, ended: EndedRun) -> None:
        """Learn from one run that ended; runs come in the order in which they did."""
        run = ended.run
        self._kinds.observe(ended)
        self._attempts.observe(ended)
        if run.declared is not None and ended.succeeded and ended.mode == FULL:
            took = (
                None if ended.cores_busy >= self._tuning.short_of_cpu else ended.cpu,
                ended.memory,
                ended.duration_s,
            )
            self._declarations.observe(run.work.policy, self._said(run), took)

    def of_kind(
        self, work: Work, mode: str = FULL, input_size: float | None = None, *, most_memory: float = math.inf
    ) -> Estimate | None:
        """What the next run of ``work`` in ``mode`` will take; ``None`` where nothing is known of it.

        The same object is returned while nothing has changed.  Sizes within half an octave share an
        estimate, and all do where the size was not seen to matter.
        """
        return self._kinds.estimate(work, mode, input_size, most_memory=most_memory)

    def estimates(
        self, wanted: Iterable[tuple[Work, str]], *, most_memory: float = math.inf
    ) -> Mapping[str, Estimate]:
        """The estimates of those kinds in modes that are known."""
        found = (
            (estimate_key(work, mode), self.of_kind(work, mode, most_memory=most_memory))
            for work, mode in wanted
        )
        return {key: estimate for key, estimate in found if estimate is not None}

    def estimate(self, run: SubmittedRun, *, most_memory: float = math.inf) -> Estimate | None:
        """What this very run takes in full, if more is known of it than of its kind; ``None`` otherwise.

        That is what runs of its size take; where no run of its kind has succeeded, what was declared of it,
        times what declarations under its policy turned out to be worth; and more memory after an attempt that
        was killed for want of it, or canceled.
        """
        of_kind = self.of_kind(run.work, most_memory=most_memory)
        known = of_kind
        if run.input_size is not None:
            known = self.of_kind(run.work, FULL, run.input_size, most_memory=most_memory)
        if self._tuning.declared and run.declared is not None and not _shown(known):
            known = self._declarations.estimate(run.work.policy, self._said(run))
        if run.root_run_id in self._attempts:
            known = known or self._declarations.estimate(run.work.policy, self._said(run))
            known = self._attempts.refine(known, run.root_run_id, most_memory)
        return None if known is of_kind else known

    def snapshot(self) -> Mapping[str, Any]:
        """What was learned, as JSON has it: of the kinds seen last, those with 10,000 runs together."""
        return {
            "version": _VERSION,
            "kinds": self._kinds.snapshot(),
            "declarations": self._declarations.snapshot(),
            "attempts": self._attempts.snapshot(),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Begin with what a learner had learned that gave ``snapshot``; only on one that has learned nothing.

        Raises:
            ValueError: it is of another version, or no snapshot at all; nothing has been learned.
        """
        before = self._kinds, self._declarations, self._attempts
        self._kinds = Kinds(self._assumed, self._tuning)
        self._declarations, self._attempts = Declarations(self._tuning), Attempts(self._tuning)
        try:
            if snapshot["version"] != _VERSION:
                raise ValueError(f"version {snapshot['version']}")
            self._kinds.restore(snapshot["kinds"])
            self._declarations.restore(snapshot["declarations"])
            self._attempts.restore(snapshot["attempts"])
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            self._kinds, self._declarations, self._attempts = before
            raise ValueError(f"what was learned cannot be read: it must be of version {_VERSION}") from error

    def _said(self, run: SubmittedRun) -> ResourceRequest:
        """What was declared of the run, and what was not, of its policy."""
        return filled(run.declared, self._assumed(run.work, FULL) if self._assumed else PRIOR)


def _shown(known: Estimate | None) -> bool:
    """Whether runs of the kind itself have shown what it takes."""
    return known is not None and known.source is Source.OWN and known.runs > 0
