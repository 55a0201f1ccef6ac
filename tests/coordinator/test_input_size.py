"""The size of what a run reads, from its tag to what is expected of it."""

import time
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.experience import Experience
from adaptive_assets.coordinator.input_size import InputSizeError, input_size, read_input_size
from adaptive_assets.planning.resource_request import estimate_key
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.test_experience import ledger_of, usage
from tests.docs.pages import DOCS, blocks

HELD = """\
version: 1
guards: {concurrency: 1}
default: {estimate: {cpu: 1, memory: 1GiB, duration: 1m}}
"""


@pytest.mark.parametrize(("told", "size"), [("250000", 250_000.0), ("0.5", 0.5), ("1e6", 1e6)])
def test_a_size_is_any_number_above_zero(told: str, size: float) -> None:
    """In whatever unit the kind of work counts by."""
    assert input_size({tags.INPUT_SIZE: told}) == size
    assert input_size({}) is None


def test_the_page_on_policies_shows_how_to_tell_it() -> None:
    """Its sensor yields runs whose sizes are read as they are told."""
    (block,) = blocks(DOCS / "how-to" / "write-a-policy.md", "python")
    names: dict[str, Any] = {}
    exec(compile(block.text, str(block), "exec"), names)
    with dg.DagsterInstance.ephemeral() as instance:
        ticked = names["new_files"].evaluate_tick(dg.build_sensor_context(instance))
    requests = ticked.run_requests or []
    assert [input_size(request.tags) for request in requests] == [1_200_000.0, 150_000.0]


@pytest.mark.parametrize("told", ["many", "", "0", "-3", "nan", "inf", "1e19", "12 GiB"])
def test_what_is_no_size_is_named_with_what_would_be_right(told: str) -> None:
    """And the run is planned without it."""
    with pytest.raises(
        InputSizeError, match=rf"`adaptive/input_size` is `{told}`; it must be a number above 0"
    ):
        read_input_size({tags.INPUT_SIZE: told})
    assert input_size({tags.INPUT_SIZE: told}) is None


def test_a_run_is_expected_to_take_what_its_size_says(make_world: MakeWorld) -> None:
    """By the runs of its kind that ended; whoever has no size is expected to be any of them."""
    world = make_world(HELD)
    small = world.submit("readings", tags={tags.INPUT_SIZE: "1000"})
    large = world.submit("readings", tags={tags.INPUT_SIZE: "5000"})
    unknown = world.submit("readings")
    world.pass_()
    ledger = ledger_of(world)
    row = ledger.decisions_for_run(large)[-1]
    work = ledger.works()[row.work_key]
    now = time.time()
    taken = [usage(f"r{n}", row.work_key, now + n, 10.0 * (1 + n % 5)) for n in range(25)]
    experience = Experience()
    experience.ended((work, replace(each, input_size=1000.0 * (1 + n % 5))) for n, each in enumerate(taken))
    snapshot = experience.into(ledger.snapshot(row.cycle_id))
    told = {run.run_id: run.estimate for run in snapshot.queued}
    for run_id, seconds in ((small, 10.0), (large, 50.0)):
        known = told[run_id]
        assert known is not None
        assert known.duration.p50 == pytest.approx(seconds, rel=0.2)
    assert told[unknown] is None
    of_kind = snapshot.estimates[estimate_key(work, "full")]
    assert of_kind.duration.p90 > 1.5 * of_kind.duration.p50


def test_a_tag_that_is_no_size_is_said_in_the_runs_log(make_world: MakeWorld) -> None:
    """The run is queued all the same."""
    world = make_world(HELD)
    run_id = world.submit("readings", tags={tags.INPUT_SIZE: "12 GiB"})
    (run,) = (run for run in world.instance.get_runs() if run.run_id == run_id)
    assert run.tags[tags.ADMISSION] == tags.HELD
    events = (
        record.event_log_entry.dagster_event for record in world.instance.get_records_for_run(run_id).records
    )
    told = [event.message or "" for event in events if event]
    assert any("`adaptive/input_size` is `12 GiB`; it must be a number above 0" in each for each in told)
    (fault,) = ledger_of(world).latest_status().faults
    assert fault.part == "submission"
