"""What the reader of the documentation starts does not outlive it."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.docs.pages import ROOT

pytestmark = pytest.mark.e2e

FOLLOW = """
import sys
from pathlib import Path
from tests.docs.pages import DOCS, Block
from tests.docs.reader import Reader
serve = "sh -c 'echo $$ > pid; echo ready; sleep 300; true'"
with Reader(Path(sys.argv[1]), {}) as reader:
    reader.follow(Block(DOCS / "any.md", 1, "console", "in another terminal", f"$ {serve}\\nready"))
    print("started", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("end", ["killed", "left"])
def test_what_it_started_ends_with_it(tmp_path: Path, end: str) -> None:
    """Whether it leaves in order, or is killed and can tidy nothing up: the server's children end as well."""
    folder = tmp_path / "project"
    folder.mkdir()
    command = [sys.executable, "-c", FOLLOW, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        server = psutil.Process(int((folder / "pid").read_text()))
        (child,) = (each for each in server.children() if each.name() == "sleep")
        if end == "killed":
            owner.kill()
        else:
            owner.communicate("\n")
    while server.is_running() or child.is_running():
        time.sleep(0.1)
