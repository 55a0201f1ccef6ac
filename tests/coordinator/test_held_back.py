"""What Dagster's own limits hold back keeps no place, and counts when it goes; by Dagster's own daemon."""

import time
from typing import Any

import dagster as dg
import pytest

from adaptive_assets.assets import tags
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import World

CODE = """
import dagster as dg

@dg.op(pool="db")
def query() -> None: ...

@dg.op(pool="api")
def call() -> None: ...

@dg.op
def toil() -> None: ...

@dg.op
def both(one, other) -> None: ...

@dg.job
def pooled() -> None: query()

@dg.job
def either() -> None: both(query(), call())

@dg.job
def free() -> None: toil()

defs = dg.Definitions(jobs=[pooled, either, free])
"""
SMALL = "default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}}"
TWO = f"version: 1\nguards: {{cpu: 100%, memory: 100%, concurrency: 2}}\n{SMALL}\n"
MANY = TWO.replace("concurrency: 2", "concurrency: 99")
BY_RUN = {"pools": {"granularity": "run"}}


def pool(world: World, slots: int, name: str = "db") -> None:
    """Give a pool so many slots."""
    world.instance.event_log_storage.set_concurrency_slots(name, slots)


def submit(world: World, count: int, job: str, **run: Any) -> list[str]:
    """So many runs of a job, with what Dagster then knows of their pools."""
    return [world.submit(job=job, planned=True, **run) for _ in range(count)]


def why(world: World, run_id: str) -> str:
    """The code of the reason that a run carries."""
    return world.run(run_id).tags[tags.REASON].partition(":")[0]


def step(world: World, run_id: str, kind: dg.DagsterEventType) -> None:
    """Say of a run what its process would."""
    run = world.run(run_id)
    world.instance.report_dagster_event(dg.DagsterEvent(kind.value, run.job_name), run_id)


def ends(world: World, run_id: str) -> None:
    """Let a launched run start and end."""
    step(world, run_id, dg.DagsterEventType.RUN_START)
    step(world, run_id, dg.DagsterEventType.RUN_SUCCESS)


def passes(world: World, count: int) -> list[str]:
    """The runs that so many passes launch."""
    return [run for _ in range(count) for run in world.pass_()]


@pytest.mark.parametrize("granularity", ["run", "op"])
def test_when_a_pool_opens_the_limit_on_runs_holds(make_world: MakeWorld, granularity: str) -> None:
    """Five runs were held back for passes on end: two go, and the next when one has ended."""
    world = make_world(TWO, code=CODE, concurrency={"pools": {"granularity": granularity}})
    pool(world, 0)
    runs = submit(world, 5, "pooled")
    assert passes(world, 4) == []
    assert {why(world, run) for run in runs} == {"pool"}
    assert {world.run(run).tags[tags.ADMISSION] for run in runs} == {tags.HELD}
    pool(world, 100)
    assert passes(world, 3) == runs[:2]
    assert why(world, runs[2]) == "concurrency"
    ends(world, runs[0])
    assert passes(world, 2) == [runs[2]]


@pytest.mark.parametrize("on_postgres", [False, True], ids=["sqlite", "postgres"])
def test_a_full_pool_delays_nobody_else(make_world: MakeWorld, on_postgres: bool) -> None:
    """However many wait for it: a run that needs none goes in the first pass, as with stock Dagster."""
    world = make_world(TWO, postgres=on_postgres, code=CODE, concurrency=BY_RUN)
    pool(world, 0)
    submit(world, 5, "pooled", tags={"dagster/priority": "9"})
    world.pass_()
    free = submit(world, 1, "free")
    assert world.pass_() == free


def test_of_those_that_compete_for_a_slot_the_first_in_line_goes(make_world: MakeWorld) -> None:
    """One is admitted for each slot, so the daemon's own order by priority cannot give it to another."""
    policies = (
        MANY
        + "policies: [{name: first, run_tags: {first: 'yes'}, tier: critical, objective: {deadline: 1h}}]\n"
    )
    world = make_world(policies, code=CODE, concurrency=BY_RUN)
    pool(world, 1)
    (later,) = submit(world, 1, "pooled", tags={"dagster/priority": "9"})
    (first,) = submit(world, 1, "pooled", tags={"first": "yes"})
    assert world.pass_() == [first]
    assert why(world, later) == "pool"
    ends(world, first)
    assert world.pass_() == [later]


def test_a_run_that_can_begin_with_another_pool_goes(make_world: MakeWorld) -> None:
    """Counted by ops, as Dagster does: it is enough that one of its first steps has a slot."""
    world = make_world(MANY, code=CODE, concurrency={"pools": {"granularity": "op"}})
    pool(world, 0)
    pool(world, 1, "api")
    (pooled,), (either, another) = submit(world, 1, "pooled"), submit(world, 2, "either")
    assert world.pass_() == [either]
    assert [why(world, run) for run in (pooled, another)] == ["pool", "pool"]


def test_a_pool_with_the_default_limit_is_known_in_the_first_pass(make_world: MakeWorld) -> None:
    """Dagster makes it when a run first asks for it."""
    world = make_world(MANY, code=CODE, concurrency={"pools": {"granularity": "run", "default_limit": 2}})
    runs = submit(world, 3, "pooled")
    assert world.pass_() == runs[:2]
    assert why(world, runs[2]) == "pool"


def test_pools_do_not_hold_back_where_dagster_is_told_so(make_world: MakeWorld) -> None:
    """Then runs are launched, and their steps wait."""
    config = {"block_op_concurrency_limited_runs": {"enabled": False}}
    world = make_world(MANY, code=CODE, config=config)
    pool(world, 0)
    runs = submit(world, 2, "pooled")
    assert world.pass_() == runs


@pytest.mark.parametrize(
    "limit",
    [
        {"key": "team", "limit": 1},
        {"key": "team", "value": "north", "limit": 1},
        {"key": "team", "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
    ],
    ids=["key", "value", "each value"],
)
def test_a_limit_on_tags_holds_back_its_own_runs_alone(make_world: MakeWorld, limit: dict[str, Any]) -> None:
    """Those that it holds back wait with a reason, and the others take the places."""
    world = make_world(TWO, code=CODE, config={"tag_concurrency_limits": [limit]})
    north = submit(world, 3, "free", tags={"team": "north"})
    others = submit(world, 2, "free")
    assert world.pass_() == [north[0], others[0]]
    assert why(world, north[1]) == "tag_limit"
    ends(world, others[0])
    assert passes(world, 2) == [others[1]]
    ends(world, others[1])
    ends(world, north[0])
    assert passes(world, 2) == [north[1]]


def test_each_value_of_a_tag_has_slots_of_its_own(make_world: MakeWorld) -> None:
    """As Dagster counts them."""
    limit = {"key": "team", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    world = make_world(MANY, code=CODE, config={"tag_concurrency_limits": [limit]})
    runs = [
        *submit(world, 2, "free", tags={"team": "north"}),
        *submit(world, 2, "free", tags={"team": "south"}),
    ]
    assert world.pass_() == [runs[0], runs[2]]


def test_an_admission_is_taken_back_when_the_pool_fills(make_world: MakeWorld) -> None:
    """A run that was admitted and is held back since gives its place to the next."""
    world = make_world(TWO.replace("concurrency: 2", "concurrency: 1"), code=CODE, concurrency=BY_RUN)
    pool(world, 0)
    (run,) = submit(world, 1, "pooled")
    world.instance.add_run_tags(run, {tags.ADMISSION: tags.ADMITTED, tags.MODE: "full"})
    free = submit(world, 1, "free")
    assert world.pass_() == free
    assert world.run(run).tags[tags.ADMISSION] == tags.HELD


def test_runs_of_a_code_location_that_is_paused_keep_no_place(make_world: MakeWorld) -> None:
    """Dagster pauses one whose code it cannot load, and launches the others."""
    world = make_world(TWO, code=CODE)
    runs = submit(world, 2, "free")
    origin = world.run(runs[0]).remote_job_origin
    assert origin is not None
    world.pass_()
    assert world.run(runs[0]).status is dg.DagsterRunStatus.STARTING
    more = submit(world, 1, "free")
    ends(world, runs[0])
    world.daemon._location_timeouts[origin.location_name] = time.time() + 60
    assert world.pass_() == []
    assert why(world, more[0]) == "location_paused"
    world.daemon._location_timeouts[origin.location_name] = time.time() - 1
    assert world.pass_() == more


def test_nothing_is_asked_of_limits_that_no_queued_run_is_under(make_world: MakeWorld) -> None:
    """A queue without pools and tag limits costs no read."""
    world = make_world(TWO.replace("memory: 100%", "memory: 0.01%"), code=CODE, concurrency=BY_RUN)
    pool(world, 0)
    submit(world, 2, "free")
    storage = world.instance.event_log_storage
    asked: list[str] = []
    keys = storage.get_concurrency_keys

    def spy() -> set[str]:
        asked.append("keys")
        return keys()

    storage.get_concurrency_keys = spy  # type: ignore[method-assign]
    world.pass_()
    assert asked == []
    submit(world, 1, "pooled")
    world.pass_()
    assert asked == ["keys"]
