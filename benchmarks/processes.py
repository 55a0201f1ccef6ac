"""Processes of a deployment under measure: started in groups of their own, and stopped by their ids."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["awaited", "free_port", "listens", "process"]

ROOT = Path(__file__).parents[1]
PATIENCE_S = 90.0


@contextmanager
def process(module: Sequence[str], home: Path, name: str) -> Iterator[int]:
    """``python -m module`` in a process group of its own, which is stopped at the end; its id."""
    with (home / f"{name}.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(home)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield started.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            started.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def awaited(
    happened: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S, every_s: float = 0.02
) -> None:
    """Look again and again; :class:`RuntimeError` if ``what`` does not happen in ``patience_s``."""
    deadline = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {patience_s:.0f} s: {what}")
        time.sleep(every_s)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
