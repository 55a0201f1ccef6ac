"""``make dev``: Dagster, its daemon and the flight feed, started together and stopped together.

Everything is kept under ``.adaptive/``: Dagster's storage, the landed files, the logs.  A second start
carries on where the first one stopped.
"""

import argparse
import fcntl
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from flights.children import Child, Family
from flights.feed_state import read_state
from flights.folder import FlightsFolder
from flights.log_lines import worth_showing
from flights.lost_runs import end_lost_runs
from flights.metadata import local
from flights.replay import CHAOS

PROJECT: Final = Path(__file__).resolve().parents[1]
HOST: Final = "127.0.0.1"
FIRST_PORT: Final = 3000
PORTS_TRIED: Final = 20
STARTS_WITHIN: Final = 120.0
PATIENCE: Final = 12.0
"""Seconds that runs get to finish after Ctrl-C."""


class DevError(Exception):
    """Something that the person at the keyboard has to know; its text says what to do."""


@dataclass(frozen=True, slots=True)
class Places:
    """What is where."""

    home: Path
    policies: Path
    port: int

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.home / "flights"

    @property
    def logs(self) -> Path:
        """The children's logs."""
        return self.home / "output"

    @property
    def url(self) -> str:
        """Dagster's UI."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """What the children find in their environment."""
        return {
            "DAGSTER_HOME": str(self.home),
            "FLIGHTS_DATA": str(self.data),
            "PYTHONUNBUFFERED": "1",
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Start everything and stay until SIGINT or SIGTERM; 0 after a clean stop, 1 if something fell over."""
    arguments = _arguments(argv)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    home: Path = arguments.home.absolute()
    try:
        with _only_one(home):
            port = arguments.port or _free_port()
            if arguments.port and not _is_free(arguments.port):
                raise DevError(
                    f"port {arguments.port} is in use; leave --port away to have a free one chosen"
                )
            places = Places(home, arguments.policies.absolute(), port)
            _prepare(places)
            os.environ.update(places.environment())
            lost = end_lost_runs(home)
            if lost:
                print(
                    f"{lost} runs had been left without a process; they are ended and may be retried.",
                    flush=True,
                )
            return _run(places, arguments, stop)
    except DevError as error:
        print(f"dev: {error}", file=sys.stderr)
        return 1


def _run(places: Places, arguments: argparse.Namespace, stop: threading.Event) -> int:
    family = Family(os.environ)
    print(f"Starting Dagster on {places.url} ...", flush=True)
    code = 0
    try:
        dagster = family.start("dagster", _dagster(places), places.home, places.logs / "dagster.log", _show)
        if not _answers(places, dagster, stop):
            if not stop.is_set():
                raise DevError(f"Dagster did not come up; the end of {dagster.log}:\n{_tail(dagster.log)}")
            return 0
        feed = family.start("feed", _feed(places, arguments), places.home, places.logs / "feed.log", _show)
        print(_screen(places, arguments.speed), flush=True)
        code = _watch(dagster, feed, stop)
    finally:
        print("Stopping; runs that are about to finish may do so ...", flush=True)
        family.stop(PATIENCE)
    left = family.members()
    if left:
        raise DevError(f"could not end the processes {', '.join(str(p.pid) for p in left)}")
    state = read_state(FlightsFolder(places.data))
    until = f" from {local(state.position)}" if state else ""
    print(f"Stopped. The next start carries on{until}.", flush=True)
    return code


def _watch(dagster: Child, feed: Child, stop: threading.Event) -> int:
    """Stay until asked to stop or until Dagster ends; a feed that ends is told of and lived without."""
    feeding = True
    while not stop.wait(0.5):
        if dagster.poll() is not None:
            print(f"dev: Dagster ended with code {dagster.poll()}; see {dagster.log}", file=sys.stderr)
            return 1
        if feeding and feed.poll() is not None:
            feeding = False
            print(f"dev: the feed ended with code {feed.poll()}; see {feed.log}", file=sys.stderr)
    return 0


def _dagster(places: Places) -> list[str]:
    workspace = str(PROJECT / "workspace.yaml")
    options = ["--workspace", workspace, "--host", HOST, "--port", str(places.port), "--log-format", "json"]
    return [sys.executable, "-W", "ignore", "-m", "dagster", "dev", *options]


def _feed(places: Places, arguments: argparse.Namespace) -> list[str]:
    options = ["--data", str(places.data), "--speed", str(arguments.speed), "--chaos", arguments.chaos]
    if arguments.start:
        options += ["--start", arguments.start]
    return [sys.executable, "-m", "flights.feed", *options]


def _show(name: str, line: str) -> None:
    shown = worth_showing(name, line)
    if shown is not None:
        print(shown, flush=True)


def _answers(places: Places, dagster: Child, stop: threading.Event) -> bool:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and dagster.poll() is None and not stop.wait(0.3):
        try:
            with urllib.request.urlopen(f"{places.url}/server_info", timeout=2):  # noqa: S310 (our own address)
                return True
        except (urllib.error.URLError, OSError):
            continue
    return False


def _screen(places: Places, speed: float) -> str:
    python = _shown(Path(sys.executable))
    state = read_state(FlightsFolder(places.data))
    where = f"; it is {local(state.position)} in the replay" if state else ""
    adaptive = _shown(Path(sys.executable).parent / "adaptive")
    rows = [
        ("Dagster UI", f"{places.url}   a run that waits says what for in its first tag"),
        ("policies", f"{_shown(places.policies)}   edit it: the next cycle goes by it"),
        ("data", f"{_shown(places.data)}   landing/  quarantine/  reports/*.html"),
        ("logs", f"{_shown(places.logs)}"),
        ("press on it", f"{python} -m flights.squeeze --cpu 2 --memory 60% --seconds 60"),
        ("ask it", f"DAGSTER_HOME={_shown(places.home)} {adaptive} status | queue | explain RUN_ID"),
        ("stop", "Ctrl-C; the next start carries on from there"),
        ("start afresh", f"rm -r {_shown(places.home)}"),
    ]
    lines = [f"  {name:<13} {text}" for name, text in rows]
    title = f"New York's flights of 2013, an hour every {speed:g} s{where}"
    return "\n".join(
        ["", f"  {title}", "", *lines, "", "  Decisions, warnings and the feed, as they come:", ""]
    )


def _shown(path: Path) -> str:
    """The path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _prepare(places: Places) -> None:
    """Make the home, with the project's instance configuration and its paths filled in."""
    settings = PROJECT / "dagster.yaml"
    if not settings.exists():
        raise DevError(f"{settings} is missing: `make dev` runs in a checkout of the project")
    instance = yaml.safe_load(settings.read_text(encoding="utf-8"))
    instance["run_coordinator"]["config"] |= {
        "policies": str(places.policies),
    }
    written = f"# Written by `make dev` from {settings}\n{yaml.safe_dump(instance, sort_keys=False)}"
    places.home.mkdir(parents=True, exist_ok=True)
    (places.home / "dagster.yaml").write_text(written, encoding="utf-8")


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the home's lock, which the kernel gives back however we end."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "dev.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DevError(
                f"it is running already in {home}; stop that one first, or take another --home"
            ) from None
        yield


def _free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if _is_free(port):
            if port != FIRST_PORT:
                print(f"Port {FIRST_PORT} is in use: taking {port}.", flush=True)
            return port
    last = FIRST_PORT + PORTS_TRIED - 1
    raise DevError(f"the ports {FIRST_PORT} to {last} are all in use; name a free one with --port")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _tail(log: Path, lines: int = 25) -> str:
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(it is empty)"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m flights.dev", description=__doc__)
    parser.add_argument("--home", type=Path, default=PROJECT / ".adaptive", help="where everything is kept")
    parser.add_argument(
        "--policies", type=Path, default=PROJECT / "policies" / "flights.yaml", help="the policy file"
    )
    parser.add_argument(
        "--port", type=int, help=f"of the UI; without it, the first free one from {FIRST_PORT}"
    )
    parser.add_argument("--speed", type=float, default=20.0, help="seconds to an hour of flights")
    parser.add_argument("--start", help="New York time at which a first replay starts, like 2013-07-01T04:00")
    parser.add_argument("--chaos", choices=CHAOS, default="mild", help="faults in what is delivered")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
