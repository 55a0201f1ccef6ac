"""The tags of ours on a run: what Dagster's pages show of it, and what is written when."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterRunNotFoundError
from dagster._core.storage.tags import TagType, get_tag_type

from adaptive_assets.assets import tags
from adaptive_assets.assets.run_mode import mode_of
from adaptive_assets.dagster_compat.run_tags import HIDDEN_TAG_PREFIX, rewrite_run_tags
from tests.conftest import MakeInstance
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import IDLE, LAUNCHER, World, coordinator_section, open_world

FULL_MACHINE = IDLE.replace("memory: 100%", "memory: 1%")
TOO_LARGE = (
    IDLE
    + """
policies:
  - name: reports
    select: key:report
    estimate: {cpu: 0, memory: 100TiB, duration: 1s}
    degrade:
      - {mode: reduced, with: {sample: 0.25}, estimate: {cpu: 0, memory: 1MiB, duration: 1s}}
"""
)
USERS = {"owner": "me", "adaptive/cpu": "0.5", "adaptive/input_size": "7", "dagster/priority": "3"}
OF_RELEASE_0_1_0 = {
    "adaptive/admission": "held",
    "adaptive/policy": "default",
    "adaptive/tier": "standard",
    "adaptive/mode": "full",
    "adaptive/reason": "memory: needs 1 MiB",
}

on_both = pytest.mark.parametrize("on_postgres", [False, True], ids=["sqlite", "postgres"])


def kind(key: str) -> TagType:
    """By which the pages decide."""
    return TagType(get_tag_type(key))  # type: ignore[no-untyped-call]


def shown(world: World, run_id: str) -> dict[str, str]:
    """What the pages show of a run's tags, in the order in which they do."""
    given = world.run(run_id).tags
    return {key: value for key, value in given.items() if kind(key) is not TagType.HIDDEN}


def ours(world: World, run_id: str) -> list[str]:
    """The keys of ours among them."""
    return [key for key in shown(world, run_id) if tags.is_ours(key)]


def in_table(world: World, run_id: str) -> dict[str, str]:
    """The run's tags as filters find them."""
    run_ids = world.instance.get_run_ids
    return {
        key: value
        for key, value in world.run(run_id).tags.items()
        if run_ids(dg.RunsFilter(run_ids=[run_id], tags={key: value}))
    }


@on_both
def test_a_run_that_waits_shows_in_a_few_words_what_for_and_first(
    make_world: MakeWorld, on_postgres: bool
) -> None:
    """Two tags of ours, and the users' own as they were."""
    world = make_world(FULL_MACHINE, postgres=on_postgres)
    run_id = world.submit(job="plain", tags=USERS)
    assert shown(world, run_id)[tags.WAITS] == "first cycle"
    world.pass_()
    told = shown(world, run_id)
    assert next(iter(told)) == tags.WAITS
    assert told[tags.WAITS] == "memory 1 MiB"
    assert told[tags.REASON].startswith("memory: needs 1 MiB")
    assert ours(world, run_id) == [tags.WAITS, tags.REASON]
    assert USERS.items() <= told.items()
    assert in_table(world, run_id) == world.run(run_id).tags


@on_both
def test_a_run_that_was_launched_in_full_shows_nothing_of_ours(
    make_world: MakeWorld, on_postgres: bool
) -> None:
    """It carries who decided what about it, hidden."""
    world = make_world(IDLE, postgres=on_postgres)
    run_id = world.submit(job="plain", tags=USERS)
    assert world.pass_() == [run_id]
    assert ours(world, run_id) == []
    assert USERS.items() <= shown(world, run_id).items()
    hidden = world.run(run_id).tags
    assert (hidden[tags.ADMISSION], hidden[tags.POLICY], hidden[tags.TIER]) == (
        "admitted",
        "default",
        "standard",
    )
    assert mode_of(hidden).is_full
    assert mode_of(hidden).reason.startswith("fits: ")
    assert mode_of(hidden).decision == hidden[tags.DECISION]
    assert in_table(world, run_id) == hidden


def test_a_run_that_was_launched_to_do_less_shows_its_mode(make_world: MakeWorld) -> None:
    """And its parameters reach the asset's code; one that repeats it begins anew."""
    world = make_world(TOO_LARGE)
    run_id = world.submit("report")
    assert world.pass_() == [run_id]
    assert ours(world, run_id) == [tags.MODE]
    carried = world.run(run_id).tags
    assert (mode_of(carried).name, dict(mode_of(carried).parameters)) == ("reduced", {"sample": 0.25})
    repeated = world.submit("report", tags=dict(carried))
    assert ours(world, repeated) == [tags.WAITS, tags.REASON]
    assert not {tags.DECISION, tags.MODE_PARAMETERS, tags.LAUNCH_REASON} & world.run(repeated).tags.keys()


def test_a_run_that_its_policy_lets_fail_shows_why(make_world: MakeWorld) -> None:
    """It waits for nothing any more."""
    policy = "  - {name: r, select: 'key:report', gates: {checks: pass, wait_at_most: 1s, then: fail}}\n"
    world = make_world(IDLE + "policies:\n" + policy)
    run_id = world.submit("report")
    record = world.instance.get_run_record_by_id(run_id)
    assert record is not None
    while world.run(run_id).status is dg.DagsterRunStatus.QUEUED:
        world.pass_()
    assert ours(world, run_id) == [tags.REASON]
    assert shown(world, run_id)[tags.REASON].startswith("waited: ")


def test_nothing_is_written_while_nothing_changes(make_world: MakeWorld) -> None:
    """A pass with the same reasons leaves the run alone; with another, it writes once."""
    world = make_world(FULL_MACHINE)
    run_id = world.submit(job="plain")
    world.pass_()

    def written_at() -> Any:
        record = world.instance.get_run_record_by_id(run_id)
        assert record is not None
        return record.update_timestamp

    before = written_at()
    for _ in range(3):
        world.pass_()
    assert written_at() == before
    world.policies.write_text(IDLE.replace("memory: 100%", "memory: 100%, concurrency: 1"))
    other = world.submit(job="plain", tags={"dagster/priority": "9"})
    assert world.pass_() == [other]
    world.instance.report_run_canceled(world.run(other))
    assert written_at() >= before


def test_a_queue_of_the_release_before_is_held_and_rewritten(
    make_instance: MakeInstance, tmp_path: Path
) -> None:
    """Its tags are not what holds a run any more, and are taken away in the first pass."""
    policies = tmp_path / "policies.yaml"
    policies.write_text(FULL_MACHINE)
    storage = {"sqlite": {"base_dir": str(tmp_path / "storage")}}
    with open_world(make_instance(storage=storage, run_launcher=LAUNCHER), tmp_path, policies) as stock:
        held = stock.submit(job="plain", tags={**OF_RELEASE_0_1_0, **USERS})
        admitted = stock.submit(job="plain", tags={**OF_RELEASE_0_1_0, "adaptive/admission": "admitted"})
    section = coordinator_section(policies)
    now = make_instance(storage=storage, run_launcher=LAUNCHER, run_coordinator=section)
    with open_world(now, tmp_path, policies) as world:
        assert world.pass_() == []
        for run_id in (held, admitted):
            assert ours(world, run_id) == [tags.WAITS, tags.REASON]
            assert world.run(run_id).tags[tags.ADMISSION] == tags.HELD
        assert USERS.items() <= shown(world, held).items()
        policies.write_text(IDLE)
        assert sorted(world.pass_()) == sorted([held, admitted])
        assert ours(world, held) == ours(world, admitted) == []


def test_the_prefix_is_the_one_that_dagster_hides() -> None:
    """A hidden tag is one that the pages leave out, and limits and filters go by it."""
    assert tags.HIDDEN_PREFIX.startswith(HIDDEN_TAG_PREFIX)
    hidden = {tags.ADMISSION, tags.POLICY, tags.TIER, tags.MODE_PARAMETERS, tags.LAUNCH_REASON, tags.DECISION}
    assert {kind(key) for key in hidden} == {TagType.HIDDEN}
    assert {kind(key) for key in (tags.WAITS, tags.REASON, tags.MODE)} == {TagType.USER_PROVIDED}


@on_both
def test_tags_are_rewritten_whole_or_not_at_all(make_world: MakeWorld, on_postgres: bool) -> None:
    """What the database refuses leaves body and table as they were; a run that is gone is said to be."""
    world = make_world(FULL_MACHINE, postgres=on_postgres)
    run_id = world.submit(job="plain", tags=USERS)
    before = world.run(run_id).tags
    with pytest.raises(UnicodeEncodeError):  # of the table of tags, after the body was written
        rewrite_run_tags(world.instance, run_id, {"a": "\ud800"}, ["owner"])
    assert world.run(run_id).tags == before
    assert in_table(world, run_id) == before
    rewrite_run_tags(world.instance, run_id, {"a": "b"}, ["owner", "nothing"])
    assert world.run(run_id).tags == {"a": "b", **{key: v for key, v in before.items() if key != "owner"}}
    assert in_table(world, run_id) == world.run(run_id).tags
    with pytest.raises(DagsterRunNotFoundError):
        rewrite_run_tags(world.instance, "gone", {"a": "b"}, [])
