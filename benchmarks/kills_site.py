"""A deployment that daemons are killed in: it keeps submitting runs, and notes every launch and execution."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, Self

import dagster as dg
import yaml

from benchmarks.dagster_private import WorkspaceProcessContext, served_workspace, submit_job
from benchmarks.kills_job import EXECUTIONS, JOB
from benchmarks.kills_ledgers import PostgresLedger, SqliteLedger
from benchmarks.kills_moments import Moment
from benchmarks.kills_processes import start_daemon, start_executor, stop
from benchmarks.parts import LAUNCHES

__all__ = ["InterruptedCampaignError", "KilledSite", "Submitter", "deployed"]

WAITING: Final = 3
"""So many runs are always in the queue, for the next daemon to launch."""
LOOK_S: Final = 0.1
TAIL: Final = 2000
START_TIMEOUT_S: Final = 20
"""A launch that its daemon did not live to make is found by Dagster's run monitoring after that time."""

POLICIES: Final = """\
version: 1
guards: {memory: 99%}
default: {estimate: {cpu: 0, memory: 16MiB, duration: 1s}}
"""
SETTINGS: Final[dict[str, Any]] = {
    "run_launcher": {"module": "benchmarks.parts", "class": "RecordingLauncher"},
    "run_monitoring": {
        "enabled": True,
        "start_timeout_seconds": START_TIMEOUT_S,
        "poll_interval_seconds": 2,
    },
    "run_retries": {"enabled": True, "max_retries": 5, "retry_on_asset_or_op_failure": False},
    "telemetry": {"enabled": False},
}
COORDINATOR: Final = {"policies": "policies.yaml", "dequeue_interval_seconds": 1, "max_concurrent_runs": 50}


class InterruptedCampaignError(Exception):
    """The campaign was interrupted."""


class KilledSite:
    """The deployment at ``home``, seen by who submits runs, and by who kills daemons."""

    def __init__(
        self,
        home: Path,
        instance: dg.DagsterInstance,
        ledger: SqliteLedger | PostgresLedger,
        interrupted: threading.Event,
    ) -> None:
        self.home = home
        self.instance = instance
        self.ledger = ledger
        self.kills: list[float] = []
        """When a daemon was killed, in POSIX seconds."""
        self.at_calls = 0
        """How many of them killed themselves at a call."""
        self.ended: list[str] = []
        """What daemons wrote last that ended by themselves, which none should."""
        self.submitted: list[str] = []
        self.refused: list[str] = []
        """What was said to runs that could not be submitted."""
        self._interrupted = interrupted
        self._daemons: list[BaseProcess] = []

    def launches(self) -> list[tuple[str, float]]:
        """Run id and POSIX seconds of each launch."""
        file = self.home / LAUNCHES
        lines = file.read_text().splitlines() if file.exists() else []
        return [(line.split()[0], float(line.split()[1])) for line in lines]

    def executions(self) -> Counter[str]:
        """How often each run was executed."""
        files = (self.home / EXECUTIONS).iterdir()
        return Counter({file.name: len(file.read_text().splitlines()) for file in files})

    def start(self, moment: Moment | None = None, name: str = "daemon") -> BaseProcess:
        """Start a daemon, which is killed at ``moment`` if that is a call."""
        daemon = start_daemon(self.home, moment, name)
        self._daemons.append(daemon)
        return daemon

    def kill(self, daemon: BaseProcess) -> None:
        """With SIGKILL, unless it is dead already."""
        daemon.join(0)
        if daemon.exitcode == -signal.SIGKILL:
            self.at_calls += 1
        elif daemon.exitcode is not None:
            self.ended.append((self.home / f"{daemon.name}.log").read_text()[-TAIL:])
        daemon.kill()
        daemon.join()
        self.kills.append(time.time())

    def wait(self, happened: Callable[[], bool], patience_s: float) -> bool:
        """Look until something has happened, and whether it has.

        Raises :class:`InterruptedCampaignError` when the campaign is.
        """
        deadline = time.monotonic() + patience_s
        while not (done := happened()) and time.monotonic() < deadline:
            if self._interrupted.wait(LOOK_S):
                raise InterruptedCampaignError
        return done

    def stop(self) -> None:
        """End all daemons."""
        while self._daemons:
            stop(self._daemons.pop())


class Submitter:
    """Keeps submitting runs in a thread of its own, as users would; a context manager."""

    def __init__(self, site: KilledSite, workspace: WorkspaceProcessContext, most: int | None = None) -> None:
        self._site = site
        self._workspace = workspace
        self._most = most
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._submit, name="submitter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _submit(self) -> None:
        while not self._enough.wait(LOOK_S):
            launched = {run_id for run_id, _ in self._site.launches()}
            waiting = sum(run_id not in launched for run_id in self._site.submitted)
            if self._most is None and waiting >= WAITING:
                continue
            if self._most is not None and len(self._site.submitted) >= self._most:
                return
            try:
                self._site.submitted.append(submit_job(self._site.instance, self._workspace, JOB, {}))
            except Exception as error:  # noqa: BLE001  whatever it was, the user's run was not taken
                self._site.refused.append(f"{type(error).__name__}: {error}")


@contextmanager
def deployed(
    home: Path,
    storage_url: str | None,
    ledger: Callable[[Path], SqliteLedger | PostgresLedger],
    code_port: int,
    interrupted: threading.Event,
) -> Iterator[tuple[KilledSite, WorkspaceProcessContext]]:
    """A home on SQLite, or with its storage at ``storage_url``; what was started in it is stopped."""
    home.mkdir()
    kept = ledger(home)
    config = {**COORDINATOR, "ledger": kept.url}
    coordinator = {"module": "adaptive_assets", "class": "AdaptiveRunCoordinator", "config": config}
    storage = {"storage": {"postgres": {"postgres_url": storage_url}}} if storage_url else {}
    _write(home / "dagster.yaml", {**SETTINGS, **storage, "run_coordinator": coordinator})
    server = {"host": "localhost", "port": code_port, "location_name": "pipeline"}
    _write(home / "workspace.yaml", {"load_from": [{"grpc_server": server}]})
    (home / "policies.yaml").write_text(POLICIES)
    with ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        workspace = stack.enter_context(served_workspace(instance, code_port))
        executor = start_executor(home)
        stack.callback(stop, executor)
        site = KilledSite(home, instance, kept, interrupted)
        stack.callback(site.stop)
        yield site, workspace


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(content, sort_keys=False))
