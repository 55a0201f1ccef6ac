"""What the planner is told of what runs take: learned, declared or known."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

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
from adaptive_assets.planning.demand import FULL, Demand, demand_of, filled
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.simulation.policies import Kind
from adaptive_assets.simulation.run_life import Attempt, Run, needs_of
from adaptive_assets.simulation.settings import Knowledge
from adaptive_assets.simulation.waiting_line import WaitingLine

__all__ = ["Told"]

ALL_EVERY_S: Final = 60.0
"""How often all kinds are asked for again that wait or run."""

_KNOWN: Final = 100.0
"""The evidence behind what is known."""


class _About(NamedTuple):
    """What runs have in common of which the same is told: their kind, and about how large they are."""

    kind: Kind
    size: float | None
    declared: Demand | None


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
        self._present: Counter[Kind] = Counter()
        self._queued: dict[Kind, dict[Run, _About]] = {}
        """Queued runs with a size or a declaration: more may be known of them than of their kind."""
        self._sized: dict[_About, Estimate] = {}
        """What is told of the runs of a kind that are about as large, until all are asked for again."""
        self._declared: dict[Kind, None] = {}
        """Kinds of which the planner is told what was declared of each run, until they are known better."""
        self._estimates: Mapping[str, Estimate] = {}
        self._changed: dict[Kind, None] = {}
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
        traced = run.traced
        if self._knowledge is not Knowledge.LEARNED or run.asked or run.held:
            return
        if traced.declared or traced.input_size is not None:
            self._queued.setdefault(run.kind, {})[run] = _about(run)
            if run.estimate is not None and run.estimate.source is Source.DECLARED:
                self._declared[run.kind] = None

    def launched(self, run: Run) -> None:
        """It has left the queue to run."""
        if queued := self._queued.get(run.kind):
            queued.pop(run, None)
            if not queued:
                del self._queued[run.kind]
                self._declared.pop(run.kind, None)

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
            took = Demand(needs.cpu, needs.memory, ran)
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
                declared=_said(run) if run.traced.declared and attempt.mode == FULL else None,
            ),
        )

    def estimates(self, line: WaitingLine, now: float) -> Mapping[str, Estimate]:
        """What was learned of the kinds that wait or run; a new mapping whenever it says something new.

        Kinds that learned something, or are new, are asked for at once; what kin say changes slowly. So does
        what a size says, of which single runs are told: that is worth no new queue in every cycle.
        """
        if self._knowledge is not Knowledge.LEARNED:
            return self._estimates
        again = self._declared
        if now >= self._all_due:
            self._all_due = now + ALL_EVERY_S
            self._changed = {kind: None for kind, count in self._present.items() if count}
            again = self._changed
            self._sized.clear()
        if self._changed:
            changed, self._changed = self._changed, {}
            wanted = [(kind.work, mode) for kind in changed for mode in kind.modes]
            self._estimates = {
                **self._estimates,
                **self._learner.estimates(wanted, most_memory=self._most_memory),
            }
            for kind in list(again):
                self._tell_again(kind, line)
        return self._estimates

    def _observe(self, kind: Kind, observation: Observation) -> None:
        if self._knowledge is Knowledge.LEARNED:
            self._learner.observe(observation)
            self._changed[kind] = None

    def _tell_again(self, kind: Kind, line: WaitingLine) -> None:
        """Tell of the queued runs of ``kind`` what is known of them by now."""
        self._declared.pop(kind, None)
        for run, about in self._queued.get(kind, {}).items():
            told = self._sized.get(about) or self._beyond_its_kind(run, about)
            if told is not run.estimate:
                line.tell(run, told)
            if told is not None and told.source is Source.DECLARED:
                self._declared[kind] = None

    def _own(self, run: Run, drift: float) -> Estimate | None:
        """What is told of this very run; ``None`` where its kind says all."""
        if self._knowledge is Knowledge.PERFECT:
            needs = needs_of(run.traced, run.kind.policy, FULL, drift)
            return _exactly(needs.duration, needs.cpu, needs.memory, _KNOWN)
        told = self._beyond_its_kind(run, _about(run))
        if run.asked or run.held:
            known = told or self._of_kind(run) or self._declared_of(run)
            if run.asked:
                return asking_for(known, run.asked)
            if self._knowledge is Knowledge.LEARNED:
                more = having_held(known, run.held, self._most_memory)
                return told if more is known else more
        return told

    def _beyond_its_kind(self, run: Run, about: "_About") -> Estimate | None:
        """What is known of a run by its size, or was declared of it; ``None`` where its kind says all."""
        if self._knowledge is Knowledge.LEARNED:
            if about in self._sized:
                return self._sized[about]
            known = self._learner.estimate(
                run.kind.work,
                FULL,
                run.traced.input_size,
                declared=about.declared,
                most_memory=self._most_memory,
            )
            if known is not None and (about.declared is None or known.source is Source.OWN):
                if known is self._of_kind(run):
                    return None
                self._sized[about] = known
                return known
        return self._declared_of(run) if about.declared else None

    def _of_kind(self, run: Run) -> Estimate | None:
        if self._knowledge is not Knowledge.LEARNED:
            return None
        return self._learner.estimate(run.kind.work, FULL, most_memory=self._most_memory)

    def _declared_of(self, run: Run) -> Estimate:
        """What was declared of the run, else of its policy, else the prior."""
        if self._knowledge is Knowledge.LEARNED:
            return self._declarations.estimate(run.kind.policy.name, _said(run))
        said = _said(run)
        return _exactly(said.duration, said.cpu, said.memory, 0.0)


def _about(run: Run) -> _About:
    traced = run.traced
    return _About(run.kind, rounded(logarithm(traced.input_size)), _said(run) if traced.declared else None)


def _said(run: Run) -> Demand:
    return filled(run.traced.declared, demand_of(run.kind.policy, FULL))


def _exactly(duration: float, cpu: float, memory: float, runs: float) -> Estimate:
    return Estimate(Spread.exactly(duration), Spread.exactly(cpu), Spread.exactly(float(memory)), runs)
