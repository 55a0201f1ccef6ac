"""Reads of the state of inputs: partitions of some assets, against the same assets without partitions."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

import dagster as dg

from adaptive_assets.assets.input_states import InputStates
from adaptive_assets.assets.inputs import Input
from adaptive_assets.policy import AssetFacts, Catalogue, CheckFacts
from benchmarks.report import Finding, grid
from benchmarks.sites import STOCK, Storage, homes

__all__ = ["PARTITIONS", "Read", "finding", "measure"]

PARTITIONS: Final = 500
ASSETS: Final = 3
CHECK: Final = "sane"


@dataclass(frozen=True, slots=True)
class Read:
    """One line of the table: milliseconds of the first read of a daemon, and of later ones (a median)."""

    storage: str
    what: str
    inputs: int
    first_ms: float
    later_ms: float


def measure(storage: Storage, repeats: int = 20, partitions: int = PARTITIONS) -> list[Read]:
    """Reads of assets without partitions, of all partitions each, and of ranges that overlap."""
    names = [f"{kind}_{number}" for kind in ("whole", "parted") for number in range(ASSETS)]
    facts = [AssetFacts(name, checks=(CheckFacts(CHECK, blocking=True),)) for name in names]
    catalogue = Catalogue({one.key: one for one in facts})
    keys = [f"p{number:04d}" for number in range(partitions)]
    whole, parted = names[:ASSETS], names[ASSETS:]
    cases: dict[str, list[Input]] = {
        "assets without partitions": [Input(name) for name in whole],
        "each partition": [Input(name, (key,)) for name in parted for key in keys],
        "ranges of 30": [
            Input(name, tuple(keys[start : start + 30]))
            for name in parted
            for start in range(partitions - 30)
        ],
    }
    with homes(storage, STOCK) as (home,), dg.DagsterInstance.from_config(str(home.path)) as instance:
        instance.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=20)
        for name in whole:
            _version(instance, name, None)
        for key in keys:
            for name in parted:
                _version(instance, name, key)
        return [
            Read(storage, what, len(inputs), *_timed(instance, catalogue, inputs, repeats))
            for what, inputs in cases.items()
        ]


def finding(reads: Sequence[Read]) -> Finding:
    """All of them as one table."""
    header = ("storage", "what is read", "inputs", "first, ms", "later, ms")
    rows = [
        (one.storage, one.what, f"{one.inputs:,}", f"{one.first_ms:.1f}", f"{one.later_ms:.1f}")
        for one in reads
    ]
    return Finding(
        "readiness",
        f"The state of what runs read: {ASSETS} assets with a blocking check each, of {PARTITIONS} partitions"
        " or of none. The first read is that of a daemon that has just started; of later ones the median.",
        grid([header, *rows]),
        met=True,
        content={"reads": [asdict(one) for one in reads]},
    )


def _version(instance: dg.DagsterInstance, name: str, partition: str | None) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=partition))
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(dg.AssetKey(name), CHECK, passed=True, blocking=True, partition=partition)
    )


def _timed(
    instance: dg.DagsterInstance, catalogue: Catalogue, inputs: Sequence[Input], repeats: int
) -> tuple[float, float]:
    states = InputStates(instance)
    took: list[float] = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        found = states.of(catalogue, inputs, time.time())
        took.append((time.perf_counter() - began) * 1000)
        if any(state.unreadable or state.outcomes or state.missing for state in found.values()):
            raise RuntimeError("an input is not in the state that was made")
    return took[0], median(took[1:])
