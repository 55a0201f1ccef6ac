"""Resolve requirements.lock anew from pyproject.toml (`make lock`; with `UPGRADE=1`, to newer versions).

The lock covers every extra, platform and supported Python, with the hash of each archive that the public
registry offers. It names no place to fetch from: where packages come from is each machine's own
configuration, and the local indexes and wheel folders configured here are left out of the resolution.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEADER = """\
# The whole environment, every archive pinned by hash: `make venv` installs it, `make lock` writes it.
# Decided in docs/decisions/0002-one-universal-lock.md.
"""
COMPILE = (
    *("pip", "compile", "pyproject.toml", "--quiet", "--no-config", "--no-header", "--no-annotate"),
    *("--universal", "--python-version", "3.11", "--all-extras", "--generate-hashes"),
    "--no-strip-extras",  # pip matches `name[extra]` in the lock against what dependencies ask for
    *("--output-file", "requirements.lock"),
)
PLACE = re.compile(r"://|\s@\s|(^|\s)--?(?!hash=sha256:)\w")
"""What would tie the lock to a place or a machine: an address, a direct reference, an option of pip."""


def main() -> int:
    """Write the lock; returns uv's exit status, or stops with the lines that name a place."""
    uv = Path(sys.executable).with_name("uv")
    upgrade = ["--upgrade"] if os.environ.get("UPGRADE") else []
    neutral = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    status = subprocess.run([uv, *COMPILE, *upgrade], cwd=ROOT, env=neutral, check=False).returncode
    if status:
        return status

    lines = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
    if places := [line for line in lines if PLACE.search(line)]:
        sys.exit("requirements.lock would name a place or an option:\n" + "\n".join(places[:5]))
    LOCK.write_text(HEADER + "\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
