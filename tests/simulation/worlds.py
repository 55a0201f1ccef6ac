"""Small worlds whose outcome can be worked out by hand: no start-up, a cycle each second, one node."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from adaptive_assets.planning.decisions import ActiveDecision, Decision, Plan, Verdict
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.resource_request import FULL
from adaptive_assets.planning.snapshot import ActiveRun, Snapshot
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.capabilities import EVERYTHING
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.policy_assignment import plain_book
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.outcome import Outcome, RunOutcome
from adaptive_assets.simulation.traces.trace import TracedRun, Workload

GIB: Final = 2**30
BARE: Final = Settings(
    startup_s=0.0, cycle_s=1.0, cancel_s=5.0, retry_s=5.0, quiet_s=1.0, capabilities=EVERYTHING
)
"""A world in which all can be done that a plan may propose."""
WHY: Final = (Reason(ReasonCode.FITS, sentence="the test says so"),)


def traced(run_id: str, duration_s: float = 100.0, *, at: float = 0.0, **more: Any) -> TracedRun:
    """A run of one core and a quarter of a GiB, if nothing else is said."""
    given = {"name": run_id, "cpu": 1.0, "memory": GIB // 4, **more}
    return TracedRun(run_id, submit_s=at, duration_s=duration_s, **given)


@dataclass(slots=True)
class Scripted:
    """Launches what is queued, and does to running work what is written for a time, at the first cycle then.

    What is in ``hold`` stays in the queue until the time given. ``weights`` are those that differ from the
    usual CPU weight. ``seen`` are all snapshots.
    """

    script: Mapping[float, Iterable[tuple[Verdict, str]]] = field(default_factory=dict)
    hold: Mapping[str, float] = field(default_factory=dict)
    mode: str = FULL
    node: str = ""
    weights: Mapping[str, int] = field(default_factory=dict)
    starts_at: float = BARE.starts_at
    seen: list[Snapshot] = field(default_factory=list)
    done: set[float] = field(default_factory=set)

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Do as it is written."""
        self.seen.append(snapshot)
        now = snapshot.at - self.starts_at
        running: list[ActiveDecision] = []
        active = {run.run_id: run for run in snapshot.active}
        for at, changes in self.script.items():
            if at <= now and at not in self.done:
                self.done.add(at)
                running += [_change(verdict, active[run_id]) for verdict, run_id in changes]
        decisions = []
        for run in snapshot.queued:
            held = self.hold.get(run.run_id, 0.0) > now
            verdict = Verdict.DEFER if held else Verdict.LAUNCH
            tier = book.policy(run.work.policy).tier
            weight = self.weights.get(run.run_id, 100)
            decision = Decision(verdict, run.work, tier, self.mode, WHY, (run,), node=self.node)
            decisions.append(replace(decision, cpu_weight=weight))
        return Plan(snapshot.at, book.revision, tuple(decisions), tuple(running))

    def at(self, now: float) -> Snapshot:
        """The first snapshot that was taken at ``now`` or later."""
        return next(each for each in self.seen if each.at - self.starts_at >= now)


def _change(verdict: Verdict, run: ActiveRun) -> ActiveDecision:
    return ActiveDecision(verdict, run.work, "standard", run.mode, WHY, (run,))


def play(
    *runs: TracedRun,
    cores: float = 1.0,
    memory: float = 64 * GIB,
    cluster: Cluster | None = None,
    book: PolicyBook | None = None,
    settings: Settings = BARE,
    **more: Any,
) -> Outcome:
    """The outcome of ``runs`` on one node; everything is launched at once, if no planner is given."""
    workload = Workload.of("by hand", runs)
    more.setdefault("planner", Scripted())
    return simulate(
        workload,
        book or plain_book(workload),
        cluster or Cluster.of(cores, int(memory)),
        settings=settings,
        **more,
    )


def by_id(outcome: Outcome) -> dict[str, RunOutcome]:
    """The outcomes of the runs by their ids."""
    return {run.run.run_id: run for run in outcome.runs}


def ends(outcome: Outcome) -> dict[str, float | None]:
    """When each run ended, to the millisecond."""
    return {run.run.run_id: None if run.ended_s is None else round(run.ended_s, 3) for run in outcome.runs}
