"""The first day of a deployment that has no policy file: nothing declared, nothing learned."""

from dataclasses import replace

import pytest

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.planning.snapshot import MachineReading, Pressure, QueuedRun, Snapshot, Work
from adaptive_assets.policy import BUILT_IN, parse_policy_book

GIB = 2**30
WORK = Work("ingest", "default")
STOCKS_LIMIT = 10
"""How many runs stock Dagster has in progress at once."""
PROCESS = 220 * 2**20
"""Bytes that the process of a run holds which does nothing: measured."""


def launched(
    runs: int, *, cores: float = 2.0, busy: float = 0.0, memory: int = 8 * GIB, known: float = 0.0
) -> int:
    """How many of ``runs`` one cycle launches; ``known`` are the cores that their kind was seen to use."""
    machine = MachineReading(1_000.0, cores, busy, memory, GIB, Pressure())
    queued = tuple(QueuedRun(f"run-{i:03}", WORK, 900.0 + i * 0.1) for i in range(runs))
    snapshot = Snapshot(1_000.0, queued, (), machine=machine)
    if known:
        spread = Spread(known, known * 1.2, known * 1.5)
        learned = Estimate(Spread(60, 70, 80), spread, Spread(1e8, 1.1e8, 1.2e8), 9.0, Source.OWN)
        snapshot = replace(snapshot, estimates={estimate_key(WORK, "full"): learned})
    decided = plan(snapshot, BUILT_IN)
    return sum(len(one.runs) for one in decided.decisions if one.verdict is Verdict.LAUNCH)


@pytest.mark.parametrize("busy", [0.0, 2.0])
def test_as_many_are_launched_as_by_stock(busy: float) -> None:
    """Also on a small machine that has other things to do."""
    assert launched(30, busy=busy) >= STOCKS_LIMIT


def test_a_first_backfill_does_not_take_all_memory() -> None:
    """Stock would stop at ten; the processes of 200 runs are more than the machine has."""
    assert launched(200) * PROCESS < 8 * GIB


def test_the_cpu_that_runs_turned_out_to_use_counts() -> None:
    """No policy file is not the declaration that all work is done elsewhere."""
    assert launched(30, cores=8.0, memory=64 * GIB, known=2.0) == 4


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("", (100, 100, 20)),
        ("default: {tier: batch}", (100, 100, 100)),
        ("policies: [{name: p, jobs: [p], tier: critical}]", (100, 20, 4)),
        ("tiers: [{name: high, cpu_weight: 50}, {name: standard}]", (50, 10)),
    ],
)
def test_runs_yield_the_cpu_only_where_a_higher_tier_is_in_use(text: str, weights: tuple[int, ...]) -> None:
    """A low weight would otherwise only serve what else runs on the machine."""
    book = parse_policy_book(f"version: 1\n{text}\n", "p.yaml")
    assert tuple(book.cpu_weight(tier.name) for tier in book.tiers) == weights
    assert BUILT_IN.cpu_weight("standard") == 100
