"""Usage by owner that fades."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.learning import DecayedUsage

additions = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 1e6), st.floats(0, 1e4)), max_size=20)


def test_usage_counts_half_after_a_half_life() -> None:
    """And a quarter after two."""
    usage = DecayedUsage(half_life_s=100)
    usage.add("ann", 80.0, at=0.0)
    usage.add("bob", 40.0, at=100.0)
    assert usage.at(100.0) == {"ann": 40.0, "bob": 40.0}
    assert usage.at(200.0) == {"ann": 20.0, "bob": 20.0}


@given(additions)
def test_the_order_of_additions_does_not_matter(added: list[tuple[str, float, float]]) -> None:
    """Runs are reported when they end, not when they used what they used."""
    there, back = DecayedUsage(), DecayedUsage()
    for owner, used, at in added:
        there.add(owner, used, at)
    for owner, used, at in reversed(added):
        back.add(owner, used, at)
    assert back.at(2e4) == pytest.approx(there.at(2e4))


def test_time_that_runs_backwards_brings_nothing_back() -> None:
    """A clock that was set back leaves the figures where they are."""
    usage = DecayedUsage(half_life_s=100)
    usage.add("ann", 80.0, at=1000.0)
    assert usage.at(0.0) == {"ann": 80.0}


def test_who_used_nothing_of_late_is_forgotten() -> None:
    """Names do not pile up in every snapshot for ever."""
    usage = DecayedUsage(half_life_s=1)
    usage.add("ann", 80.0, at=0.0)
    assert usage.at(60.0) == {}
    for number in range(5000):
        usage.add(f"owner-{number}", 1.0, at=float(number))
    assert len(usage.at(5000.0)) < 10


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_what_is_no_usage_is_refused(bad: float) -> None:
    """It would spoil the sums of its owner for good."""
    with pytest.raises(ValueError, match="core_seconds is"):
        DecayedUsage().add("ann", bad, at=0.0)
    if bad != float("inf"):
        with pytest.raises(ValueError, match="half_life_s is"):
            DecayedUsage(bad)
