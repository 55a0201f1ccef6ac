"""Backlog files, which anybody may write."""

import json
import os
from pathlib import Path

import pytest

from adaptive_assets.coordinator.backlogs import LARGEST_FILE, BacklogError, read_backlogs
from adaptive_assets.coordinator.deployment import open_ledger
from tests.coordinator.conftest import MakeWorld


def test_a_pipe_is_no_backlog_file_and_blocks_nothing(tmp_path: Path) -> None:
    """To open it would wait for a writer, and the daemon's cycle with it."""
    pipe = tmp_path / "backlog.json"
    os.mkfifo(pipe)
    with pytest.raises(BacklogError, match="no plain file"):
        read_backlogs([pipe])


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    """It is read in every cycle."""
    file = tmp_path / "backlog.json"
    file.write_text(json.dumps([{"source": "a", "items": 1, "lag_s": 1.0}]) + " " * LARGEST_FILE)
    with pytest.raises(BacklogError, match="larger than"):
        read_backlogs([file])


def test_a_bad_file_takes_no_other_with_it(make_world: MakeWorld, tmp_path: Path) -> None:
    """What the other feed reports is in the cycle's snapshot, and the bad file is told by name."""
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "good.json").write_text(json.dumps([{"source": "departures", "items": 3, "lag_s": 1.0}]))
    files = [str(tmp_path / name) for name in ("bad.json", "good.json")]
    world = make_world(config={"backlogs": files})
    world.submit("summary")
    assert len(world.pass_()) == 1
    assert any("bad.json" in told for told in world.daemon_errors())
    ledger = open_ledger(world.instance, None)
    cycle = ledger.recent_decisions(limit=1)[0].cycle_id
    snapshot = ledger.snapshot(cycle)
    assert [backlog.source for backlog in snapshot.backlogs] == ["departures"]


def test_a_file_that_is_not_there_reports_nothing(tmp_path: Path) -> None:
    """The feed has not begun yet."""
    assert read_backlogs([tmp_path / "none.json"]) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no json", "Expecting value"),
        ('[{"source": "a", "items": 3}]', "lag_s"),
        ('[{"source": "a", "items": 3, "lag_s": NaN}]', "no number of seconds"),
        ('[{"source": "a", "items": 3, "lag_s": -1}]', "no number of seconds"),
        ('[{"source": "a", "items": 3, "lag_s": 1e300}]', "no number of seconds"),
        ("[" * 100_000, "RecursionError"),
    ],
    ids=range(6),
)
def test_what_is_no_backlog_is_told_with_what_would_be(tmp_path: Path, text: str, told: str) -> None:
    """With the file's name, and never with a traceback."""
    file = tmp_path / "backlog.json"
    file.write_text(text)
    with pytest.raises(BacklogError, match="write a list such as") as error:
        read_backlogs([file])
    assert told in str(error.value)
    assert str(file) in str(error.value)
