"""The alarm that tells a change from chance."""

import math
import random

import pytest

from adaptive_assets.learning.quantity import quantities
from adaptive_assets.learning.record import Record
from adaptive_assets.learning.tuning import LEARNING

DURATION, *_ = quantities(LEARNING)


def forgotten(values: list[float]) -> int:
    """How often a record forgets what came before."""
    record, times = Record(DURATION, LEARNING), 0
    for value in values:
        known = len(record.values)
        record.add(value, math.nan)
        times += len(record.values) < known
    return times


@pytest.mark.parametrize("scatter", [0.0, 0.1, 0.5, 2.0])
def test_chance_alone_seldom_sets_it_off(scatter: float) -> None:
    """At most once in three hundred runs, whatever the scatter and however wrong the one assumed."""
    chance = random.Random(7)
    assert forgotten([chance.gauss(4, scatter) for _ in range(6000)]) <= 20


@pytest.mark.parametrize("change", [1.5, -1.5])
def test_after_a_change_only_the_runs_since_then_are_kept(change: float) -> None:
    """A change of three deviations is found within six runs, nearly always, and told from what was before."""
    chance = random.Random(3)
    found, wrong = [], []
    for _ in range(100):
        record = Record(DURATION, LEARNING)
        for _ in range(30):
            record.add(chance.gauss(4, 0.5), math.nan)
        since, known = 0, 0
        while len(record.values) > known:
            since, known = since + 1, len(record.values)
            record.add(chance.gauss(4 + change, 0.5), math.nan)
        found.append(since)
        wrong.append(abs(len(record.values) - since))
    assert sum(after <= 6 for after in found) >= 95
    assert sum(by <= 1 for by in wrong) >= 90


def test_the_first_runs_surprise_nobody() -> None:
    """Three runs are no level yet."""
    assert forgotten([0.0, 50.0, -50.0, 50.0]) == 0


def test_one_wild_value_sets_nothing_off() -> None:
    """However wild it is, it counts as two and a half deviations."""
    assert forgotten([4.0] * 20 + [1e6] + [4.0] * 20) == 0
