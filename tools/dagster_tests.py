"""Run Dagster's own tests of its run queue with our coordinator in place of Dagster's (`make test-dagster`).

The tests are in Dagster's source archive, which pip fetches in the version and with the hash that
requirements.lock names. They are unpacked into a temporary folder and never become part of this project.
Arguments are handed to pytest.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.setup_venv import pinned  # noqa: E402  found by the line above when this runs as a script

TESTS = "dagster_tests/daemon_tests/test_queued_run_coordinator_daemon.py"


def main() -> int:
    """Fetch, unpack and run; returns pytest's exit status, or stops with what pip said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fetch(folder)
        path = os.pathsep.join([str(folder), str(ROOT)])
        # Their conftest wants packages that Dagster does not publish; this file uses none of its fixtures.
        command = [sys.executable, "-m", "pytest", "-p", "tools.adaptive_in_dagster_tests", "--noconftest"]
        command += ["-c", os.devnull, "--rootdir", name, "-p", "no:cacheprovider", "-W", "ignore"]
        return subprocess.run(
            [*command, "-q", TESTS, *sys.argv[1:]],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            check=False,
        ).returncode


def _fetch(folder: Path) -> None:
    """Unpack Dagster's tests into ``folder``."""
    wanted = folder / "dagster.txt"
    wanted.write_text(pinned("dagster"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
    command += ["--no-build-isolation", "--require-hashes", "--dest", str(folder), "-r", str(wanted)]
    if status := subprocess.run(command, check=False).returncode:
        sys.exit(status)
    (archive,) = folder.glob("dagster-*.tar.gz")
    with tarfile.open(archive) as source:
        for member in source.getmembers():
            _, _, inner = member.name.partition("/")
            if inner.startswith("dagster_tests/"):
                member.name = inner
                source.extract(member, folder, filter="data")


if __name__ == "__main__":
    sys.exit(main())
