"""A world in which runs are made of stages: what is composed of them, and what comes of it."""

from collections import Counter

import pytest

from adaptive_assets.planning.plan import plan
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.settings import Knowledge
from adaptive_assets.simulation.evaluation.measures import measure
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.scenarios.events import DataTrouble
from adaptive_assets.simulation.scenarios.scenario import Scenario
from tests.planning.compact import book_of
from tests.simulation.worlds import GIB, Scripted, by_id, play, traced

STAGES = [
    {"name": "load", "estimate": {"cpu": 1, "memory": "1GiB", "duration": "1m"}},
    {"name": "routes", "after": ["load"], "estimate": {"cpu": 1, "memory": "2GiB", "duration": "2m"}},
    {"name": "carriers", "after": ["load"], "estimate": {"cpu": 1, "memory": "2GiB", "duration": "2m"}},
    {
        "name": "maps",
        "after": ["load"],
        "optional": True,
        "reads": ["tiles"],
        "estimate": {"cpu": 1, "memory": "3GiB", "duration": "3m"},
    },
]
"""In full 3 cores and 7 GiB for 4 min, in sequence 1 and 3 for 8 min, the essential 2 and 4 for 3 min."""


def book(*, stages: bool, **more: object) -> PolicyBook:
    """Reports that are known to take so much in full, with their stages or without."""
    policy = {
        "name": "reports",
        "jobs": ["report"],
        "objective": {"deadline": "12m"},
        "estimate": {"cpu": 3, "memory": "7GiB", "duration": "4m"},
        **more,
    }
    return book_of({"policies": [{**policy, "stages": STAGES} if stages else policy]})


def surge(planned_by: PolicyBook) -> Outcome:
    """Ten reports, one each 90 s, on a machine that has room for one and a half in full at a time."""
    runs = [
        traced(f"r{number}", 240, at=90 * number, name="report", cpu=3.0, memory=7 * GIB)
        for number in range(10)
    ]
    return play(*runs, cores=8, memory=16 * GIB, planner=plan, book=planned_by, knowledge=Knowledge.PERFECT)


def test_each_composition_takes_what_its_stages_take_in_proportion() -> None:
    """Of what the run really takes in full: here, all is twice as much as declared."""
    run = traced("r", 480, name="report", cpu=6.0, memory=14 * GIB)
    took = {}
    for mode in ("full", "in_sequence", "essential", "essential_in_sequence"):
        outcome = play(run, cores=8, book=book(stages=True), planner=Scripted(mode=mode)).runs[0]
        took[mode] = (outcome.ended_s, outcome.useful_core_s)
    assert took == {
        "full": (480, 6 * 480),
        "in_sequence": (pytest.approx(960), pytest.approx(2 * 960)),
        "essential": (pytest.approx(360), pytest.approx(4 * 360)),
        "essential_in_sequence": (pytest.approx(600), pytest.approx(2 * 600)),
    }


def test_under_pressure_runs_of_stages_keep_deadlines_that_whole_ones_miss() -> None:
    """The first goes in full, those after it one stage after another or without what is optional."""
    without, composed = surge(book(stages=False)), surge(book(stages=True))
    assert [run.mode for run in without.runs] == ["full"] * 10
    assert sum(run.missed for run in without.runs) >= 4
    assert not any(run.missed for run in composed.runs)
    assert all(run.finished and not run.oom_kills for run in composed.runs)
    modes = Counter(run.mode for run in composed.runs)
    assert composed.runs[0].mode == "full"
    assert modes["in_sequence"] > 0
    assert modes["essential"] > 0
    assert measure(composed).all.degraded == modes["essential"]


def test_full_mode_returns_with_the_room() -> None:
    """A report that comes when the surge is over goes in full again."""
    early = [
        traced(f"r{number}", 240, at=30 * number, name="report", cpu=3.0, memory=7 * GIB)
        for number in range(4)
    ]
    late = traced("late", 240, at=3600, name="report", cpu=3.0, memory=7 * GIB)
    outcome = by_id(play(*early, late, cores=8, memory=16 * GIB, planner=plan, book=book(stages=True)))
    assert outcome["r3"].mode != "full"
    assert outcome["late"].mode == "full"


@pytest.mark.parametrize(("stages", "mode", "launched_s"), [(True, "essential", 310), (False, "full", 900)])
def test_data_that_only_an_optional_stage_reads_is_gone_without(
    stages: bool, mode: str, launched_s: float
) -> None:
    """After the policy's patience; a run that has no stages waits until the data is sound again."""
    scenario = Scenario((DataTrouble(name="tiles", at=5, lasts=895, trouble="broken"),))
    gates = {"checks": "pass", "wait_at_most": "5m", "then": "degrade"}
    outcome = play(
        traced("t", 10, name="tiles"),
        traced("r", 240, name="report", depends_on=("t",), cpu=3.0, memory=7 * GIB),
        cores=8,
        planner=plan,
        scenario=scenario,
        book=book(stages=stages, gates=gates, objective=None),
    )
    report = by_id(outcome)["r"]
    assert report.mode == mode
    assert report.launched_s == pytest.approx(launched_s, abs=1)
