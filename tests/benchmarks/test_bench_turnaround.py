"""Ours by stock's from submission to end: what is compared, with whom, and what has to hold."""

from dataclasses import replace
from typing import Final

import pytest

from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.evaluation.measures import Measures, TierMeasures
from adaptive_assets.simulation.traces.generated import GIB, steady
from adaptive_assets.simulation.traces.trace import Workload
from benchmarks import ablation_cells, cells, side_by_side, turnaround
from benchmarks.bounds import Bound
from benchmarks.cells import Cell
from benchmarks.turnaround import OURS, STOCK, Played
from tests.benchmarks.here import Here

TIERS: Final = ("critical", "standard", "batch")


def of_tier(tier: str, took_s: float, missed: int = 0, kills: int = 0) -> TierMeasures:
    """Ten runs that took ``took_s`` on average, and twice that at the 95th percentile."""
    waits = (0.0, 0.0, 0.0, 0.0)
    return TierMeasures(
        tier, 10, 10, 10, missed, *waits, took_s, 2 * took_s, 1.0, 1.0, 0.0, 0, oom_kills=kills, preemptions=0
    )


def played(
    planner: str,
    took_s: float = 100.0,
    *,
    seed: int = 3,
    work: float = 36_000.0,
    missed: int = 4,
    kills: int = 10,
) -> Played:
    """What a planner made of one seed."""
    tiers = tuple(of_tier(tier, took_s, missed=missed) for tier in TIERS)
    everything = of_tier("all", took_s, kills=kills)
    measures = Measures(planner, tiers, everything, 0.5, 0.5, 0.0, work, 0.0, {}, 100.0, 5, None, None, {})
    return Played(Cell("team", 0.45, seed), planner, {}, measures, 1.0, 1.0)


def bounds(load: float, *done: Played) -> dict[str, Bound]:
    """Those of a load, by name."""
    return {bound.what: bound for bound in turnaround.bounds_of("team", load, done)}


def test_ratios_are_geometric_means_over_the_seeds() -> None:
    """A seed on which ours takes half as long and one on which it takes twice as long come to the same."""
    done = [played(planner, seed=seed) for planner in (STOCK, "requests") for seed in (3, 4)]
    done += [played(OURS, 50.0, seed=3), played(OURS, 200.0, seed=4)]
    found = bounds(0.1, *done)
    assert found["batch: turnaround mean by stock's"].found == pytest.approx(1.0)
    assert {name for name in found if "turnaround" in name} == {
        f"{tier}: turnaround {what} by stock's" for tier in TIERS for what in ("mean", "p95")
    }


@pytest.mark.parametrize(
    ("load", "allowed"),
    [
        (0.1, {"critical": 1.1, "standard": 1.1, "batch": 1.1}),
        (0.45, {"critical": 1.1, "standard": 1.1, "batch": 1.3}),
        (0.8, {"critical": 0.9, "standard": 0.9}),
        (1.3, {}),
    ],
)
def test_what_is_allowed_depends_on_the_load(load: float, allowed: dict[str, float]) -> None:
    """No worse than stock on a light day, better in higher tiers on a busy one."""
    found = bounds(load, played(OURS), played(STOCK), played("requests"))
    limits = {name.partition(":")[0]: each.allowed for name, each in found.items() if "p95" in name}
    assert limits == allowed


def test_work_is_held_against_the_most_and_misses_against_the_best_baseline() -> None:
    """The one with the fewest misses of those that finish nearly all the work; kills are its own."""
    stock = played(STOCK, missed=2, kills=50, work=20_000.0)
    requests = played("requests", missed=8, kills=10)
    found = bounds(1.0, played(OURS, missed=4, kills=11), stock, requests)
    assert found["work by the last submission, core-h"].allowed == pytest.approx(10.0)
    assert (found["critical misses"].allowed, found["critical misses"].met) == (4, True)
    assert (found["OOM kills"].allowed, found["OOM kills"].met) == (11, True)
    found = bounds(1.0, played(OURS, missed=5, kills=12, work=35_000.0), stock, requests)
    assert not any(bound.met for bound in found.values())
    found = bounds(
        1.0, played(OURS), replace(stock, measures=played("", missed=2, kills=50).measures), requests
    )
    assert found["critical misses"].allowed == 1
    assert found["OOM kills"].allowed == pytest.approx(55)


def short(seed: int) -> Workload:
    """Minutes of a small data platform."""
    return steady(seed, cores=8, span_s=1200)


def test_a_workload_is_played_until_all_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """By ours and both baselines, each at its best, with the seeds asked for."""
    monkeypatch.setattr(side_by_side, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(cells, "TRACES", {"short": short})
    monkeypatch.setattr(cells, "CLUSTER", Cluster.of(8, 32 * GIB))
    ablation_cells.workload_of.cache_clear()
    told: list[str] = []
    found = turnaround.measure_all(["short"], [0.8], seeds=2, first=3, jobs=1, say=told.append)
    done = found.content["played"]
    assert [(each["planner"], each["seed"]) for each in done] == [
        (planner, seed) for planner in (STOCK, "requests", OURS) for seed in (3, 4)
    ]
    assert not any(each["measures"]["unfinished"] for each in done)
    assert all(each["setting"].keys() == {"runs"} for each in done[:4])
    assert "Seeds 3, 4 (only measured)" in found.intro
    assert len(told) == 6
    ablation_cells.workload_of.cache_clear()


def test_the_middle_of_a_workload_can_be_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is faster, and has fewer runs."""
    monkeypatch.setattr(cells, "TRACES", {"short": short})
    monkeypatch.setattr(cells, "CLUSTER", Cluster.of(8, 32 * GIB))
    ablation_cells.workload_of.cache_clear()
    whole, part = (turnaround.play_out(Cell("short", 0.8, 3), OURS, share) for share in (1.0, 0.5))
    assert 0 < part.measures.all.runs < whole.measures.all.runs
    ablation_cells.workload_of.cache_clear()
