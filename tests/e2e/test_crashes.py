"""kill -9 at any time: no run is lost, none is launched twice, none is held for ever. On PostgreSQL."""

import random
import time

import dagster as dg
import pytest

from tests.e2e.stack import POLICIES, MakeStack, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

RUNS = 10


def test_killing_the_daemon_the_webserver_and_the_code_server(
    make_stack: MakeStack, module_postgres_url: str
) -> None:
    """Ten runs, during which each part of the deployment is killed; every run executes exactly once.

    A run whose launch was under way when the daemon died was started by nobody: Dagster's run monitoring
    finds it and Dagster's run retries launch it again, as they do for the stock coordinator.
    """
    chance = random.Random(20130101)
    stack = make_stack(
        POLICIES.replace("guards: {", "guards: {concurrency: 3, "),
        module_postgres_url,
        run_monitoring={
            "enabled": True,
            "start_timeout_seconds": 20,
            "poll_interval_seconds": 3,
            "free_slots_after_run_end_seconds": 5,
        },
        run_retries={"enabled": True, "max_retries": 3, "retry_on_asset_or_op_failure": False},
    )
    stack.start()
    with stack.instance() as instance:
        submitted = [stack.launch(job="plain") for _ in range(RUNS // 2)]
        for victim in ("daemon", "web", "daemon", "code", "daemon"):
            time.sleep(chance.uniform(0.5, 5))
            stack.kill(victim)
            stack.start(victim)
            submitted.append(stack.launch(job="plain"))

        def all_done() -> bool:
            return all(_outcome(instance, run_id) for run_id in submitted)

        eventually(
            all_done,
            "every submitted run, or a retry of it, succeeds",
            timeout_s=240,
            log=stack.log("daemon"),
        )
        held = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
        assert not held
        executed = stack.executions("toil")
        assert len(executed) == len(set(executed)), "a run was executed twice"
        families = {_root(instance, run_id) for run_id in executed}
        assert families == set(submitted)


def _outcome(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run or a retry of it succeeded."""
    group = instance.get_run_group(run_id)
    runs = group[1] if group else [instance.get_run_by_id(run_id)]
    return any(run is not None and run.status is dg.DagsterRunStatus.SUCCESS for run in runs)


def _root(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.root_run_id or run.run_id
