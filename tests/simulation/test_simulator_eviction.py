"""A world in which memory runs out: who goes, and what that spares."""

from dataclasses import replace

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Action
from adaptive_assets.simulation.engine.capabilities import Capabilities
from adaptive_assets.simulation.engine.settings import Knowledge
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.scenarios.events import StrangerMemory
from adaptive_assets.simulation.scenarios.scenario import Scenario
from tests.simulation.worlds import BARE, GIB, Scripted, by_id, play, traced

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
        settings=replace(BARE, capabilities=Capabilities(actions)),
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
    outcome = leaking(Action.SUSPEND)
    assert sum(run.oom_kills for run in outcome.runs) >= 1


def test_what_gave_way_asks_for_what_it_held() -> None:
    """The planner is told so of that very run, and of no other of its kind."""
    small = [traced(f"small-{n}", 10, at=20.0 * n, name="kind", memory=GIB) for n in range(8)]
    world = Scripted(script={240.0: [(Verdict.REQUEUE, "large")]}, hold={"other": 1000.0})
    play(
        *small,
        traced("large", 100, at=200, name="kind", memory=6 * GIB),
        traced("other", 10, at=210, name="kind", memory=GIB),
        cores=8,
        planner=world,
        knowledge=Knowledge.LEARNED,
    )
    told = [run.estimate for seen in world.seen for run in seen.queued if run.run_id == "large"]
    assert len(told) == 2, "once as submitted, once as sent back"
    assert told[0] is None
    assert told[1] is not None
    assert told[1].memory.p50 >= 6 * GIB
    others = [run.estimate for seen in world.seen for run in seen.queued if run.run_id == "other"]
    assert set(others) == {None}
