"""Resolve requirements.lock anew from pyproject.toml (`make lock` runs it).

The lock covers every extra and every supported Python and platform, with the hash of each archive that the public
registry offers. It names no place to fetch from: where packages come from is each machine's own configuration, and
local indexes and wheel folders configured here are left out of the resolution.
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
PLACES = re.compile(r"://|^\s*-|\s@\s|--(?!hash=sha256:)")
"""What would tie the lock to a place or to one machine: addresses, pip options, direct references."""


def main() -> int:
    uv = Path(sys.executable).with_name("uv")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    resolved = subprocess.run(
        [
            *(uv, "pip", "compile", "pyproject.toml", "--quiet", "--no-config", "--universal"),
            *("--python-version", "3.11", "--all-extras", "--generate-hashes"),
            # pip checks `name[extra]` against the lock by its extras too.
            "--no-strip-extras",
            *("--no-header", "--no-annotate"),
            # Where nothing in pyproject.toml asks for another version, the locked one stays. `make lock UPGRADE=1` moves on.
            *(["--upgrade"] if os.environ.get("UPGRADE") else []),
            *("--output-file", "requirements.lock"),
        ],
        cwd=ROOT,
        env=environment,
    )
    if resolved.returncode:
        return resolved.returncode

    body = "".join(line for line in LOCK.read_text().splitlines(keepends=True) if not line.startswith("#"))
    tied = [line for line in body.splitlines() if PLACES.search(line.strip().removeprefix("--hash=sha256:"))]
    if tied:
        sys.exit("requirements.lock would name a place or an option:\n" + "\n".join(tied[:5]))
    LOCK.write_text(HEADER + body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
