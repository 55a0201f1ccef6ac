"""Student's t, against tables."""

from statistics import NormalDist

import pytest

from adaptive_assets.learning.forecast import student_t


@pytest.mark.parametrize(
    ("share", "freedom", "tabled"),
    [
        (0.90, 4, 1.533),
        (0.90, 10, 1.372),
        (0.90, 30, 1.310),
        (0.99, 4, 3.747),
        (0.99, 10, 2.764),
        (0.99, 30, 2.457),
    ],
)
def test_the_expansion_agrees_with_the_tables(share: float, freedom: int, tabled: float) -> None:
    """To half a per cent, from four degrees of freedom on."""
    assert student_t(NormalDist().inv_cdf(share), freedom) == pytest.approx(tabled, rel=0.005)
