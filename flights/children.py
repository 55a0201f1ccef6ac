"""Child processes that are started together and leave nothing behind.

Each child leads a process group of its own, so that Ctrl-C in the terminal reaches us alone and we decide in
which order things end.  What a child starts inherits a mark in its environment: by it, a grandchild is found
even when its parent is gone and it left the group.
"""

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

_MARK: Final = "ADAPTIVE_DEV_FAMILY"
_PROJECT: Final = Path(__file__).resolve().parents[1]


class Child:
    """One child process; its output goes to a log file, and line by line to ``show``."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        log: Path,
        show: Callable[[str, str], None],
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(show,), name=f"read-{name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, or ``None`` while it runs."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the child alone."""
        if self.poll() is None:
            self._process.send_signal(number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Send a signal to the child and all that it started and that stayed in its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def finish(self, seconds: float) -> None:
        """Wait for the last words."""
        self._reader.join(seconds)

    def _read(self, show: Callable[[str, str], None]) -> None:
        output = self._process.stdout
        if output is None:
            return
        with output, self.log.open("a", encoding="utf-8") as log:
            for line in output:
                log.write(line)
                log.flush()
                show(self.name, line.rstrip("\n"))


class Family:
    """The children of one start, and everything that descends from them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._mark = uuid.uuid4().hex
        # Children work elsewhere; `flights` is a common name, and theirs must be this one.
        path = [str(_PROJECT), *filter(None, [environment.get("PYTHONPATH")])]
        self._environment = {**environment, _MARK: self._mark, "PYTHONPATH": os.pathsep.join(path)}
        self.children: list[Child] = []

    def start(
        self, name: str, command: Sequence[str], directory: Path, log: Path, show: Callable[[str, str], None]
    ) -> Child:
        """Start a child."""
        child = Child(name, command, environment=self._environment, directory=directory, log=log, show=show)
        self.children.append(child)
        return child

    def members(self) -> list[psutil.Process]:
        """Return the processes of the family that are alive, whoever their parents are now."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_MARK) == self._mark:
                    found.append(process)
        return found

    def stop(self, patience: float) -> None:
        """End the family: ask its heads, then everyone, then do not ask any more.

        The heads are asked first so that Dagster can let runs finish that are about to; ``patience`` is how
        many seconds they get, and everyone after them half of it.
        """
        for child in self.children:
            child.send(signal.SIGTERM)
        if not self._gone(patience):
            for child in self.children:
                child.send_to_group(signal.SIGTERM)
            self._each(psutil.Process.terminate)
            if not self._gone(patience / 2):
                for child in self.children:
                    child.send_to_group(signal.SIGKILL)
                self._each(psutil.Process.kill)
                self._gone(patience / 2)
        for child in self.children:
            child.finish(1.0)

    def _gone(self, seconds: float) -> bool:
        """Wait until nobody is left; one that is ending loses its environment before it has an exit code."""
        until = time.monotonic() + seconds
        while any(child.poll() is None for child in self.children) or self.members():
            if time.monotonic() >= until:
                return False
            time.sleep(0.1)
        return True

    def _each(self, act: Callable[[psutil.Process], None]) -> None:
        for process in self.members():
            with suppress(psutil.Error):
                act(process)
