"""What the next attempt of a run is known to take, by what the attempts before it held."""

from dataclasses import replace

import pytest

from adaptive_assets.learning import Attempts, EndedRun, Ending, LearningTuning, SubmittedRun
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.snapshot import Work

MIB = 2**20
KIND = Estimate(
    Spread.exactly(60),
    Spread.exactly(1),
    Spread(100 * MIB, 200 * MIB, 400 * MIB),
    runs=9,
    source=Source.SIMILAR,
)


def ended(ending: Ending, held: int, run_id: str = "1", root: str = "r") -> EndedRun:
    """An attempt that held so many MiB when it ended."""
    return EndedRun(SubmittedRun(Work("w", "p"), root), "full", 0.0, ending, 1.0, 1.0, held * MIB, run_id)


def after(*runs: EndedRun, most: float = 1024 * MIB, tuning: LearningTuning | None = None) -> Estimate:
    """What is known of the next attempt of ``r``, where of its kind is known ``KIND``."""
    attempts = Attempts(tuning or LearningTuning())
    for run in runs:
        attempts.observe(run)
    told = attempts.refine(KIND, "r", most)
    assert attempts.refine(KIND, "r", most) is told
    return told


def test_one_that_held_no_more_than_half_of_its_kind_tells_nothing() -> None:
    """It had hardly begun."""
    assert after(ended(Ending.CANCELED, 100)) is KIND


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
def test_one_that_was_canceled_takes_at_least_what_it_held(held: int, expected: tuple[int, int, int]) -> None:
    """Its median too; and it is a matter of its own now, no longer of its kin."""
    told = after(ended(Ending.CANCELED, 50), ended(Ending.CANCELED, held, "2"))
    assert told.memory == Spread(*(amount * MIB for amount in expected))
    assert (told.duration, told.cpu, told.source) == (KIND.duration, KIND.cpu, Source.OWN)


def test_each_kill_asks_for_more_until_an_attempt_succeeds() -> None:
    """1.5 times the larger of what was held and what was asked; told twice of one kill, it asks once."""
    first = ended(Ending.OUT_OF_MEMORY, 400)
    assert after(first, first).memory == Spread(400 * MIB, 600 * MIB, 600 * MIB)
    second = ended(Ending.OUT_OF_MEMORY, 300, "2")
    assert after(first, second).memory == Spread(600 * MIB, 900 * MIB, 900 * MIB)
    assert after(first, second, most=700 * MIB).memory.p90 == 700 * MIB
    assert after(first, ended(Ending.CANCELED, 800, "2")).memory.p90 == 600 * MIB, "a kill says more"
    assert after(first, ended(Ending.SUCCEEDED, 500, "2")) is KIND


@pytest.mark.parametrize(
    "run",
    [
        ended(Ending.FAILED, 800),
        ended(Ending.OUT_OF_MEMORY, 0),
        replace(ended(Ending.CANCELED, 800), memory=None),
        ended(Ending.OUT_OF_MEMORY, 800, root="another"),
    ],
)
def test_others_ask_for_nothing(run: EndedRun) -> None:
    """A failure is one of its code, what held nothing was not seen, and others are others."""
    assert after(run) is KIND


def test_the_runs_that_are_remembered_are_bounded() -> None:
    """Whoever ended longest ago is forgotten."""
    others = [ended(Ending.CANCELED, 300, str(n), f"other-{n}") for n in range(5)]
    few = LearningTuning(attempts_kept=5)
    assert after(ended(Ending.CANCELED, 300), *others, tuning=few) is KIND
    assert after(ended(Ending.CANCELED, 300), *others[1:], tuning=few) is not KIND
