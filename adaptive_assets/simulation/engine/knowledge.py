"""From the runs of a simulation to its learner, and from what that knows to the queue that planners see."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from adaptive_assets.learning import DecayedUsage, EndedRun, Ending, Estimator
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.simulation.engine.policy_assignment import TraceKind
from adaptive_assets.simulation.engine.run_state import Attempt, Run
from adaptive_assets.simulation.engine.waiting_queue import WaitingQueue

ALL_EVERY_S: Final = 60.0
"""How often all kinds and runs are asked about again that wait or run."""


class SimulatedExperience:
    """Tells a learner of the runs that end, and the planner what it says of those that have not.

    ``most_memory`` is what the largest node can give: no run asks for more after it was killed.
    """

    def __init__(self, learner: Estimator, most_memory: float, starts_at: float) -> None:
        self.usage = DecayedUsage()
        self._learner = learner
        self._most_memory = most_memory
        self._starts_at = starts_at
        self._present: Counter[TraceKind] = Counter()
        self._apart: dict[TraceKind, dict[Run, None]] = {}
        """Runs that wait or run, of which more may be known than of their kind."""
        self._estimates: Mapping[str, Estimate] = {}
        self._changed: dict[TraceKind, None] = {}
        """Kinds of which something new may be known."""
        self._all_due = 0.0

    def arrives(self, run: Run) -> None:
        """``run`` is about to join the queue."""
        kind = run.kind
        if not self._present[kind]:
            self._changed[kind] = None
        self._present[kind] += 1
        run.estimate = self._learner.estimate(run.submission, most_memory=self._most_memory)
        if run.estimate is not None or _may_differ(run):
            self._apart.setdefault(kind, {})[run] = None

    def left(self, run: Run) -> None:
        """It neither waits nor runs any more, for now or for good."""
        self._present[run.kind] -= 1
        if runs := self._apart.get(run.kind):
            runs.pop(run, None)

    def ended(self, attempt: Attempt, now: float) -> None:
        """The attempt ended well.

        Its CPU is what production sees of it: the mean from its launch to its end, which is lower where it
        was short of CPU; without the time for which it was suspended.
        """
        needs, ran = attempt.needs, attempt.ran(now)
        started = attempt.launched if attempt.started is None else attempt.started
        lasted = started - attempt.launched + ran
        startup_s, startup_cpu = attempt.startup
        core_s = startup_s * startup_cpu + needs.cpu * needs.duration
        cpu = core_s / lasted if lasted > 0 else needs.cpu
        busy = attempt.node.busy.share(attempt.launched, now)
        self._observe(attempt, now, Ending.SUCCEEDED, needs.memory, ran, cpu, cores_busy=busy)

    def killed(self, attempt: Attempt, held: int, now: float) -> None:
        """The attempt was killed for want of memory when it held so many bytes."""
        self._observe(attempt, now, Ending.OUT_OF_MEMORY, held)

    def gave_way(self, attempt: Attempt, held: int, now: float) -> None:
        """The attempt was sent back to the queue when it held so many bytes."""
        self._observe(attempt, now, Ending.CANCELED, held)

    def estimates(self, line: WaitingQueue, now: float) -> Mapping[str, Estimate]:
        """What was learned of the kinds that wait or run; a new mapping whenever it says something new.

        Kinds that learned something, or are new, are asked about at once, and their runs; what kin, sizes and
        declarations say changes slowly: that is not worth a new queue in every cycle.
        """
        everything = now >= self._all_due
        if everything:
            self._all_due = now + ALL_EVERY_S
            self._changed = {kind: None for kind, count in self._present.items() if count}
        if self._changed:
            wanted = [(kind.work, mode) for kind in self._changed for mode in kind.modes]
            known = self._learner.estimates(wanted, most_memory=self._most_memory)
            asked = {estimate_key(work, mode) for work, mode in wanted}
            if known or asked & self._estimates.keys():
                others = {key: told for key, told in self._estimates.items() if key not in asked}
                self._estimates = {**others, **known}
            for kind in self._changed:
                for run in [*self._apart.get(kind, ())]:
                    if everything or run.traced.input_size is None:
                        self._tell(run, line)
            self._changed = {}
        return self._estimates

    def _tell(self, run: Run, line: WaitingQueue) -> None:
        known = self._learner.estimate(run.submission, most_memory=self._most_memory)
        if known is None and not _may_differ(run):
            del self._apart[run.kind][run]  # its kind says all from now on
        if known is run.estimate:
            return
        run.estimate = known
        if run.attempt is None:
            line.tell(run)
        else:
            run.attempt.seen = None

    def _observe(
        self,
        attempt: Attempt,
        now: float,
        ending: Ending,
        memory: int,
        duration_s: float | None = None,
        cpu: float | None = None,
        *,
        cores_busy: float = 0.0,
    ) -> None:
        run, at = attempt.run, self._starts_at + now
        taken = (ending, duration_s, cpu, memory)
        ended = EndedRun(run.submission, attempt.mode, at, *taken, cores_busy=cores_busy)
        self._learner.observe(ended)
        self._changed[run.kind] = None


def _may_differ(run: Run) -> bool:
    """Whether more may be known of the run one day than of its kind, though it is not so now."""
    return run.last is not None or run.traced.input_size is not None
