"""Backlog files, which anybody may write."""

from pathlib import Path

import pytest

from adaptive_assets.workflow.backlogs import LARGEST, BacklogError, read_backlogs


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
        (" " * (LARGEST + 1), "at most 1,048,576 are read"),
    ],
    ids=range(7),
)
def test_what_is_no_backlog_is_told_with_what_would_be(tmp_path: Path, text: str, told: str) -> None:
    """With the file's name, and never with a traceback."""
    file = tmp_path / "backlog.json"
    file.write_text(text)
    with pytest.raises(BacklogError, match="write a list such as") as error:
        read_backlogs([file])
    assert told in str(error.value)
    assert str(file) in str(error.value)


def test_something_else_in_its_place(tmp_path: Path) -> None:
    """A folder is named as what it is not."""
    with pytest.raises(BacklogError, match="is not a file"):
        read_backlogs([tmp_path])
