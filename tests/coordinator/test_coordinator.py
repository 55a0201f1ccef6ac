"""The coordinator in a real dequeue pass: what is held, launched, adopted, reported and never lost."""

import contextlib
import json
import threading
from pathlib import Path

import dagster as dg
import pytest

from adaptive_assets.assets import tags
from adaptive_assets.ledger import Ledger, LedgerError, sqlite_ledger_url
from tests.conftest import MakeInstance
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import IDLE, World, coordinator_section, open_world

REPORTS = (
    IDLE
    + """
policies:
  - name: reports
    select: group:reports
    tier: batch
    gates: {checks: pass}
    estimate: {cpu: 0, memory: 1MiB, duration: 1s}
"""
)
FULL_MACHINE = IDLE.replace("memory: 100%", "memory: 1%")


def test_a_submitted_run_is_held_until_a_pass_admits_it(world: World) -> None:
    """Submission holds it under its policy; the pass admits it, and the stock daemon launches it."""
    run_id = world.submit("readings")
    assert world.run(run_id).tags[tags.ADMISSION] == tags.HELD
    assert world.pass_() == [run_id]
    run = world.run(run_id)
    assert run.tags[tags.ADMISSION] == tags.ADMITTED
    assert tags.MODE not in run.tags
    assert run.tags[tags.LAUNCH_REASON].startswith("fits: ")
    assert run.tags[tags.DECISION].isdigit()
    assert world.pass_() == []


def test_every_decision_is_in_the_ledger_with_the_snapshot_that_led_to_it(world: World) -> None:
    """The decision of a run can be read back, and its snapshot has the run in its queue."""
    run_id = world.submit("readings")
    world.pass_()
    ledger = ledger_of(world)
    (row,) = ledger.decisions_for_run(run_id)
    assert (row.verdict, row.run_id, row.reason) == ("launch", run_id, "fits")
    assert str(row.id) == world.run(run_id).tags[tags.DECISION]
    assert [run.run_id for run in ledger.snapshot(row.cycle_id).queued] == [run_id]


def test_a_gated_run_waits_for_the_check_of_what_it_reads(make_world: MakeWorld) -> None:
    """Missing, unchecked, failed, passed: only the last lets the run go."""
    world = make_world(REPORTS)
    run_id = world.submit("report")
    said: list[str] = []
    launched: list[str] = []
    for state in (None, "unchecked", False, True):
        if state is not None:
            world.materialize("readings", None if state == "unchecked" else bool(state))
        launched = world.pass_()
        said.append((tags.read(world.run(run_id).tags, tags.LAUNCH_REASON) or "").split(":")[0])
    assert said == ["data_missing", "check_not_evaluated", "check_failed", "fits"]
    assert launched == [run_id]


def test_a_check_that_a_queued_run_plans_to_repeat_still_counts(make_world: MakeWorld) -> None:
    """Dagster writes the plan when it creates the run: it must not close the gate on what passed."""
    world = make_world(REPORTS)
    world.materialize("readings", check=True)
    world.plan_check(world.create("readings"), "readings")
    run_id = world.submit("report")
    assert world.pass_() == [run_id]


def test_the_full_sentence_and_its_numbers_are_in_the_event_log(make_world: MakeWorld) -> None:
    """Once for each change of mind, however many passes it waits."""
    world = make_world(FULL_MACHINE)
    run_id = world.submit(job="plain")
    for _ in range(3):
        assert world.pass_() == []
    records = world.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    events = [record.event_log_entry.dagster_event for record in records]
    (event,) = [event for event in events if event and (event.message or "").startswith("Defer. memory: ")]
    reasons = event.engine_event_data.metadata["reasons"].value
    assert isinstance(reasons, list)
    assert json.dumps(reasons[0]["numbers"])


def test_a_run_that_was_queued_before_us_is_adopted(make_instance: MakeInstance, tmp_path: Path) -> None:
    """Queued by the stock coordinator on the same storage: governed from our first pass on."""
    policies = tmp_path / "policies.yaml"
    policies.write_text(FULL_MACHINE)
    storage = {"sqlite": {"base_dir": str(tmp_path / "storage")}}
    launcher = {"module": "tests.coordinator.world", "class": "RecordingLauncher"}
    with open_world(make_instance(storage=storage, run_launcher=launcher), tmp_path, policies) as stock:
        old = stock.submit(job="plain")
        assert tags.ADMISSION not in stock.run(old).tags
    ours = make_instance(
        storage=storage, run_launcher=launcher, run_coordinator=coordinator_section(policies)
    )
    with open_world(ours, tmp_path, policies) as world:
        assert world.pass_() == []
        assert world.run(old).tags[tags.ADMISSION] == tags.HELD
        assert world.run(old).tags[tags.POLICY] == "default"
        policies.write_text(IDLE + "# edited\n")
        assert world.pass_() == [old]


def test_a_repeated_run_does_not_inherit_the_admission_of_the_run_it_repeats(make_world: MakeWorld) -> None:
    """Re-execution copies tags; ours are laid anew."""
    world = make_world(FULL_MACHINE)
    inherited = {tags.ADMISSION: tags.ADMITTED, tags.MODE: "reduced", tags.DECISION: "7"}
    run_id = world.submit(job="plain", tags=inherited)
    run = world.run(run_id)
    assert run.tags[tags.ADMISSION] == tags.HELD
    assert not {tags.MODE, tags.DECISION} & run.tags.keys()
    assert world.pass_() == []


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"version: 7\n",
        b"version: 1\npolicies: {",
        b"\xff\xfe",
        b"version: 1\npolicies: [{name: x}]\n",
    ],
)
def test_whatever_is_wrong_with_the_policies_the_run_is_queued_and_goes(
    make_world: MakeWorld, content: bytes | None
) -> None:
    """A missing or broken file: the defaults rule, the operator sees the fault, and nothing is lost."""
    world = make_world()
    if content is None:
        world.policies.unlink()
    else:
        world.policies.write_bytes(content)
    run_id = world.submit(job="plain")
    world.pass_()
    assert any("policies.yaml" in error for error in world.daemon_errors())
    assert world.run(run_id).tags[tags.POLICY] == "default"
    assert world.run(run_id).status in (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING)


def test_a_broken_edit_leaves_the_last_good_book_in_force_across_a_restart(
    make_world: MakeWorld, make_instance: MakeInstance, tmp_path: Path
) -> None:
    """The daemon that starts while the file is broken takes the last good book from the ledger."""
    world = make_world(REPORTS)
    world.submit(job="plain")
    world.pass_()
    world.policies.write_text("version: 1\nguards: {cpu: lots}\n")
    home = Path(world.instance.root_directory)
    with (
        dg.DagsterInstance.from_config(str(home)) as again,
        open_world(again, tmp_path, world.policies) as restarted,
    ):
        run_id = restarted.submit("summary")
        restarted.pass_()
        assert restarted.run(run_id).tags[tags.POLICY] == "reports"
        assert any("`lots`" in error for error in restarted.daemon_errors())


def test_two_policies_that_select_one_asset_are_refused_by_line(make_world: MakeWorld) -> None:
    """An overlap is an error of the file, found when it meets the assets; the book before it rules."""
    world = make_world(REPORTS)
    world.submit("summary")
    world.pass_()
    world.policies.write_text(REPORTS + "  - {name: all, select: '*', estimate: {cpu: 0, memory: 1MiB}}\n")
    run_id = world.submit("summary")
    world.pass_()
    (error,) = (error for error in world.daemon_errors() if "both select" in error)
    assert "policies.yaml:11:" in error
    assert world.run(run_id).tags[tags.POLICY] == "reports"


def test_an_unreachable_ledger_stops_nothing(make_world: MakeWorld, tmp_path: Path) -> None:
    """Runs are launched, and the fault is said with its secret masked."""
    (tmp_path / "file").write_text("in the way of a folder")
    world = make_world(config={"ledger": f"sqlite:///{tmp_path}/file/ledger.db"})
    run_id = world.submit(job="plain")
    assert world.pass_() == [run_id]
    assert any(error.startswith("ledger: ") for error in world.daemon_errors())


def test_the_password_of_an_unreachable_ledger_is_never_shown(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the log, not in the daemon's errors, not in the events and tags of the run."""
    world = make_world(config={"ledger": "postgresql://someone:hush-hush@127.0.0.1:1/nowhere"})
    run_id = world.submit(job="plain")
    assert world.pass_() == [run_id]
    events = world.instance.all_logs(run_id)
    shown = caplog.text + str(world.daemon_errors()) + str(events) + str(world.run(run_id).tags)
    assert "127.0.0.1:1" in shown
    assert "hush-hush" not in shown


def test_a_ledger_that_cannot_even_be_opened_loses_no_run(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """A URL of a database that we do not know: the run is queued, and one sentence says what is wrong."""
    world = make_world(config={"ledger": "mysql://someone@127.0.0.1/somewhere"})
    run_id = world.submit(job="plain")
    assert world.run(run_id).status is dg.DagsterRunStatus.QUEUED
    wrong = "the ledger can be kept in SQLite or PostgreSQL, not in `mysql`"
    (said,) = (record for record in caplog.records if record.name == "dagster.adaptive_assets")
    assert said.getMessage() == f"Run {run_id} is queued without a policy: {wrong}"
    assert said.exc_info is None
    caplog.clear()
    with pytest.raises(LedgerError, match="SQLite or PostgreSQL"):
        world.pass_()
    assert any(error == f"The cycle failed: {wrong}" for error in world.daemon_errors())
    (said,) = (record for record in caplog.records if record.name == "dagster.adaptive_assets")
    assert (said.getMessage(), said.exc_info) == (f"The cycle failed: {wrong}", None)


def test_concurrency_runs_in_dagster_yaml_is_refused(make_instance: MakeInstance, tmp_path: Path) -> None:
    """It would silently override every decision."""
    instance = make_instance(
        run_coordinator=coordinator_section(tmp_path / "policies.yaml"),
        concurrency={"runs": {"max_concurrent_runs": 3}},
    )
    with pytest.raises(dg.DagsterInvariantViolationError, match=r"concurrency\.runs"):
        _ = instance.run_coordinator


def test_users_own_limits_go_on_working(make_world: MakeWorld) -> None:
    """A tag limit and max_concurrent_runs of the user hold beside ours.

    What the tag limit holds back keeps no room: a full lane does not hide an empty one.
    """
    limits = [{"key": "database", "value": "small", "limit": 1}]
    world = make_world(config={"tag_concurrency_limits": limits, "max_concurrent_runs": 2})
    first, second = (world.submit(job="plain", tags={"database": "small"}) for _ in range(2))
    third, fourth = (world.submit(job="plain") for _ in range(2))
    assert [world.pass_() for _ in range(2)] == [[first, third], []]
    assert world.run(fourth).tags[tags.REASON].startswith("concurrency: ")
    assert world.run(second).tags[tags.REASON].startswith("tag_limit: ")


def test_outside_of_a_pass_the_queue_config_is_free_of_effects(world: World) -> None:
    """The webserver and run workers ask for it too: nothing is planned, and held runs stay held."""
    run_id = world.submit(job="plain")
    config = world.instance.get_concurrency_config().run_queue_config
    assert config is not None
    assert {"key": tags.ADMISSION, "value": tags.HELD, "limit": 0} in config.tag_concurrency_limits
    assert world.run(run_id).tags[tags.ADMISSION] == tags.HELD


def test_patience_that_is_over_fails_the_run_as_its_policy_says(make_world: MakeWorld) -> None:
    """``then: fail``: the run ends in failure with the reason, and is not retried."""
    world = make_world(REPORTS.replace("checks: pass", "checks: pass, wait_at_most: 0s, then: fail"))
    run_id = world.submit("report")
    assert world.pass_() == []
    run = world.run(run_id)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert run.tags["dagster/max_retries"] == "0"
    assert run.tags[tags.REASON].startswith("waited: ")


@pytest.mark.parametrize("on_failure", ["hold", "open"])
def test_a_cycle_that_keeps_failing_follows_on_failure(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, on_failure: str
) -> None:
    """``hold`` launches nothing more, ``open`` launches as stock does; the daemon shows the error."""
    world = make_world(config={"on_failure": on_failure})
    world.pass_()

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault in planning")

    monkeypatch.setattr("adaptive_assets.coordinator.cycle.Planner.__call__", broken)
    run_id = world.submit(job="plain")
    launched: list[str] = []
    for _ in range(4):
        try:
            launched += world.pass_()
        except ZeroDivisionError:
            assert on_failure == "hold"
    assert launched == ([run_id] if on_failure == "open" else [])
    assert any("a fault in planning" in error for error in world.daemon_errors())


def test_on_postgresql_the_ledger_is_beside_the_storage(make_world: MakeWorld) -> None:
    """The same pass on PostgreSQL, with the ledger in the same database without being told so."""
    world = make_world(postgres=True)
    run_id = world.submit("readings")
    assert world.pass_() == [run_id]
    assert world.run(run_id).tags[tags.DECISION].isdigit()


def ledger_of(world: World) -> Ledger:
    """The ledger beside the storage of a world on SQLite."""
    return Ledger.open(sqlite_ledger_url(Path(world.instance.root_directory) / "storage" / "history"))


def test_a_cycle_that_cannot_be_made_leaves_no_thread_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again in every pass, and sampling begins when it is made."""

    def failing(_: dg.DagsterInstance) -> None:
        raise RuntimeError("no limits can be read")

    world.submit("summary")
    with monkeypatch.context() as patch:
        patch.setattr("adaptive_assets.coordinator.cycle.SlotWatch", failing)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                world.pass_()
        before = threading.active_count()
        with contextlib.suppress(RuntimeError):
            world.pass_()
        assert threading.active_count() == before
    assert len(world.pass_()) == 1
