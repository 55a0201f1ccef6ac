"""A world in which memory runs out: who goes, and what that spares."""

from dataclasses import replace

from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Action
from adaptive_assets.simulation.events import StrangerMemory
from adaptive_assets.simulation.outcome import Outcome
from adaptive_assets.simulation.scenario import Scenario
from adaptive_assets.simulation.settings import Knowledge
from tests.simulation.worlds import BARE, GIB, by_id, play, traced

LEAK = Scenario((StrangerMemory(at=60, lasts=400, grows_per_s=14 * 2**20),))
"""Up to five and a half of the eight GiB."""


def leaking(*actions: Action) -> Outcome:
    """An urgent run and two that can wait, 2 GiB each, beside a leak on a machine of 8 GiB."""
    return play(
        traced("urgent", 500, memory=2 * GIB, tier="critical"),
        traced("early", 500, memory=2 * GIB, tier="batch"),
        traced("late", 500, at=50, memory=2 * GIB, tier="batch"),
        cores=8,
        memory=8 * GIB,
        scenario=LEAK,
        settings=replace(BARE, actions=actions),
        planner=plan,
        knowledge=Knowledge.PERFECT,
    )


def test_what_can_wait_leaves_before_anybody_is_killed() -> None:
    """The one that has done the least leaves first; all come to their end when the leak is over."""
    outcome = leaking(*Action)
    assert all(run.finished and not run.oom_kills for run in outcome.runs)
    runs = by_id(outcome)
    assert (runs["urgent"].preemptions, runs["urgent"].attempts) == (0, 1)
    assert runs["late"].preemptions >= 1


def test_where_nobody_can_be_made_to_leave_somebody_is_killed() -> None:
    """By the kernel, and whoever is the largest: that is what it spares."""
    outcome = leaking(Action.RENICE, Action.SUSPEND)
    assert sum(run.oom_kills for run in outcome.runs) >= 1
