"""Predicted starts are corrected by what came of the predictions before them."""

import random
from itertools import pairwise

import pytest

from adaptive_assets.learning.start_calibration import (
    LEAST_RUNS,
    SAMPLED,
    StartCalibration,
    survival_quantiles,
)
from adaptive_assets.planning.decisions import Decision, Plan, Verdict
from adaptive_assets.planning.reason_codes import ReasonCode
from adaptive_assets.planning.reasons import Reason
from adaptive_assets.planning.snapshot import QueuedRun, Work


def lived(
    runs: int, wait: float, *, predicted: float = 100.0, begins: float = 0.0, leave: bool = False
) -> StartCalibration:
    """One run after another, each predicted alone, that waits so long; or leaves the queue then."""
    calibration, at = StartCalibration(), begins
    for number in range(runs):
        run_id = f"r{number}"
        calibration.predicted(at, {"batch": [run_id]}, {run_id: predicted})
        at += wait
        calibration.still_waiting(at, {run_id})
        if not leave:
            calibration.started({run_id: at})
        calibration.still_waiting(at, set())
    return calibration


def test_nothing_is_said_without_enough_runs() -> None:
    """The last one that is missing makes the difference, and other tiers do not count."""
    assert lived(LEAST_RUNS - 1, 300.0).quantiles("batch", 100.0) is None
    known = lived(LEAST_RUNS, 300.0)
    assert known.quantiles("batch", 100.0) is not None
    assert known.quantiles("standard", 100.0) is None


def test_one_run_predicted_often_is_one_run() -> None:
    """However many predictions there are of it."""
    calibration = StartCalibration()
    for number in range(3 * LEAST_RUNS):
        calibration.predicted(float(number), {"batch": ["r"]}, {"r": 100.0})
    calibration.started({"r": 500.0})
    assert calibration.quantiles("batch", 100.0) is None


def test_what_was_too_early_before_is_corrected() -> None:
    """Waits of three times as long, of a prediction of 100 s; of 1,000 s they are about as many times."""
    calibration = lived(LEAST_RUNS, 300.0)
    soon, later = calibration.quantiles("batch", 100.0), calibration.quantiles("batch", 1000.0)
    assert soon is not None
    assert later is not None
    assert (soon.p50, soon.p90) == pytest.approx((300.0, 300.0))
    assert later.p50 == pytest.approx(330 / 130 * 1030 - 30)


def test_quantiles_hold_as_often_as_they_say() -> None:
    """Predictions that are right but for a factor nobody knows, and corrected by those before."""
    chance, calibration, at = random.Random(1), StartCalibration(), 0.0
    held50, held90 = list[bool](), list[bool]()
    for number in range(1500):
        run_id, predicted = f"r{number}", chance.uniform(60, 3600)
        wait = predicted * 2 * chance.lognormvariate(0, 0.7)
        known = calibration.quantiles("batch", predicted)
        if known is not None:
            held50.append(wait <= known.p50)
            held90.append(wait <= known.p90)
        calibration.predicted(at, {"batch": [run_id]}, {run_id: predicted})
        at += wait
        calibration.started({run_id: at})
    assert sum(held50) / len(held50) == pytest.approx(0.5, abs=0.05)
    assert 0.87 <= sum(held90) / len(held90) <= 0.93


def test_runs_that_still_wait_count_as_long_as_they_have() -> None:
    """Without them, the quantiles would be those of the short waits alone."""
    calibration = lived(LEAST_RUNS, 50.0)
    before = calibration.quantiles("batch", 100.0)
    at = LEAST_RUNS * 50.0
    many = [f"w{number}" for number in range(10)]
    calibration.predicted(at, {"batch": many}, dict.fromkeys(many, 100.0))
    calibration.still_waiting(at + 5000.0, set(many))
    after = calibration.quantiles("batch", 100.0)
    assert before is not None
    assert before.p90 == pytest.approx(50.0)
    assert after is None, "a quarter of them waits longer than any has waited before: nobody knows how long"


def test_runs_that_left_the_queue_are_no_starts() -> None:
    """They waited at least so long, and teach nothing of when they would have started."""
    assert lived(2 * LEAST_RUNS, 300.0, leave=True).quantiles("batch", 100.0) is None


def test_what_has_passed_since_the_prediction_is_taken_off() -> None:
    """Of runs that waited as long, and longer, half a minute ago."""
    calibration = lived(2 * LEAST_RUNS, 300.0)
    known = calibration.quantiles("batch", 100.0, waited=200.0)
    assert known is not None
    assert known.p90 == pytest.approx(100.0)
    assert calibration.quantiles("batch", 100.0, waited=301.0) is None, "no run has waited so long"


def waits(at: float, **tiers: int) -> Plan:
    """A plan that leaves so many runs of each tier waiting."""
    work, reason = Work("w", "default"), Reason(ReasonCode.MEMORY)

    def deferred(tier: str, count: int) -> Decision:
        runs = tuple(QueuedRun(f"{tier}-{number}", work, 0.0) for number in range(count))
        return Decision(Verdict.DEFER, work, tier, "full", (reason,), runs)

    return Plan(at, "r", tuple(deferred(*each) for each in tiers.items()))


def test_a_few_runs_of_each_tier_are_predicted_at_a_time() -> None:
    """All where they are few, else evenly spaced; again when a tenth of their wait has passed."""
    calibration = StartCalibration()
    due = calibration.due(waits(0.0, critical=1, batch=100))
    assert due["critical"] == ["critical-0"]
    places = sorted(int(run_id.removeprefix("batch-")) for run_id in due["batch"])
    assert len(places) == SAMPLED
    assert all(20 <= right - left <= 30 for left, right in pairwise(places))
    calibration.predicted(0.0, due, {run_id: 10.0 for each in due.values() for run_id in each})
    assert calibration.due(waits(10.0, critical=1, batch=100)) == {}
    calibration.started({"critical-0": 30.0})
    assert calibration.due(waits(3000.0, critical=1, batch=100)).keys() == {"critical", "batch"}
    again = {"batch": ["batch-1"], "critical": ["critical-0"]}
    calibration.predicted(3000.0, again, {"batch-1": 10.0, "critical-0": 10.0})
    assert calibration.due(waits(3200.0, critical=1, batch=100)).keys() == {"critical"}
    assert calibration.due(waits(3400.0, critical=1, batch=100)).keys() == {"critical", "batch"}


def test_what_cannot_be_foreseen_is_not_asked_for_all_the_time() -> None:
    """A closed gate: nothing was predicted, and the next try is not at once."""
    calibration = StartCalibration()
    calibration.predicted(0.0, calibration.due(waits(0.0, batch=1)), {})
    assert calibration.due(waits(5.0, batch=1)) == {}
    assert calibration.due(waits(20.0, batch=1)) == {"batch": ["batch-0"]}


def test_what_is_known_can_be_kept() -> None:
    """And runs that start after that are found by those that read it."""
    calibration = lived(LEAST_RUNS - 1, 300.0)
    at = 300.0 * LEAST_RUNS
    calibration.predicted(at, {"batch": ["last"]}, {"last": 100.0})
    again = StartCalibration.read(calibration.text())
    assert again.text() == calibration.text()
    assert again.started({"last": at + 300.0, "unknown": at})
    assert not again.started({"last": at + 300.0}), "that is known already"
    assert again.quantiles("batch", 100.0) is not None


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"version": 99}', '{"version": 1, "tiers": {"a": [[1]]}}']
)
def test_what_cannot_be_read_is_nothing(text: str | None) -> None:
    """It is learned again."""
    assert StartCalibration.read(text).text() == StartCalibration().text()


def test_quantiles_of_values_that_are_not_all_known() -> None:
    """By hand: of four values, the second is only known to be larger than 2."""
    values = [(1.0, True), (2.0, False), (3.0, True), (4.0, True)]
    assert survival_quantiles(values, (0.25, 0.5, 0.9)) == (1.0, 3.0, 4.0)
    assert survival_quantiles([*values, (9.0, False)], (0.9,)) is None
    assert survival_quantiles([], (0.5,)) is None


def test_a_value_that_is_still_to_come_may_be_beyond_all() -> None:
    """Of nine, the ninth is then the 90th percentile; of eight, there is none."""
    values = [(float(number), True) for number in range(1, 10)]
    assert survival_quantiles(values, (0.5, 0.9), 1.0) == (5.0, 9.0)
    assert survival_quantiles(values[:8], (0.9,), 1.0) is None
