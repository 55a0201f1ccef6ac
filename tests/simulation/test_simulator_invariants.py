"""What holds in every simulation, whatever arrives, befalls it, and is decided."""

from collections.abc import Iterator
from random import Random
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive_assets.planning.decisions import ActiveDecision, Decision, Plan, Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.resource_request import FULL
from adaptive_assets.planning.snapshot import RunState, Snapshot
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.baselines.bounds import most_work, soonest_end
from adaptive_assets.simulation.baselines.stock import Stock
from adaptive_assets.simulation.engine.capabilities import EVERYTHING
from adaptive_assets.simulation.engine.cluster import Cluster, NodeSpec
from adaptive_assets.simulation.engine.policy_assignment import plain_book
from adaptive_assets.simulation.engine.settings import Knowledge, Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.scenarios.events import (
    DurationDrift,
    Event,
    NodeLoss,
    Scenario,
    SlowDisk,
    StrangerCpu,
    StrangerMemory,
)
from adaptive_assets.simulation.traces.trace import TracedRun, Workload
from tests.simulation.worlds import GIB, WHY

UNHURRIED: Final = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
QUICK: Final = Settings(stall_s=4 * 3600.0, capabilities=EVERYTHING)

CLUSTERS: Final = (
    Cluster.of(2, 8 * GIB),
    Cluster((NodeSpec("a", 2, 8 * GIB), NodeSpec("b", 4, 16 * GIB, "spot"))),
)
EVENTS: Final[tuple[Event, ...]] = (
    NodeLoss(node="a", at=40, lasts=100),
    StrangerCpu(at=20, lasts=200, cores=1.5),
    StrangerMemory(at=60, lasts=200, amount=2 * GIB),
    StrangerMemory(at=30, lasts=100, grows_per_s=GIB // 50),
    SlowDisk(at=10, lasts=300, factor=4.0),
    DurationDrift(at=50, factor=1.5),
)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """A dozen runs or so, some of which depend on earlier ones."""
    runs: list[TracedRun] = []
    for number in range(draw(st.integers(1, 14))):
        parents = draw(st.sets(st.sampled_from([run.run_id for run in runs]), max_size=2)) if runs else set()
        runs.append(
            TracedRun(
                f"r{number}",
                draw(st.sampled_from(["x", "y", "z"])),
                submit_s=float(draw(st.sampled_from([0, 1, 30, 31, 120]))),
                tier=draw(st.sampled_from(["critical", "standard", "batch"])),
                deadline_s=draw(st.sampled_from([None, 30.0, 300.0])),
                depends_on=tuple(sorted(parents)),
                priority=draw(st.integers(0, 2)),
                duration_s=draw(st.sampled_from([0.0, 1.0, 20.0, 33.3, 200.0])),
                cpu=draw(st.sampled_from([0.0, 0.3, 1.0, 3.0])),
                memory=draw(st.sampled_from([0, GIB // 2, 3 * GIB, 7 * GIB])),
                io=draw(st.sampled_from([0.0, 0.12, 0.5, 1.0])),
            )
        )
    return Workload.of("any", runs)


class Whim:
    """A planner that does whatever comes to its mind, within what can be done."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """Decide by the dice."""
        return Plan(
            snapshot.at,
            book.revision,
            tuple(self._decisions(snapshot, book)),
            tuple(self._changes(snapshot)),
        )

    def _decisions(self, snapshot: Snapshot, book: PolicyBook) -> Iterator[Decision]:
        for run in snapshot.queued:
            verdict = self._random.choices((Verdict.LAUNCH, Verdict.DEFER, Verdict.FAIL), (40, 60, 1))[0]
            yield Decision(verdict, run.work, book.policy(run.work.policy).tier, FULL, WHY, (run,))

    def _changes(self, snapshot: Snapshot) -> Iterator[ActiveDecision]:
        verdicts = (Verdict.KEEP, Verdict.SUSPEND, Verdict.RESUME, Verdict.REQUEUE)
        for run in snapshot.active:
            verdict = self._random.choices(verdicts, (60, 5, 5, 30))[0]
            if run.actions:
                yield ActiveDecision(verdict, run.work, "batch", run.mode, WHY, (run,))


def holds(outcome: Outcome) -> None:
    """Check everything that must hold."""
    had = outcome.cluster.cores * outcome.end_s
    used = sum(run.useful_core_s + run.wasted_core_s for run in outcome.runs)
    assert outcome.used_core_s <= had * (1 + 1e-9)
    if all(run.finished or not run.unfinished.startswith("still") for run in outcome.runs):
        starting = QUICK.startup_s * QUICK.startup_cpu * sum(run.finished for run in outcome.runs)
        assert abs(outcome.used_core_s - used - starting) <= 1e-6 * max(1.0, used)
    for sample in outcome.series:
        for node, use in zip(outcome.cluster.nodes, sample.nodes, strict=True):
            assert -1e-9 <= use.cpu <= node.cores + 1e-6
            assert use.memory >= 0
            assert use.memory == 0 or use.memory + use.stranger_memory <= node.memory
    for run in outcome.runs:
        assert (run.ended_s is None) == bool(run.unfinished)
        if run.ended_s is not None:
            assert run.released_s is not None
            assert run.launched_s is not None
            assert run.started_s is not None
            assert run.released_s <= run.launched_s <= run.started_s <= run.ended_s <= outcome.end_s
            assert run.ended_s - run.started_s >= run.run.duration_s - 1e-6
            assert run.attempts >= 1 + run.oom_kills
            assert all(run.run.submit_s <= at <= outcome.end_s for at in run.killed_at)


def parents_first(outcome: Outcome) -> None:
    """No run was released before all that it depends on had ended."""
    ended = {run.run.run_id: run.ended_s for run in outcome.runs}
    for run in outcome.runs:
        if run.released_s is not None:
            assert all(
                (ended[parent] or float("inf")) <= run.released_s or ended[parent] == 0.0
                for parent in run.run.depends_on
            )
            assert run.released_s >= run.run.submit_s


@UNHURRIED
@given(
    workloads(),
    st.sampled_from(CLUSTERS),
    st.integers(0, 10_000),
    st.sets(st.sampled_from(range(len(EVENTS)))),
)
def test_nothing_is_lost_and_nothing_comes_from_nothing(
    workload: Workload, cluster: Cluster, seed: int, befalls: set[int]
) -> None:
    """Whatever a planner does: no more is used than there is, and every run ends or says why it did not."""
    names = {node.name for node in cluster.nodes}
    known = {run.name for run in workload.runs}
    events = [EVENTS[place] for place in sorted(befalls)]
    events = [event for event in events if not isinstance(event, NodeLoss) or event.node in names]
    assert known
    outcome = simulate(
        workload,
        plain_book(workload),
        cluster,
        planner=Whim(seed),
        scenario=Scenario(tuple(events)),
        settings=QUICK,
        seed=seed,
    )
    holds(outcome)
    parents_first(outcome)


@UNHURRIED
@given(workloads(), st.sampled_from(CLUSTERS), st.sampled_from(list(Knowledge)))
def test_the_same_arguments_give_the_same_outcome(
    workload: Workload, cluster: Cluster, knowledge: Knowledge
) -> None:
    """With the real planner, twice; and what holds for a whim holds for it."""

    def once() -> Outcome:
        return simulate(
            workload, plain_book(workload), cluster, planner=plan, knowledge=knowledge, settings=QUICK
        )

    first = once()
    assert first == once()
    holds(first)
    parents_first(first)


@UNHURRIED
@given(workloads(), st.integers(1, 6))
def test_nobody_beats_the_bounds(workload: Workload, runs: int) -> None:
    """What is finished by any time is no more than capacity times time, and the end is no sooner."""
    cluster = CLUSTERS[0]
    outcome = simulate(workload, plain_book(workload), cluster, planner=Stock(runs), settings=QUICK)
    for run in outcome.runs:
        if run.ended_s is not None:
            done = sum(
                other.useful_core_s
                for other in outcome.runs
                if other.ended_s is not None and other.ended_s <= run.ended_s
            )
            assert done <= most_work(workload, cluster, run.ended_s) + 1e-6
    if all(run.finished for run in outcome.runs):
        assert outcome.end_s >= soonest_end(workload, cluster) - 1e-6


@UNHURRIED
@given(workloads(), st.integers(0, 10_000))
def test_a_snapshot_tells_only_what_can_be_seen(workload: Workload, seed: int) -> None:
    """Queue and active runs are apart, and in the order of submission; memory adds up; times lie behind."""
    whim = Whim(seed)

    def planner(snapshot: Snapshot, book: PolicyBook) -> Plan:
        queued, active = [run.run_id for run in snapshot.queued], [run.run_id for run in snapshot.active]
        assert len({*queued, *active}) == len(queued) + len(active)
        submitted = [run.submitted_at for run in snapshot.queued]
        assert submitted == sorted(submitted)
        assert all(run.launched_at <= snapshot.at for run in snapshot.active)
        assert all(run.ran_s is not None for run in snapshot.active if run.state is RunState.SUSPENDED)
        assert snapshot.machine is not None
        assert snapshot.machine.cpu_used <= snapshot.machine.cpu_capacity + 1e-6
        assert snapshot.machine.at <= snapshot.at
        held = sum(run.memory_used or 0 for run in snapshot.active)
        assert held <= snapshot.machine.memory_capacity
        return whim(snapshot, book)

    simulate(workload, plain_book(workload), CLUSTERS[0], planner=planner, settings=QUICK)
