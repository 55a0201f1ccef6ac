"""The watch over the wall clock."""

from adaptive_assets.coordinator.clock import ClockWatch


def after(*looks: tuple[float, float]) -> float:
    """By how much the clock is ahead after these looks at (wall, elapsed)."""
    watch = ClockWatch()
    for now, elapsed in looks:
        watch.look(now, elapsed)
    return watch.ahead_s


def test_a_clock_that_goes_with_time_is_believed() -> None:
    """However long the cycle took, and however little the clock was corrected."""
    assert after((1000, 0), (1001, 1), (1100, 100), (1120, 115)) == 0


def test_a_jump_is_doubted_until_so_much_time_has_passed() -> None:
    """An hour forward: after half an hour half of it is left, after an hour nothing."""
    hour = ((1000.0, 0.0), (4601.0, 1.0))
    assert after(*hour) == 3600
    assert after(*hour, (6401, 1801)) == 1800
    assert after(*hour, (8201, 3601)) == 0


def test_a_jump_that_is_undone_is_forgotten() -> None:
    """Forward and back again."""
    assert after((1000, 0), (4601, 1), (1002, 2)) == 0


def test_a_jump_back_fails_nobody_early() -> None:
    """There is nothing to doubt: runs seem to have waited less."""
    assert after((5000, 0), (1400, 1)) == 0
