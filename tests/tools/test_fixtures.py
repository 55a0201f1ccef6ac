import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import dagster as dg
import psutil
import pytest

from tools.postgres import connect, database_name

ROOT = Path(__file__).resolve().parents[2]


def test_each_storage_keeps_runs(instance: dg.DagsterInstance) -> None:
    """A run that is put into either storage can be read back, and materializations with it."""

    @dg.asset
    def answer() -> int:
        return 42

    result = dg.materialize([answer], instance=instance)

    assert result.success
    assert instance.get_run_by_id(result.run_id) is not None
    assert instance.get_latest_materialization_event(dg.AssetKey("answer")) is not None


def test_databases_are_apart(instance_postgres: dg.DagsterInstance, postgres_url: str) -> None:
    """A database of `postgres_url` is empty, whatever the instances of the same server hold."""
    with connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select current_database(), count(*) from information_schema.tables where table_schema = 'public'"
        )
        assert cursor.fetchone() == (database_name(postgres_url), 0)
    connection.close()


@pytest.mark.e2e
def test_no_server_outlives_its_test_run() -> None:
    """The PostgreSQL server stops, and its files go, even when the process that started it is killed."""
    program = """
        from tools.postgres import postgres_server, connect
        with postgres_server() as server:
            cursor = connect(server.url).cursor()
            cursor.execute("select pg_read_file('postmaster.pid')")
            print(*cursor.fetchone()[0].splitlines()[:2], sep="\\n", flush=True)
            input()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as owner:
        assert owner.stdout is not None
        server = psutil.Process(int(owner.stdout.readline()))
        data = Path(owner.stdout.readline().strip())
        assert data.exists()
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    psutil.wait_procs([server], timeout=20)
    assert not server.is_running()
    deadline = time.monotonic() + 20
    while data.parent.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not data.parent.exists()
