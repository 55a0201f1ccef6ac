"""How cores are shared among threads by weight."""

from math import inf
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.simulation.engine.cpu_shares import (
    NICE_0,
    Threads,
    kernel_weight,
    share_of_weight,
)

PRIO_TO_WEIGHT: Final = (
    1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
)  # fmt: skip
"""The kernel's own table, nice 0 to 19."""

SLACK: Final = 1e-9

crowds = st.lists(
    st.builds(
        Threads,
        st.floats(0.0, 200.0),
        st.floats(0.01, 1.0),
        st.sampled_from([kernel_weight(weight) for weight in (1, 4, 20, 100)])
        | st.floats(kernel_weight(1), NICE_0),
    ),
    max_size=12,
)


def got(threads: list[Threads], cores: float) -> list[float]:
    """The cores that one thread of each kind gets."""
    share = share_of_weight(threads, cores)
    return [min(one.alone, share * one.weight) for one in threads]


@pytest.mark.parametrize("nice", range(20))
def test_a_weight_is_that_of_the_nearest_nice_level(nice: int) -> None:
    """As the kernel's table has it, to its rounding."""
    weight = max(1, round(100 / 1.25**nice))
    near = {PRIO_TO_WEIGHT[max(0, nice - 1)], PRIO_TO_WEIGHT[nice], PRIO_TO_WEIGHT[min(19, nice + 1)]}
    assert any(kernel_weight(weight) == pytest.approx(each, rel=0.03) for each in near)


@pytest.mark.parametrize(
    ("weight", "nice"), [(10_000, 0), (101, 0), (100, 0), (20, 7), (4, 14), (2, 18), (1, 19)]
)
def test_usual_weights_and_their_levels(weight: int, nice: int) -> None:
    """A fifth for each tier is seven levels; more than usual cannot be had."""
    assert kernel_weight(weight) == pytest.approx(PRIO_TO_WEIGHT[nice], rel=0.03)


@given(crowds, st.floats(0.1, 64.0))
def test_no_core_idles_while_a_thread_could_use_it(threads: list[Threads], cores: float) -> None:
    """All that is wanted, or all that there is; never more."""
    wanted = sum(one.number * one.alone for one in threads)
    used = sum(one.number * cores_each for one, cores_each in zip(threads, got(threads, cores), strict=True))
    assert used == pytest.approx(min(wanted, cores), rel=1e-6)


@given(crowds, st.floats(0.1, 64.0))
def test_none_gets_more_than_it_can_use_and_none_gets_nothing(threads: list[Threads], cores: float) -> None:
    """However light it is, and however many there are."""
    for one, cores_each in zip(threads, got(threads, cores), strict=True):
        assert 0 < cores_each <= one.alone


@given(crowds, st.floats(0.1, 64.0))
def test_what_threads_get_goes_by_their_weight(threads: list[Threads], cores: float) -> None:
    """Those that are short have equal parts of their weights, and no other has more than they."""
    per_weight = [
        (cores_each / one.weight, cores_each >= one.alone)
        for one, cores_each in zip(threads, got(threads, cores), strict=True)
    ]
    short = [part for part, sated in per_weight if not sated]
    if short:
        assert max(short) - min(short) <= SLACK
        assert all(part <= min(short) + SLACK for part, _ in per_weight)


def test_where_there_is_enough_nobody_is_held_back() -> None:
    """Also where nobody is there."""
    assert share_of_weight([], 4.0) == inf
    assert share_of_weight([Threads(3.0, 1.0, NICE_0), Threads(1.0, 1.0, kernel_weight(1))], 4.0) == inf
