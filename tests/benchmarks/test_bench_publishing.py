"""A short campaign: writers killed at random points never show a reader what has not passed."""

from pathlib import Path

from benchmarks.publishing import campaign


def test_killed_writers_show_nothing_that_has_not_passed(tmp_path: Path) -> None:
    """A few kills of two writers; the whole campaign is `python -m benchmarks publishing`."""
    counted = campaign(tmp_path, 6)
    assert counted.kills >= 6
    assert counted.reads > 10
    assert counted.faults == 0, counted.told()
    assert counted.left_after_sweep == 0
