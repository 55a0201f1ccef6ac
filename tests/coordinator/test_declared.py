"""What a run is said to take, from its tags to what is expected of it."""

import time

import pytest

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.declared import declared, read_declared
from adaptive_assets.planning.estimates import Source
from adaptive_assets.planning.snapshot import Declaration
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.test_experience import ROOMY, ledger_of

GIB = 2**30
HELD = """\
version: 1
guards: {concurrency: 1}
default: {estimate: {cpu: 1, memory: 1GiB, duration: 1m}}
"""


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({tags.CPU: "2", tags.MEMORY: "3GiB", tags.DURATION: "1h30m"}, Declaration(2.0, 3 * GIB, 5400.0)),
        ({tags.CPU: "500m"}, Declaration(cpu=0.5)),
        ({tags.MEMORY: "1536Mi"}, Declaration(memory=3 * GIB // 2)),
        ({tags.MEMORY: "1.5Gi"}, Declaration(memory=3 * GIB // 2)),
        ({tags.DURATION: "90s"}, Declaration(duration=90.0)),
        ({}, None),
    ],
)
def test_amounts_are_written_as_in_a_policy_or_as_kubernetes_does(
    told: dict[str, str], found: Declaration | None
) -> None:
    """One, two or all of them."""
    assert read_declared(told) == (found, ())


@pytest.mark.parametrize(
    ("tag", "told", "right"),
    [
        (tags.CPU, "many", "write cores such as `2`, `0.5` or `500m`"),
        (tags.CPU, "0", "write cores such as"),
        (tags.CPU, "-1", "write cores such as"),
        (tags.CPU, "2000000", "write cores such as"),
        (tags.MEMORY, "2G", "write `2GiB` or `2GB`"),
        (tags.MEMORY, "1073741824", "has no unit; write a size such as"),
        (tags.MEMORY, "0MiB", "is nothing; write a size such as `1536Mi` or `1.5GiB`"),
        (tags.DURATION, "5", "has no unit; write a duration such as `5m` or `90s`"),
        (tags.DURATION, "0s", "is nothing; write a duration"),
    ],
)
def test_what_is_no_amount_is_named_with_what_would_be_right(tag: str, told: str, right: str) -> None:
    """And the rest counts."""
    found, (problem,) = read_declared({tags.CPU: "1", tag: told} if tag != tags.CPU else {tag: told})
    assert found == (None if tag == tags.CPU else Declaration(cpu=1.0))
    assert problem.startswith(f"the tag `{tag}` cannot be read: `{told}`")
    assert right in problem
    assert declared({tag: told}) is None


def test_a_run_is_expected_to_take_what_was_declared_of_it(make_world: MakeWorld) -> None:
    """While no run of its kind has ended; and what was not declared, as its policy says."""
    world = make_world(HELD)
    said = world.submit("readings", tags={tags.MEMORY: "3GiB", tags.DURATION: "5m"})
    other = world.submit("readings")
    world.pass_()
    snapshot = ledger_of(world).snapshot(ledger_of(world).decisions_for_run(said)[-1].cycle_id)
    told = {run.run_id: run.estimate for run in snapshot.queued}
    known = told[said]
    assert known is not None
    assert known.source is Source.DECLARED
    assert (known.cpu.p50, known.memory.p50, known.duration.p50) == (1.0, 3 * GIB, 300.0)
    assert told[other] is None


def test_what_was_declared_is_kept_with_what_the_run_took(make_world: MakeWorld) -> None:
    """So that a new daemon learns what declarations are worth, and a simulation plays them."""
    world = make_world(ROOMY)
    run_id = world.submit("readings", tags={tags.CPU: "1m", tags.MEMORY: "1MiB"})
    assert world.pass_() == [run_id]
    world.instance.report_run_failed(world.run(run_id))
    world.pass_()
    (row,) = ledger_of(world).usages()
    assert row.declared == Declaration(cpu=0.001, memory=2**20)


def test_a_tag_that_is_no_amount_is_said_in_the_runs_log(make_world: MakeWorld) -> None:
    """The run is queued all the same, and `adaptive status` tells of it."""
    world = make_world(HELD)
    run_id = world.submit("readings", tags={tags.MEMORY: "12 GiB", tags.CPU: "x"})
    assert world.run(run_id).tags[tags.ADMISSION] == tags.HELD
    events = (
        record.event_log_entry.dagster_event for record in world.instance.get_records_for_run(run_id).records
    )
    told = [event.message or "" for event in events if event]
    for tag, value in ((tags.MEMORY, "12 GiB"), (tags.CPU, "x")):
        assert any(f"`{tag}` cannot be read: `{value}`" in each for each in told)
    faults = ledger_of(world).latest_status(now=time.time()).faults
    assert [fault.part for fault in faults] == ["submission", "submission"]
