"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.planning.formatting import cores, number, seconds, share, size

KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (512 * MIB, "512 MiB"),
        (1.5 * GIB, "1.5 GiB"),
        (GIB - 1, "1 GiB"),
        (1.04 * GIB, "1.04 GiB"),
        (3000 * TIB, "3000 TiB"),
        (-2 * GIB, "-2 GiB"),
    ],
)
def test_sizes(value: float, text: str) -> None:
    """In the largest unit that keeps the number above one, never as 1024 of a smaller one."""
    assert size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 cores"),
        (0.25, "0.25 cores"),
        (1, "1 core"),
        (1.001, "1 core"),
        (1.7, "1.7 cores"),
        (10, "10 cores"),
    ],
)
def test_cores(value: float, text: str) -> None:
    """Two decimals at most, and one core is no plural."""
    assert cores(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0%"), (0.85, "85%"), (0.404, "40.4%"), (0.285, "28.5%"), (1, "100%"), (1.2, "120%")],
)
def test_shares(value: float, text: str) -> None:
    """Fine enough to tell a pressure from the guard that it breaks."""
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (59.7, "1m 00s"),
        (65, "1m 05s"),
        (3600, "1h 00m"),
        (86_399, "23h 59m"),
        (86_400, "1d 00h"),
        (10 * 86_400 + 7200, "10d 02h"),
        (-90, "-1m 30s"),
        (-0.2, "0s"),
    ],
)
def test_durations(value: float, text: str) -> None:
    """The two largest units that matter."""
    assert seconds(value) == text


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_what_is_free_never_reads_as_what_is_needed(needed: float, free: float) -> None:
    """With needs in two decimals, as people write them, no sentence contradicts itself."""
    needed = round(needed, 2)
    if free < needed - 1e-6:
        assert float(number(free, at_most=True)) < needed


@given(st.floats(-1e6, 1e6))
def test_no_number_is_negative_zero(value: float) -> None:
    """Nor ends in a point or a zero behind one."""
    text = number(value)
    assert text != "-0"
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")
