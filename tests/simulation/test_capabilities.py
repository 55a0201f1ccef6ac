"""What launchers can do in the simulated deployment: as little as Dagster's, unless it is asked for."""

from dataclasses import replace

import pytest

from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import Action
from adaptive_assets.simulation.engine.capabilities import EVERYTHING, NOTHING, WORDS, Capabilities
from adaptive_assets.simulation.engine.policy_assignment import Kinds, plain_book
from adaptive_assets.simulation.engine.settings import Knowledge, Settings
from adaptive_assets.simulation.evaluation.compare import compare, fine_settings
from adaptive_assets.simulation.traces.trace import Workload
from tests.planning.compact import book_of
from tests.reporting.outcomes import CLUSTER, workload
from tests.simulation.worlds import BARE, GIB, Scripted, play, traced

TAKES = {"cpu": 1, "memory": "1GiB", "duration": "1m"}
STAGES = [{"name": "load", "estimate": TAKES}, {"name": "maps", "optional": True, "estimate": TAKES}]


def test_by_default_a_planner_is_told_what_dagsters_launchers_can_do() -> None:
    """Nothing is possible with running work or with runs that are still to be launched."""
    world = Scripted(hold={"b": 50.0})
    play(
        traced("a"), traced("b"), planner=world, settings=replace(BARE, capabilities=Settings().capabilities)
    )
    assert any(seen.active for seen in world.seen)
    assert all(seen.actions == () for seen in world.seen)
    assert all(run.actions == () for seen in world.seen for run in seen.active)


def test_what_is_opted_in_is_told_of_every_run() -> None:
    """Of those that run, and of those to be launched."""
    can = (Action.SUSPEND,)
    world = Scripted(hold={"b": 50.0})
    play(traced("a"), traced("b"), planner=world, settings=replace(BARE, capabilities=Capabilities(can)))
    assert all(seen.actions == can for seen in world.seen)
    assert {run.actions for seen in world.seen for run in seen.active} == {can}


@pytest.mark.parametrize("composes", [False, True])
def test_stages_are_composed_where_the_deployment_can(composes: bool) -> None:
    """A policy that has stages is not enough."""
    book = book_of({"policies": [{"name": "p", "jobs": ["a"], "stages": STAGES}]})
    run = traced("a")
    kinds = Kinds(Workload.of("w", [run]), book, composes=composes)
    assert kinds.of(run).work.composable is composes


def test_no_run_gives_way_by_default() -> None:
    """A critical run waits for batch work, which gives way to it where it can be requeued."""
    runs = [traced(f"b{n}", 2000, tier="batch", cpu=4.0, memory=3 * GIB) for n in range(2)]
    urgent = traced("c", 20, at=60, tier="critical", memory=3 * GIB, deadline_s=120)
    outcomes = {
        can: play(
            *runs,
            urgent,
            cores=8,
            memory=8 * GIB,
            planner=plan,
            knowledge=Knowledge.PERFECT,
            settings=Settings(capabilities=can),
        )
        for can in (NOTHING, EVERYTHING)
    }
    given_way = {can: sum(run.preemptions for run in found.runs) for can, found in outcomes.items()}
    assert given_way[NOTHING] == 0
    assert given_way[EVERYTHING] > 0
    assert [outcomes[can].runs[2].missed for can in (NOTHING, EVERYTHING)] == [True, False]


def test_a_comparison_is_of_the_world_that_was_asked_for() -> None:
    """The settings of a comparison say which; by default it is that of production."""
    small = workload(6)
    asked = Capabilities((Action.SUSPEND,))
    for given, expected in ((None, NOTHING), (asked, asked)):
        settings = fine_settings(small) if given is None else fine_settings(small, given)
        found = compare(
            small, plain_book(small), CLUSTER, settings=settings, with_baselines=False, with_oracle=False
        )
        assert found.settings.capabilities == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("suspend", Capabilities((Action.SUSPEND,))),
        (" requeue, suspend,requeue", Capabilities((Action.SUSPEND, Action.REQUEUE))),
        ("compose", Capabilities((), composes=True)),
        (",".join(WORDS), EVERYTHING),
        ("none", NOTHING),
    ],
)
def test_words_say_what_can_be_done(text: str, expected: Capabilities) -> None:
    """In any order; what they stand for is written in the same words."""
    found = Capabilities.read(text)
    assert found == expected
    assert Capabilities.read(",".join(found.words) or "none") == found


@pytest.mark.parametrize("text", ["", " , ", "suspnd", "suspend,kill", "suspend,none"])
def test_other_words_are_refused_with_the_right_ones(text: str) -> None:
    """All of them are named."""
    with pytest.raises(ValueError, match="suspend, requeue, compose"):
        Capabilities.read(text)


def test_worlds_have_titles_that_tell_them_apart() -> None:
    """The default says that it is what Dagster can do; another names what was added."""
    assert "all that Dagster's launchers can do" in NOTHING.title
    assert "suspend, requeue, compose" in EVERYTHING.title
    assert "more than Dagster's launchers can do" in EVERYTHING.title
