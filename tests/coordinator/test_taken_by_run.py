"""What a run took, told by its own process: real run workers, of runs that nobody has looked at."""

import os
import subprocess
import sys
import time
from collections.abc import Callable

import dagster as dg
import pytest
from dagster._grpc.types import ExecuteRunArgs
from dagster_shared.serdes import serialize_value

from adaptive_assets.assets import run_usage
from adaptive_assets.coordinator.deployment import open_ledger
from adaptive_assets.dagster_compat.run_reports import TakenByRun, taken_by_run
from adaptive_assets.ledger import RunUsageRow
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import IDLE, World

MIB = 2**20
BURNT_S = 1.0
HELD = 200 * MIB
CODE = f"""
import subprocess, sys, time
from pathlib import Path
import dagster as dg
from adaptive_assets import adapt

def work():
    held = bytearray(b"x") * {HELD}
    while time.process_time() < {BURNT_S}:
        pass

@dg.asset
def held() -> None: work()

@dg.op
def hold() -> None: work()

@dg.op
def fail() -> None:
    work()
    burn = "import time\\nwhile time.process_time() < {BURNT_S}: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    raise ValueError("on purpose")

@dg.job(executor_def=dg.in_process_executor)
def failing() -> None: fail()

@dg.job(executor_def=dg.multiprocess_executor.configured({{"start_method": {{"forkserver": {{}}}}}}))
def forking() -> None: hold()

defs = adapt(
    dg.Definitions(assets=[held], jobs=[failing, forking]),
    Path(__file__).with_name("policies.yaml"),
)
"""

Execute = Callable[[World, str], None]


def _execute(world: World, run_id: str) -> None:
    """What a launcher starts, until it has ended."""
    run = world.run(run_id)
    assert run.job_code_origin is not None
    given = ExecuteRunArgs(
        job_origin=run.job_code_origin, run_id=run_id, instance_ref=world.instance.get_ref()
    )
    command = [sys.executable, "-m", "dagster", "api", "execute_run", serialize_value(given)]
    subprocess.run(command, env={**os.environ}, check=True, timeout=200, capture_output=True)


def _of(world: World, *assets: str, job: str = "__ASSET_JOB") -> tuple[str, TakenByRun | None]:
    run_id = world.submit(*assets, job=job)
    world.pass_()
    world.instance.launch_run(run_id, world.workspace)
    _execute(world, run_id)
    return run_id, taken_by_run(world.instance, run_id)


def _learned(world: World, run_id: str) -> RunUsageRow:
    """What the next pass has put into the ledger."""
    world.pass_()
    (usage,) = [each for each in open_ledger(world.instance, None).usages() if each.run_id == run_id]
    return usage


@pytest.mark.timeout(240)
def test_a_run_of_which_no_sample_was_taken_is_learned_from(make_world: MakeWorld) -> None:
    """With a process for each step, as it is by default."""
    world = make_world(IDLE, code=CODE)
    run_id, taken = _of(world, "held")
    assert world.run(run_id).status is dg.DagsterRunStatus.SUCCESS
    assert taken is not None
    assert taken.cpu_seconds > BURNT_S
    assert HELD < taken.memory < HELD + 2_000 * MIB
    usage = _learned(world, run_id)
    assert (usage.cpu_seconds, usage.memory_peak) == (taken.cpu_seconds, taken.memory)


@pytest.mark.timeout(240)
def test_a_run_that_fails_tells_what_its_tools_took(make_world: MakeWorld) -> None:
    """Their CPU time too; they are no second copy of the memory, of which they start as one."""
    world = make_world(IDLE, code=CODE)
    run_id, taken = _of(world, job="failing")
    assert world.run(run_id).status is dg.DagsterRunStatus.FAILURE
    assert taken is not None
    assert taken.cpu_seconds > 2 * BURNT_S
    assert HELD < taken.memory < 2 * HELD + 200 * MIB
    assert _learned(world, run_id).cpu_seconds == taken.cpu_seconds  # told before the end, so read with it


@pytest.mark.timeout(240)
def test_steps_that_are_children_of_a_server_claim_nothing(make_world: MakeWorld) -> None:
    """One that forks: this process never learns what they took."""
    world = make_world(IDLE, code=CODE)
    run_id, taken = _of(world, job="forking")
    assert world.run(run_id).status is dg.DagsterRunStatus.SUCCESS
    assert taken is None
    assert _learned(world, run_id).cpu_seconds is None


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Execute:
    """Executes a run here, as if nothing had been executed here before."""
    monkeypatch.setattr(run_usage, "_begun", [])

    def execute(world: World, run_id: str) -> None:
        with run_usage._reporting(world.instance, world.run(run_id), steps_apart=False):
            pass

    return execute


def test_a_process_that_is_older_than_the_run_claims_nothing(world: World, in_this_process: Execute) -> None:
    """That of a pool, of a notebook or of a test works for others too."""
    time.sleep(2 * run_usage._SAME_TIME_S)  # nobody says how long this process has been there
    run_id = world.submit("readings")
    in_this_process(world, run_id)
    assert taken_by_run(world.instance, run_id) is None


def test_only_the_first_run_of_a_process_is_told_of(
    world: World, in_this_process: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the second took cannot be told from what the first did."""
    first, second = world.submit("readings"), world.submit("report")
    monkeypatch.setattr(run_usage, "_SAME_TIME_S", 1e9)  # it was started after both
    in_this_process(world, first)
    in_this_process(world, second)
    assert taken_by_run(world.instance, first) is not None
    assert taken_by_run(world.instance, second) is None


def test_a_report_that_fails_is_no_failure_of_the_run(
    world: World, in_this_process: Execute, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run has done its work; it is told in the log of its process."""
    run_id = world.submit("readings")
    monkeypatch.setattr(world.instance, "report_engine_event", lambda *_: 1 / 0)
    monkeypatch.setattr(run_usage, "_SAME_TIME_S", 1e9)  # this process was started after the run
    in_this_process(world, run_id)
    assert "ZeroDivisionError" in caplog.text
