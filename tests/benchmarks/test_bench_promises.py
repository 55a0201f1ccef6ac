"""What the benchmarks say is met: pooled over seeds, against the right baseline, and near the oracle."""

import json
from math import inf

import pytest

from adaptive_assets.simulation.evaluation.measures import Measures, TierMeasures
from benchmarks.bounds import Bound, bounds_table, plain_bounds
from benchmarks.pooled import Pooled, pool
from benchmarks.promises import Compared, best_baseline, distances, promises

TIERS = ("critical", "batch")


def of_tier(
    name: str, *, missed: int = 0, wait: float | None = 100.0, work: float = 0.0, kills: int = 0
) -> TierMeasures:
    """Ten runs with a deadline; all waits are ``wait``."""
    return TierMeasures(
        name,
        10,
        10,
        10,
        missed,
        wait,
        wait,
        wait,
        wait,
        wait,
        wait,
        2.0,
        3.0,
        work,
        degraded=0,
        oom_kills=kills,
        preemptions=0,
    )


def of_all(*, missed: int = 0, work: float = 3600.0, kills: int = 0, wait: float | None = 100.0) -> Measures:
    """Two tiers, ``missed`` in the first and waits of ``wait`` in the second."""
    tiers = (of_tier("critical", missed=missed), of_tier("batch", wait=wait))
    everything = of_tier("all", work=work, kills=kills)
    return Measures("one", tiers, everything, 0.5, 0.5, 0.0, work, 0.0, {}, 100.0, 5, None, None, {})


def compared(
    ours: Measures, oracle: Measures | None = None, load: float = 1.0, **baselines: Measures
) -> Compared:
    """All of one seed; stock is as ours unless it is among the ``baselines``."""
    families = {"stock": ours, **baselines}
    return Compared(
        "trace",
        load,
        TIERS,
        pool("ours", [ours]),
        pool("oracle", [oracle or ours]),
        {family: pool(family, [measures]) for family, measures in families.items()},
    )


def bound(found: Compared, what: str) -> Bound:
    """The first bound whose name begins like that."""
    return next(each for each in promises(found) if each.what.startswith(what))


def test_counts_are_added_up_and_waits_are_medians() -> None:
    """Over the seeds; what there is nothing to say of is left out."""
    pooled: Pooled = pool("one", [of_all(missed=m, wait=w) for m, w in ((1, 5.0), (2, 90.0), (4, 6.0))])
    assert pooled.of_tier("critical", "missed") == 7
    assert pooled.of_tier("batch", "wait p95 s") == 6.0
    assert pooled.of_all("work finished core-h") == pytest.approx(3.0)
    assert pooled.with_deadline == {"critical": 30, "batch": 30}
    with pytest.raises(StopIteration):
        pool("one", [of_all(wait=None)]).of_tier("batch", "wait p95 s")


def test_the_best_baseline_finishes_nearly_the_most_work() -> None:
    """A family that misses nothing, because it does nothing, is not the measure."""
    idle, fair, fast = of_all(work=100, missed=0), of_all(work=9900, missed=3), of_all(work=10_000, missed=5)
    found = compared(of_all(work=9900), stock=fast, idle=idle, fair=fair)
    assert best_baseline(found).planner == "fair"
    limit = bound(found, "critical deadline misses")
    assert limit.allowed == pytest.approx(0.6)
    assert limit.met


def test_a_share_of_misses_is_promised_at_load_one_alone() -> None:
    """And a wait of the lowest tier at 0.8 alone."""
    names = {
        load: {each.what for each in promises(compared(of_all(), load=load))} for load in (0.8, 1.0, 1.3)
    }
    assert [load for load, found in names.items() if "share of critical deadlines missed" in found] == [1.0]
    assert [load for load, found in names.items() if "p95 wait of batch, s" in found] == [0.8]


def test_kills_are_held_against_stock() -> None:
    """A twentieth of stock's, not of the best baseline's."""
    found = compared(of_all(kills=6), stock=of_all(kills=100, missed=9), other=of_all(kills=1000))
    limit = bound(found, "OOM kills")
    assert limit.allowed == pytest.approx(5.0)
    assert not limit.met


def test_the_baseline_to_beat_on_kills_is_the_one_with_the_fewest() -> None:
    """Though it finishes little: who asks for enough memory is not excused by who asks for none."""
    for kills, met in ((2, True), (3, False)):
        found = compared(of_all(kills=kills), stock=of_all(kills=100), requests=of_all(kills=0, work=60))
        (limit,) = [each for each in promises(found) if each.note.startswith("requests's, the fewest")]
        assert limit.what == "OOM kills"
        assert limit.met is met


def test_small_differences_from_the_oracle_say_nothing() -> None:
    """Two runs or five seconds; and what is better than the oracle's is within."""
    near = compared(of_all(missed=2, wait=4.0), of_all(missed=0, wait=0.0))
    assert bound(near, "worst figure").met
    better = compared(of_all(missed=1, wait=10.0), of_all(missed=50, wait=900.0))
    assert all(distance.worse == 1.0 for distance in distances(better))


def test_the_worst_figure_is_named() -> None:
    """With its ratio, infinite where the oracle's is nothing; JSON then has none."""
    far = compared(of_all(missed=3, work=3000.0), of_all(missed=0, work=3600.0))
    worst = bound(far, "worst figure")
    assert (worst.found, worst.met) == (inf, False)
    assert worst.note.startswith("critical: missed: 3 to 0;")
    assert json.loads(json.dumps(plain_bounds([worst]), allow_nan=False))[0]["found"] is None
    assert "| NO  |" in bounds_table([worst])
    less = next(each for each in distances(far) if each.figure.startswith("work"))
    assert less.worse == pytest.approx(1.2)
    assert not less.within


@pytest.mark.parametrize(("found", "met"), [(1.0, True), (1.0 + 1e-12, True), (1.1, False)])
def test_a_bound_is_met_up_to_rounding(found: float, met: bool) -> None:
    """What is just at the limit is within."""
    assert Bound.at_most("", "", found, 1.0).met is met
    assert Bound.at_least("", "", 1.0, found).met is met
