"""A whole Dagster deployment as processes: code server, daemon, webserver, each of which can be killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import yaml

PROJECT = Path(__file__).with_name("project.py")
LOCATION = "project"
LAUNCH = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } } }
"""
POLICIES = """
version: 1
guards: {cpu: 100%, memory: 95%}
default: {estimate: {cpu: 0, memory: 64MiB, duration: 5s}}
policies:
  - name: reports
    select: key:report
    gates: {checks: pass}
    estimate: {cpu: 0, memory: 64MiB, duration: 5s}
  - name: forecast
    select: key:forecast
    tier: critical
    objective: {deadline: 40s}
    estimate: {cpu: 0, memory: 1GiB, duration: 8s}
    degrade:
      - {mode: reduced, with: {members: 5}, estimate: {cpu: 0, memory: 16MiB, duration: 5s}}
"""
T = TypeVar("T")

MakeStack = Callable[..., "Stack"]


class Stack:
    """The processes of one deployment, and what a user can do with it."""

    def __init__(self, home: Path, steering: Path) -> None:
        self.home = home
        self.steering = steering
        self._port = _free_port()
        self._code_port = _free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {**os.environ, "DAGSTER_HOME": str(home), "STEERING_DIR": str(steering)}
        server = {"host": "localhost", "port": self._code_port, "location_name": LOCATION}
        (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))

    def start(self, *names: str) -> None:
        """Start ``code``, ``daemon`` or ``web`` (all three without names) and wait until they answer."""
        module = [sys.executable, "-m"]
        workspace = ["-w", str(self.home / "workspace.yaml")]
        commands: dict[str, Sequence[str]] = {
            "code": [*module, "dagster", "api", "grpc", "-f", str(PROJECT), "-p", str(self._code_port)],
            "daemon": [*module, "dagster._daemon", "run", *workspace],
            "web": [*module, "dagster_webserver", "-p", str(self._port), *workspace],
        }
        for name in names or commands:
            with (self.home / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    commands[name], env=self._environment, stdout=log, stderr=log, start_new_session=True
                )
            if name == "code":
                eventually(lambda: _listens(self._code_port), f"{name} listens", log=self.log(name))
        if "web" in (names or commands):
            eventually(lambda: self.query("{version}"), "the webserver answers", log=self.log("web"))

    def log(self, name: str) -> Callable[[], str]:
        """The tail of a process's output, for the message of a failure."""
        return lambda: (self.home / f"{name}.log").read_text()[-3000:]

    def kill(self, name: str) -> None:
        """SIGKILL one process, and only that one: its children live on as they would after a crash."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Stop everything that was ever started here, run workers included."""
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()

    def query(self, text: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Ask the webserver; ``None`` while it does not answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/graphql",
            json.dumps({"query": text, "variables": variables or {}}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def launch(self, *assets: str, job: str | None = None, checks: Sequence[str] = ()) -> str:
        """Launch a run as a user does in the UI; returns its id."""
        selector: dict[str, Any] = {
            "repositoryLocationName": LOCATION,
            "repositoryName": "__repository__",
            "pipelineName": job or "__ASSET_JOB",
        }
        if assets:
            selector["assetSelection"] = [{"path": [asset]} for asset in assets]
            selector["assetCheckSelection"] = [
                {"assetKey": {"path": [assets[0]]}, "name": check} for check in checks
            ]
        params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": []}}
        answer = eventually(lambda: self.query(LAUNCH, {"params": params}), "the webserver takes a run")
        assert answer["launchRun"]["__typename"] == "LaunchRunSuccess", answer
        return str(answer["launchRun"]["run"]["runId"])

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The deployment's instance, seen from the test's process."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    def executions(self, kind: str) -> list[str]:
        """The run ids that executed ``kind``, one for each execution."""
        file = self.steering / f"{kind}.log"
        return file.read_text().split() if file.exists() else []


def adaptive(home: Path, **config: Any) -> dict[str, Any]:
    """The ``run_coordinator`` section that adopts the project."""
    return {
        "module": "adaptive_assets",
        "class": "AdaptiveRunCoordinator",
        "config": {"policies": str(home / "policies.yaml"), "dequeue_interval_seconds": 1, **config},
    }


def eventually(
    look: Callable[[], T | None], what: str, *, timeout_s: float = 90, log: Callable[[], str] | None = None
) -> T:
    """Look again and again until there is something to see; fails with ``what`` was expected."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.25)
    raise AssertionError(f"not within {timeout_s:.0f} s: {what}" + (f"\n{log()}" if log else ""))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
