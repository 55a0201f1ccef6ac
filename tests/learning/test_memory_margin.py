"""What a run is known to take after it was sent back to the queue."""

import pytest

from adaptive_assets.learning import having_held
from adaptive_assets.planning.estimates import Estimate, Source, Spread

MIB = 2**20
KIND = Estimate(
    Spread.exactly(60),
    Spread.exactly(1),
    Spread(100 * MIB, 200 * MIB, 400 * MIB),
    runs=9,
    source=Source.SIMILAR,
)


def test_one_that_held_no_more_than_half_of_its_kind_tells_nothing() -> None:
    """It had hardly begun."""
    assert having_held(KIND, 100 * MIB, 1024 * MIB) is KIND


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        pytest.param(150, (150, 200, 400), id="among its kind: as much again"),
        pytest.param(200, (200, 200, 400), id="at the edge of its kind: as much again"),
        pytest.param(300, (300, 450, 450), id="beyond its kind: nobody knows how far"),
        pytest.param(900, (900, 1024, 1024), id="no more than the largest machine gives"),
        pytest.param(1500, (1024, 1024, 1024), id="nor if it held more"),
    ],
)
def test_one_that_held_more_takes_at_least_that(held: int, expected: tuple[int, int, int]) -> None:
    """Its median too; and it is a matter of its own now, no longer of its kin."""
    told = having_held(KIND, held * MIB, 1024 * MIB)
    assert told.memory == Spread(*(amount * MIB for amount in expected))
    assert (told.duration, told.cpu, told.source) == (KIND.duration, KIND.cpu, Source.OWN)
