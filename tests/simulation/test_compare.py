"""Comparing planners: the same world for each, what is waited for, and preemptions that are remembered."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.planning.decisions import ActiveDecision, Plan, Verdict
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.snapshot import ActiveRun, Snapshot, Work
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.policy_assignment import plain_book
from adaptive_assets.simulation.evaluation.compare import compare
from adaptive_assets.simulation.evaluation.comparison import Role, setting_text
from adaptive_assets.simulation.evaluation.outcome import RunOutcome
from adaptive_assets.simulation.evaluation.preemptions import Observed, PreemptionRecord
from adaptive_assets.simulation.evaluation.waiting import IDLE, waiting
from adaptive_assets.simulation.traces.trace import TracedRun
from tests.reporting.outcomes import CLUSTER, workload

TIERS = ("critical", "batch")


def test_a_comparison_is_made_of_the_same_world() -> None:
    """Ours first, each baseline once at its best, the oracle last; progress grows up to one."""
    small = workload(12)
    told: list[float] = []
    found = compare(small, plain_book(small), CLUSTER, progress=lambda done, _: told.append(done))
    roles = [each.role for each in found.contenders]
    assert roles == [Role.OURS, *[Role.BASELINE] * (len(roles) - 2), Role.ORACLE]
    assert len({each.name for each in found.contenders}) == len(roles)
    assert {trial.family for trial in found.trials} == {each.name for each in found.baselines}
    assert all(len(each.outcome.runs) == 12 for each in found.contenders)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def run(name: str, tier: str, released: float, launched: float, ended: float, cpu: float = 1.0) -> RunOutcome:
    """A run that was launched once."""
    waited = launched - released
    return RunOutcome(
        run=TracedRun(name, name, released, tier, cpu=cpu, duration_s=ended - launched),
        tier=tier,
        policy=tier,
        released_s=released,
        launched_s=launched,
        ended_s=ended,
        wait_s=waited,
        blocked_by={"cpu": waited} if waited else {},
    )


def test_waits_are_shared_out_by_cores() -> None:
    """A run waits 10 s behind batch alone, then 10 s behind three cores of batch and one of critical."""
    runs = [
        run("a", "batch", 0, 0, 30, cpu=3),
        run("b", "critical", 10, 10, 20, cpu=1),
        run("c", "critical", 0, 20, 25, cpu=1),
    ]
    found = waiting(runs, TIERS, 30)
    assert found.behind["critical"]["batch"] == pytest.approx(10 + 7.5)
    assert found.behind["critical"]["critical"] == pytest.approx(2.5)
    assert sum(found.behind["batch"].values()) == 0
    assert found.codes() == ["cpu"]


def test_waiting_for_nobody() -> None:
    """Where nothing runs, nobody is to blame; before the first launch and after the last end."""
    runs = [
        run("a", "batch", 0, 10, 20),
        replace(run("b", "batch", 30, 40, 50), launched_s=None, ended_s=None),
    ]
    found = waiting([runs[0], replace(runs[1], wait_s=20.0)], TIERS, 50)
    assert found.behind["batch"][IDLE] == pytest.approx(30)
    assert found.behind["batch"]["batch"] == pytest.approx(0)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 60), st.integers(1, 60)), min_size=1, max_size=30)
)
def test_no_wait_is_lost(times: list[tuple[int, int, int]]) -> None:
    """What tiers waited behind each other, and behind nobody, adds up to what they waited."""
    runs = [
        run(str(place), TIERS[place % 2], at, at + wait, at + wait + lasts)
        for place, (at, wait, lasts) in enumerate(times)
    ]
    found = waiting(runs, TIERS, 300)
    assert sum(sum(found.behind[tier].values()) for tier in TIERS) == pytest.approx(
        sum(one.wait_s for one in runs), abs=1e-6
    )
    assert all(held >= -1e-6 for tier in TIERS for held in found.behind[tier].values())


def test_an_observed_planner_plans_the_same() -> None:
    """Its plan is passed on; what has to give way is remembered with the time since the start, and why."""
    work = Work("nightly", "batch")
    active = ActiveRun("a", work, "full", 1000.0)
    reason = Reason(ReasonCode.MEMORY, sentence="room for `forecast`")
    decided = Plan(
        1010.0,
        "r",
        running=tuple(
            ActiveDecision(verdict, work, "batch", "full", (reason,), (active,))
            for verdict in (Verdict.KEEP, Verdict.SUSPEND)
        ),
    )
    observed = Observed(lambda snapshot, book: decided, 1000.0)
    assert observed(Snapshot(1010.0), PolicyBook(version=1)) is decided
    assert observed.preemptions == [PreemptionRecord(10.0, "nightly suspended: room for `forecast`")]


def test_settings_are_said_in_words() -> None:
    """Runs at once, limits by tier, shares."""
    assert setting_text({"runs": 8, "standard": 3}) == "8 runs, standard 3"
    assert setting_text({"runs": 1}) == "1 run"
    assert setting_text({"cpu_share": 0.5443}) == "CPU up to 54%"
