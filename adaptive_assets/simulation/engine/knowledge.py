"""What the planner is told of what runs take: learned, declared or known."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from adaptive_assets.learning import (
    DecayedUsage,
    Declarations,
    Learner,
    Observation,
    asking_for,
    having_held,
    next_asked,
)
from adaptive_assets.learning.trend import logarithm, rounded
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import FULL, ResourceRequest, estimate_key, filled, request_of
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.simulation.engine.policy_assignment import TraceKind
from adaptive_assets.simulation.engine.run_state import Attempt, Run, needs_of
from adaptive_assets.simulation.engine.settings import Knowledge
from adaptive_assets.simulation.engine.waiting_queue import WaitingQueue

__all__ = ["Told"]

ALL_EVERY_S: Final = 60.0
"""How often all kinds are asked for again that wait or run."""

_KNOWN: Final = 100.0
"""The evidence behind what is known."""


class Told:
    """Learns from the runs that end, and says of those in the queue what their planner may know.

    ``most_memory`` is what the largest node can give: no run asks for more after it was killed.
    """

    def __init__(self, knowledge: Knowledge, most_memory: float, starts_at: float) -> None:
        self.usage = DecayedUsage()
        self._knowledge = knowledge
        self._most_memory = most_memory
        self._starts_at = starts_at
        self._learner = Learner()
        self._declarations = Declarations()
        self._present: Counter[TraceKind] = Counter()
        self._declared: dict[TraceKind, dict[Run, None]] = {}
        """Queued runs of which the planner is told what was declared, until their kind is known better."""
        self._sized: dict[TraceKind, dict[Run, None]] = {}
        """Queued runs of known size: of them the planner is told what runs as large take, once known."""
        self._of_sizes: dict[TraceKind, dict[float, Estimate | None]] = {}
        """By size, what runs of a kind take, as it was asked for last; ``None`` where it is what all take."""
        self._ended: dict[TraceKind, None] = {}
        """Kinds of which runs have ended since all kinds were asked for."""
        self._estimates: Mapping[str, Estimate] = {}
        self._changed: dict[TraceKind, None] = {}
        """Kinds of which something new may be known."""
        self._all_due = 0.0

    def slowdown(self, now: float) -> float | None:
        """How many times as long as expected the runs took that ended of late."""
        return self._learner.slowdown(self._starts_at + now)

    def arrives(self, run: Run, drift: float) -> None:
        """``run`` is about to join the queue; ``drift`` is how many times as long it will take."""
        kind = run.kind
        if not self._present[kind]:
            self._changed[kind] = None
        self._present[kind] += 1
        run.estimate = self._own(run, drift)

    def joined(self, run: Run) -> None:
        """It has joined."""
        if run.estimate is not None and run.estimate.source is Source.DECLARED:
            self._declared.setdefault(run.kind, {})[run] = None
        if run.traced.input_size is not None and not run.asked and not run.held:
            self._sized.setdefault(run.kind, {})[run] = None

    def launched(self, run: Run) -> None:
        """It has left the queue to run."""
        for told in (self._declared, self._sized):
            if runs := told.get(run.kind):
                runs.pop(run, None)

    def left(self, run: Run) -> None:
        """It neither waits nor runs any more, for now or for good."""
        self._present[run.kind] -= 1

    def gave_way(self, attempt: Attempt, held: int) -> None:
        """The attempt was sent back to the queue when it held so many bytes."""
        attempt.run.held = max(attempt.run.held, held)

    def killed(self, attempt: Attempt, held: int, now: float) -> None:
        """The attempt was killed for want of memory when it held so many bytes."""
        run = attempt.run
        run.asked = int(min(next_asked(held, run.asked), self._most_memory))
        self._observe(
            run.kind,
            Observation(
                run.kind.work,
                attempt.mode,
                self._starts_at + now,
                succeeded=False,
                memory=held,
                input_size=run.traced.input_size,
                out_of_memory=True,
            ),
        )

    def ended(self, attempt: Attempt, now: float) -> None:
        """The attempt ended well."""
        run, needs, ran = attempt.run, attempt.needs, attempt.ran(now)
        if run.traced.declared and attempt.mode == FULL and self._knowledge is Knowledge.LEARNED:
            took = ResourceRequest(needs.cpu, needs.memory, ran)
            self._declarations.observe(run.kind.policy.name, _said(run), took)
        mean_cpu = needs.cpu * needs.duration / ran if ran > 0 else needs.cpu
        self._observe(
            run.kind,
            Observation(
                run.kind.work,
                attempt.mode,
                self._starts_at + now,
                succeeded=True,
                duration_s=ran,
                cpu=min(needs.cpu, max(mean_cpu, attempt.peak_cpu)),
                memory=needs.memory,
                input_size=run.traced.input_size,
            ),
        )

    def estimates(self, line: WaitingQueue, now: float) -> Mapping[str, Estimate]:
        """What was learned of the kinds that wait or run; a new mapping whenever it says something new.

        Kinds that learned something, or are new, are asked for at once; what kin say changes slowly, and so
        does what sizes say: that is not worth a new queue in every cycle.
        """
        if self._knowledge is not Knowledge.LEARNED:
            return self._estimates
        everything = now >= self._all_due
        if everything:
            self._all_due = now + ALL_EVERY_S
            self._changed = {kind: None for kind, count in self._present.items() if count}
        if self._changed:
            wanted = [(kind.work, mode) for kind in self._changed for mode in kind.modes]
            self._changed = {}
            self._estimates = {
                **self._estimates,
                **self._learner.estimates(wanted, most_memory=self._most_memory),
            }
            for kind in [kind for kind in self._declared if self._knows(kind.work)]:
                for run in self._declared.pop(kind):
                    line.tell(run, self._beyond_its_kind(run))
            for runs in self._declared.values():
                for run in runs:
                    if (known := self._declared_of(run)) is not run.estimate:
                        line.tell(run, known)
            if everything:
                self._tell_sizes(line)
        return self._estimates

    def _observe(self, kind: TraceKind, observation: Observation) -> None:
        if self._knowledge is Knowledge.LEARNED:
            self._learner.observe(observation)
            self._changed[kind] = self._ended[kind] = None

    def _knows(self, work: Work) -> bool:
        known = self._estimates.get(estimate_key(work, FULL))
        return known is not None and known.source is Source.OWN

    def _tell_sizes(self, line: WaitingQueue) -> None:
        for kind in self._ended:
            self._of_sizes.pop(kind, None)
            for run in self._sized.get(kind, ()) if self._knows(kind.work) else ():
                if (known := self._of_its_size(run)) is not run.estimate:
                    line.tell(run, known)
        self._ended = {}

    def _own(self, run: Run, drift: float) -> Estimate | None:
        """What is told of this very run; ``None`` where its kind says all."""
        if self._knowledge is Knowledge.PERFECT:
            needs = needs_of(run.traced, run.kind.policy, FULL, drift)
            return _exactly(needs.duration, needs.cpu, needs.memory, _KNOWN)
        return self._beyond_its_kind(run)

    def _beyond_its_kind(self, run: Run) -> Estimate | None:
        """What is known of a run by its size, its earlier attempts, or by what was declared of it."""
        sized = learned = None
        if self._knowledge is Knowledge.LEARNED:
            sized = self._of_its_size(run)
            learned = sized or self._learned(run, None)
            if learned is not None and run.traced.declared and learned.source is Source.SIMILAR:
                learned = None  # what was said of this very run tells more
        known = learned or self._declared_of(run)
        if run.asked:
            return asking_for(known, run.asked)
        if run.held and self._knowledge is Knowledge.LEARNED:
            told = having_held(known, run.held, self._most_memory)
            if told is not known:
                return told
        return known if learned is None and run.traced.declared else sized

    def _of_its_size(self, run: Run) -> Estimate | None:
        """What runs as large take; ``None`` where its size is not known, or is not known to matter."""
        size = logarithm(run.traced.input_size)
        if size is None:
            return None
        known, at = self._of_sizes.setdefault(run.kind, {}), rounded(size)
        if at not in known:
            learned = self._learned(run, run.traced.input_size)
            known[at] = None if learned is self._learned(run, None) else learned
        return known[at]

    def _learned(self, run: Run, size: float | None) -> Estimate | None:
        return self._learner.estimate(run.kind.work, FULL, size, most_memory=self._most_memory)

    def _declared_of(self, run: Run) -> Estimate:
        """What was declared of the run, else of its policy, else the prior."""
        if self._knowledge is Knowledge.LEARNED:
            return self._declarations.estimate(run.kind.policy.name, _said(run))
        said = _said(run)
        return _exactly(said.duration, said.cpu, said.memory, 0.0)


def _said(run: Run) -> ResourceRequest:
    return filled(run.traced.declared, request_of(run.kind.policy, FULL))


def _exactly(duration: float, cpu: float, memory: float, runs: float) -> Estimate:
    return Estimate(Spread.exactly(duration), Spread.exactly(cpu), Spread.exactly(float(memory)), runs)
