"""Production and simulation learn the same from the same runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_assets.coordinator.experience import Experience
from adaptive_assets.learning import LearningTuning
from adaptive_assets.ledger import OutOfMemory, RunUsageRow
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.resource_request import PRIOR, estimate_key
from adaptive_assets.planning.snapshot import Declaration, MachineReading, QueuedRun, Snapshot
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import DeclaredEstimate, Policy, PolicyBook, Rung
from adaptive_assets.simulation.baselines.observed_requests import learner_of
from adaptive_assets.simulation.engine.cluster import NodeSpec
from adaptive_assets.simulation.engine.knowledge import ALL_EVERY_S, SimulatedExperience
from adaptive_assets.simulation.engine.policy_assignment import Kinds
from adaptive_assets.simulation.engine.run_state import Attempt, Needs, Run
from adaptive_assets.simulation.engine.settings import Knowledge
from adaptive_assets.simulation.engine.simulated_node import SimulatedNode
from adaptive_assets.simulation.engine.waiting_queue import WaitingQueue
from adaptive_assets.simulation.traces.trace import TracedRun, Workload
from tests.simulation.worlds import BARE, Scripted, play

GIB: Final = 2**30
STARTS_AT: Final = 1_000_000.0
BOOK: Final = PolicyBook(
    version=1,
    policies=(
        Policy(name="p", jobs=("p",), estimate=DeclaredEstimate(cpu=2, memory=3 * GIB, duration=64)),
        Policy(name="q", jobs=("q",), degrade=(Rung(mode="reduced"),)),
    ),
)
MOST: Final = float(int(16 * GIB * BOOK.guards.memory))
EVIDENCE: Final = OutOfMemory(killed_at=0.0, counter="memory.events", kills=1, since=0.0, until=0.0)
ENDS: Final = {"ended": "SUCCESS", "killed": "FAILURE", "gave_way": "CANCELED"}


@dataclass(frozen=True)
class Ends:
    """One attempt of a run: how it ended, after how many seconds, with how many cores and GiB."""

    run: TracedRun
    how: str
    mode: str
    seconds: int
    cores: float
    held: int


@st.composite
def attempts(draw: st.DrawFn) -> list[Ends]:
    """Runs of a few names under two policies, some of them more than once; numbers that add up exactly."""
    runs = [
        TracedRun(
            f"r{number}",
            draw(st.sampled_from("abcdefg")),
            0.0,
            policy=draw(st.sampled_from("pq")),
            declared=draw(st.sampled_from([None, None, DeclaredEstimate(memory=GIB, duration=32.0)])),
            input_size=draw(st.sampled_from([None, None, 100.0, 400.0, 1600.0])),
        )
        for number in range(draw(st.integers(1, 12)))
    ]
    return [
        Ends(
            draw(st.sampled_from(runs)),
            draw(st.sampled_from(["ended", "ended", "ended", "killed", "gave_way"])),
            draw(st.sampled_from(["full", "full", "full", "reduced"])),
            draw(st.sampled_from([8, 16, 32, 60, 256])),
            draw(st.sampled_from([0.25, 0.5, 1.0, 4.0])),
            draw(st.integers(1, 12)) * GIB,
        )
        for _ in range(draw(st.integers(1, 25)))
    ]


class Simulated:
    """The path of the simulator, from an attempt that ends to the queue that a planner sees."""

    def __init__(self, runs: Sequence[TracedRun]) -> None:
        kinds = Kinds(Workload("w", tuple(runs)), BOOK)
        self.runs = [Run(traced, kinds.of(traced), number, 0) for number, traced in enumerate(runs)]
        self._by_id = {run.traced.run_id: run for run in self.runs}
        learner = learner_of(Knowledge.LEARNED, BOOK, lambda run_id: Needs(0.0, 0.0, 0))
        self._told = SimulatedExperience(learner, MOST, STARTS_AT)
        self._line = WaitingQueue(STARTS_AT, 1.0)
        self._node: SimulatedNode[Attempt] = SimulatedNode(
            NodeSpec("n", 4.0, 16 * GIB), lag_s=1, reading_every_s=1
        )
        for run in self.runs:
            self._told.arrives(run)
            self._line.add(run, 0.0)

    def ends(self, end: Ends, now: float) -> None:
        """An attempt of a queued run ends, and it waits again."""
        run = self._by_id[end.run.run_id]
        self._line.remove(end.run.run_id, now)
        needs = Needs(float(end.seconds), end.cores, end.held)
        attempt = Attempt(run, end.mode, self._node, now - end.seconds, needs, (0.0, 0.0))
        attempt.started = now - end.seconds
        run.last = attempt
        if end.how == "ended":
            self._told.ended(attempt, now)
        else:
            getattr(self._told, end.how)(attempt, end.held, now)
        self._told.left(run)
        self._told.arrives(run)
        self._line.add(run, now)

    def told(self, now: float) -> tuple[dict[str, Estimate | None], dict[str, Estimate]]:
        """What is told of each run alone, and of each kind."""
        of_kinds = dict(self._told.estimates(self._line, now))
        return (
            {run.run_id: run.estimate for run in self._line.seen()},
            of_kinds,
        )


class Produced:
    """The path of production, from the usage of a run that ended to the snapshot."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._experience = Experience()
        self._experience.govern(BOOK)
        self._runs = {run.traced.run_id: run for run in runs}
        self._number = 0

    def ends(self, end: Ends, now: float) -> None:
        """A run ends that is an attempt of another one, as Dagster's run retries are."""
        self._number += 1
        at, traced = STARTS_AT + now, end.run
        usage = RunUsageRow(
            run_id=f"attempt-{self._number}",
            work_key="",
            policy=traced.policy or "",
            mode=end.mode,
            node="n",
            status=ENDS[end.how],
            submitted_at=STARTS_AT,
            launched_at=None,
            started_at=at - end.seconds,
            ended_at=at,
            cpu_seconds=end.cores * (TUNING.launch_s + end.seconds),
            memory_peak=end.held,
            input_size=traced.input_size,
            root_run_id=traced.run_id,
            out_of_memory=EVIDENCE if end.how == "killed" else None,
            declared=self._declared(traced),
        )
        self._experience.ended([(self._runs[traced.run_id].kind.work, usage)])

    def told(self, now: float) -> tuple[dict[str, Estimate | None], dict[str, Estimate]]:
        """What is told of each run alone, and of each kind."""
        waiting = tuple(
            QueuedRun(
                f"next-{run_id}",
                run.kind.work,
                STARTS_AT,
                root_run_id=run_id,
                input_size=run.traced.input_size,
                declared=self._declared(run.traced),
            )
            for run_id, run in self._runs.items()
        )
        machine = MachineReading(STARTS_AT + now, 4.0, 0.0, 16 * GIB, 0)
        seen = self._experience.into(Snapshot(STARTS_AT + now, waiting, machine=machine))
        of_runs = {run.root_run_id: run.estimate for run in seen.queued}
        return of_runs, dict(seen.estimates)

    def _declared(self, run: TracedRun) -> Declaration | None:
        said = run.declared
        return None if said is None else Declaration(said.cpu, said.memory, said.duration)


@settings(deadline=None, max_examples=40)
@given(attempts())
def test_both_paths_say_the_same_of_every_run_and_kind(history: list[Ends]) -> None:
    """After each end: successes, kills, runs sent back, sizes, declarations, modes, kinds in two policies."""
    simulated = Simulated(list(dict.fromkeys(end.run for end in history)))
    produced = Produced(simulated.runs)
    assert simulated.told(0.0) == produced.told(0.0)
    for number, end in enumerate(history, 1):
        now = 2 * ALL_EVERY_S * number
        simulated.ends(end, now)
        produced.ends(end, now)
        assert simulated.told(now) == produced.told(now)


def test_the_runs_that_both_are_fed_with_are_told_apart() -> None:
    """Each of the three endings, the size and the declaration change what is said of a run."""
    plain = TracedRun("r", "a", 0.0, policy="p")
    usual = [Ends(replace(plain, run_id=f"u{n}"), "ended", "full", 60, 1.0, 2 * GIB) for n in range(9)]
    declared = replace(plain, declared=DeclaredEstimate(memory=GIB))

    def told(*history: Ends) -> tuple[Estimate | None, Estimate | None]:
        simulated = Simulated(list(dict.fromkeys(end.run for end in history)))
        for number, end in enumerate(history, 1):
            simulated.ends(end, 120.0 * number)
        of_runs, of_kinds = simulated.told(120.0 * len(history) + 120.0)
        work = next(run.kind.work for run in simulated.runs if run.traced.run_id == "r")
        return of_runs["r"], of_kinds.get(estimate_key(work, "full"))

    ended, killed, gave_way = (
        told(*usual, Ends(plain, how, "full", 60, 1.0, 8 * GIB)) for how in ("ended", "killed", "gave_way")
    )
    assert ended[0] is None
    assert killed[0] is not None
    assert gave_way[0] is not None
    assert killed[0].memory.p90 == gave_way[0].memory.p90 == 12 * GIB
    assert killed[1] != gave_way[1]
    (own, _) = told(Ends(declared, "gave_way", "full", 60, 1.0, GIB // 2))
    assert own is not None
    assert own.memory.p50 == GIB


def test_the_cpu_that_is_learned_is_the_mean_from_launch_to_end() -> None:
    """Start-up counts as it does in production."""
    run = TracedRun("r", "a", 0.0, duration_s=100.0, cpu=0.5, memory=GIB)
    later = TracedRun("later", "a", 300.0, duration_s=1.0, cpu=0.5, memory=GIB)
    for startup_s, startup_cpu, cpu in ((0.0, 1.0, 0.5), (10.0, 0.0, 50 / 110)):
        planner = Scripted(hold={"later": 400.0})
        world = replace(BARE, startup_s=startup_s, startup_cpu=startup_cpu)
        play(run, later, planner=planner, settings=world)
        (known,) = planner.at(350).estimates.values()
        assert known.cpu.p50 == pytest.approx(cpu, rel=0.05)


def test_runs_that_shared_a_core_teach_nothing_of_the_cpu_that_they_take() -> None:
    """Four of a core each on one core used a quarter of one; what is assumed of their kind stands."""
    runs = [TracedRun(f"r{n}", "a", 0.0, duration_s=100.0, cpu=1.0, memory=GIB) for n in range(4)]
    later = TracedRun("later", "a", 500.0, duration_s=1.0, cpu=1.0, memory=GIB)
    planner = Scripted(hold={"later": 600.0})
    play(*runs, later, planner=planner, settings=BARE)
    (known,) = planner.at(550).estimates.values()
    assert known.cpu.p50 == PRIOR.cpu
    assert known.duration.p50 == pytest.approx(400.0, rel=0.05)


def test_a_rule_of_the_learner_can_be_switched_off_in_a_simulation() -> None:
    """What was declared of a run is then not told of it."""
    runs = [TracedRun("r", "a", 0.0, duration_s=9.0, declared=DeclaredEstimate(memory=GIB))]

    def told(learning: LearningTuning) -> set[Estimate | None]:
        planner = Scripted(hold={"r": 5.0})
        play(*runs, planner=planner, settings=replace(BARE, learning=learning))
        return {run.estimate for seen in planner.seen for run in seen.queued}

    assert None not in told(LearningTuning())
    assert told(LearningTuning(declared=False)) == {None}
