"""A real deployment on SQLite: gates across runs, policy edits, degradation, and taking it out again."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import psutil
import pytest

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.deployment import open_ledger
from adaptive_assets.coordinator.weight_watch import KEY, Weighting
from adaptive_assets.policy.weights import nice_of
from adaptive_assets.signals import MachineReader
from tests.conftest import write_dagster_home
from tests.e2e.stack import POLICIES, MakeStack, Stack, eventually

GIB = 1024**3

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Stack:
    """One deployment for all tests of this module."""
    stack = make_stack()
    stack.start()
    return stack


def test_a_gate_holds_a_run_until_the_check_of_its_upstream_passes(stack: Stack) -> None:
    """Deferred with reason and numbers while the check is failed, launched by Dagster once it passes."""
    with stack.instance() as instance:
        (stack.steering / "plausible").write_text("no")
        _finished(stack, instance, stack.launch("readings", checks=["plausible"]))
        downstream = stack.launch("report")
        _reason(instance, downstream, "check_failed", "plausible")
        assert _run(instance, downstream).status is dg.DagsterRunStatus.QUEUED
        told = "\n".join(_events(instance, downstream))
        assert "Defer. check_failed: " in told
        assert "plausible" in told

        (stack.steering / "plausible").write_text("yes")
        _finished(stack, instance, stack.launch("readings", checks=["plausible"]))
        run = _finished(stack, instance, downstream)
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert run.tags[tags.ADMISSION] == tags.ADMITTED
        assert run.tags[tags.DECISION].isdigit()


def test_a_check_that_was_not_evaluated_for_the_latest_version_is_no_pass(stack: Stack) -> None:
    """Materialize the upstream without its check: what reads it waits."""
    with stack.instance() as instance:
        (stack.steering / "plausible").write_text("yes")
        _finished(stack, instance, stack.launch("readings"))
        downstream = stack.launch("report")
        _reason(instance, downstream, "check_not_evaluated", "plausible")
        _finished(stack, instance, stack.launch("readings", checks=["plausible"]))
        assert _finished(stack, instance, downstream).status is dg.DagsterRunStatus.SUCCESS


def test_a_run_of_a_plain_job_is_governed_by_default(stack: Stack) -> None:
    """A run without assets has the default policy, and runs."""
    with stack.instance() as instance:
        run = _finished(stack, instance, stack.launch(job="plain"))
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert run.tags[tags.POLICY] == "default"


def test_a_run_has_the_cpu_weight_of_its_tier(stack: Stack) -> None:
    """The process that the code server started for it yields to those of the tier above."""
    (stack.steering / "toil_s").write_text("20")
    with stack.instance() as instance:
        run_id = stack.launch(job="plain")
        worker = psutil.Process(eventually(lambda: _pid(instance, run_id), "the run tells its pid"))
        eventually(lambda: worker.nice() == nice_of(20), "the run is weighed")
        ledger = open_ledger(instance, None)
        eventually(lambda: Weighting.of_text(ledger.kept(KEY)) == Weighting(), "weights are in force")
        ledger.dispose()
        assert _finished(stack, instance, run_id).status is dg.DagsterRunStatus.SUCCESS
    (stack.steering / "toil_s").unlink()


def test_what_a_run_used_is_in_the_ledger(stack: Stack) -> None:
    """The code server started its process, on a port that a tag of the run names."""
    (stack.steering / "toil_s").write_text("5")
    with stack.instance() as instance:
        run_id = stack.launch(job="plain")
        _finished(stack, instance, run_id)
        ledger = open_ledger(instance, None)
        (usage,) = eventually(
            lambda: [row for row in ledger.usages() if row.run_id == run_id], "the usage is recorded"
        )
        ledger.dispose()
    (stack.steering / "toil_s").unlink()
    assert usage.cpu_seconds is not None
    assert 0 < usage.cpu_seconds < 60
    assert usage.memory_peak is not None
    assert usage.memory_peak > 20 * 2**20


@pytest.mark.alone
def test_a_forecast_degrades_inside_its_deadline_and_comes_back_to_full(stack: Stack) -> None:
    """In a memory squeeze the rung runs in time and says so; after it, full mode returns."""
    room = 2 * GIB
    (stack.home / "policies.yaml").write_text(POLICIES.replace("memory: 95%", f"memory: {_guard(room)}%"))
    with stack.instance() as instance:
        with _squeeze(room - GIB // 4):
            squeezed = stack.launch("forecast")
            run = _finished(stack, instance, squeezed)
            record = instance.get_run_record_by_id(squeezed)
            assert run.tags[tags.MODE] == "reduced"
            assert record is not None
            assert record.end_time is not None
            assert record.end_time - record.create_timestamp.timestamp() < 40
            assert _latest_metadata(instance, "forecast")[tags.MODE] == "reduced"
            assert _latest_metadata(instance, "forecast")["members"] == 5
        run = _finished(stack, instance, stack.launch("forecast"))
        assert tags.MODE not in run.tags
        assert _latest_metadata(instance, "forecast")[tags.MODE] == "full"
        assert len(stack.executions("forecast-reduced")) == 1


def test_an_edit_of_the_policies_counts_at_once_and_a_broken_one_never(stack: Stack) -> None:
    """No restart: a good edit governs the next run; a broken one is refused in sight of the operator."""
    policies = stack.home / "policies.yaml"
    with stack.instance() as instance:
        policies.write_text(
            POLICIES + "  - {name: toil, jobs: [plain], tier: batch, estimate: {cpu: 0, memory: 64MiB}}\n"
        )
        run = _finished(stack, instance, stack.launch(job="plain"))
        assert (run.tags[tags.POLICY], run.tags[tags.TIER]) == ("toil", "batch")

        policies.write_text(POLICIES.replace("tier: critical", "teir: critical"))
        errors = eventually(lambda: _daemon_errors(stack), "the daemon shows the refused edit")
        assert "`teir`" in errors
        assert "policies.yaml:" in errors
        assert _finished(stack, instance, stack.launch(job="plain")).tags[tags.POLICY] == "toil"

        policies.write_text(POLICIES)
        run = _finished(stack, instance, stack.launch(job="plain"))
        assert run.tags[tags.POLICY] == "default"


def test_taking_it_out_leaves_stock_dagster_and_the_queued_runs(stack: Stack) -> None:
    """Last of all: runs that were held go, first come, first served, once the five lines are gone."""
    with stack.instance() as instance:
        _finished(stack, instance, stack.launch("readings"))  # its check is not evaluated: the gate is closed
        held = [stack.launch("report") for _ in range(2)]
        for run_id in held:
            _reason(instance, run_id, "check_not_evaluated", "plausible")
        stack.stop()
        write_dagster_home(stack.home)
        stack.start()
        for run_id in held:
            assert _finished(stack, instance, run_id).status is dg.DagsterRunStatus.SUCCESS


def _guard(room: int) -> int:
    """The memory guard, in per cent, that leaves about ``room`` bytes on this machine as it is now."""
    reading = MachineReader().read(time.time())
    return round(100 * (reading.memory_used + room) / reading.memory_capacity)


@contextmanager
def _squeeze(size: int) -> Iterator[None]:
    """A stranger that holds ``size`` bytes of memory, and really touches them."""
    with multiprocessing.Pool(1, initializer=_hold, initargs=(size,)) as stranger:
        stranger.apply(len, ("ready",))
        yield


_held: list[bytes] = []


def _hold(size: int) -> None:
    _held.append(b"x" * size)


def _run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def _finished(stack: Stack, instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    eventually(
        lambda: _run(instance, run_id).is_finished,
        f"run {run_id} ends",
        log=lambda: (
            f"{_run(instance, run_id).status}: {_run(instance, run_id).tags}\n{stack.log('daemon')()}"
        ),
    )
    return _run(instance, run_id)


def _pid(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that the run's events name."""
    page = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    events = [record.event_log_entry.dagster_event for record in page.records]
    named = [event.engine_event_data.metadata.get("pid") for event in events if event]
    return next((int(str(pid.value)) for pid in named if pid), None)


def _reason(instance: dg.DagsterInstance, run_id: str, code: str, detail: str) -> None:
    def says() -> bool:
        reason = _run(instance, run_id).tags.get(tags.REASON, "")
        return reason.startswith(code) and detail in reason

    what = f"{run_id} waits because of {code}: {detail}"
    eventually(says, what, log=lambda: f"{_run(instance, run_id).status}: {_run(instance, run_id).tags}")


def _events(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    events = [record.event_log_entry.dagster_event for record in records]
    return [event.message or "" for event in events if event]


def _latest_metadata(instance: dg.DagsterInstance, asset: str) -> dict[str, object]:
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def _daemon_errors(stack: Stack) -> str:
    data = stack.query("{instance{daemonHealth{allDaemonStatuses{daemonType lastHeartbeatErrors{message}}}}}")
    if data is None:
        return ""
    statuses = data["instance"]["daemonHealth"]["allDaemonStatuses"]
    return "\n".join(error["message"] for status in statuses for error in status["lastHeartbeatErrors"])
