"""The tutorial works: somebody who follows it word by word sees what it says."""

import os
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, steps
from tests.docs.reader import Reader

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
    """From an empty folder to the end, with a real daemon, webserver and runs."""
    commands = Path(sys.executable).parent
    environment = {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    folder = tmp_path / "empty"
    folder.mkdir()
    with Reader(folder, environment) as reader:
        for step in steps(DOCS / "tutorial" / "first-project.md"):
            reader.follow(step)
