"""The processes of a deployment under the campaign, forked from one that has imported Dagster already.

Importing takes seconds, which two hundred restarts cannot afford; nothing else of a daemon is spared.
"""

import multiprocessing
import os
import sqlite3
import time
import traceback
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import dagster as dg
from sqlalchemy import Connection, Engine, event

from benchmarks.dagster_private import execute_run, run_daemon
from benchmarks.kills_job import EXECUTIONS, plain
from benchmarks.kills_moments import Moment, arm
from benchmarks.parts import LAUNCHES

__all__ = ["LIMIT", "start_daemon", "start_executor", "stop"]

LIMIT: Final = "ledger_limit"
"""A file in ``DAGSTER_HOME``: the SQLite pragma that each transaction on the ledger's file begins with."""
LOOK_S: Final = 0.05
STOP_S: Final = 10.0

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["benchmarks.kills_processes"])


def start_daemon(home: Path, moment: Moment | None, name: str = "daemon") -> BaseProcess:
    """``dagster-daemon run``, which is killed at ``moment`` if that is a call."""
    return _started(_daemon, home, name, moment)


def start_executor(home: Path) -> BaseProcess:
    """Executes a run for each line that the launcher writes, and never asks whether it did so before."""
    (home / EXECUTIONS).mkdir()
    return _started(_execute, home, "executor")


def stop(process: BaseProcess) -> None:
    """End the process, whatever it does."""
    if process.pid is not None and process.is_alive():
        process.terminate()
        process.join(STOP_S)
        if process.is_alive():
            process.kill()
    process.join()


def _started(target: Any, home: Path, name: str, *args: object) -> BaseProcess:
    process = _processes.Process(target=target, args=(home, name, *args), name=name, daemon=True)
    process.start()
    return process


def _settle(home: Path, name: str) -> None:
    """Be a process of this deployment: its output in a log, out of reach of the terminal's Ctrl-C."""
    os.setsid()
    log = os.open(home / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for output in (1, 2):
        os.dup2(log, output)
    os.environ["DAGSTER_HOME"] = str(home)


def _daemon(home: Path, name: str, moment: Moment | None) -> None:
    _settle(home, name)
    _limit_ledger(home / LIMIT)
    if moment is not None:
        arm(moment)
    run_daemon(home / "workspace.yaml")


def _limit_ledger(limit: Path) -> None:
    """Let SQLite itself refuse writes, as on a full disk: no permission stops the administrator."""

    def begin(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if isinstance(driver, sqlite3.Connection) and "ledger" in str(connection.engine.url.database):
            for pragma in limit.read_text().split(";") if limit.exists() else UNLIMITED:
                driver.execute(f"PRAGMA {pragma}").close()

    event.listen(Engine, "begin", begin)


UNLIMITED: Final = ("query_only = OFF", "max_page_count = 4294967294")


def _execute(home: Path, name: str) -> None:
    _settle(home, name)
    job = dg.reconstructable(plain)
    launches = home / LAUNCHES
    launches.touch()
    with dg.DagsterInstance.from_config(str(home)) as instance, launches.open() as lines:
        line = ""
        while True:
            line += lines.readline()
            if not line.endswith("\n"):
                time.sleep(LOOK_S)
                continue
            try:
                execute_run(instance, job, line.split()[0])
            except Exception:  # noqa: BLE001  one run's failure is not the end of the others
                traceback.print_exc()
            line = ""
