"""The week of a data team: schedules, sensors, and a backfill on Sunday.

It is meant for a machine of 16 cores and 64 GiB, to which it offers a load of about 0.14 as it is. The week
begins on a Thursday at midnight, as the simulator's clock does.
"""

import random
from collections.abc import Iterable, Mapping
from typing import Final

from adaptive_assets.simulation.traces.generated import DAY_S, GIB, HOUR_S, WorkKind, chain
from adaptive_assets.simulation.traces.trace import TracedRun, Workload

CORES: Final = 16
MEMORY: Final = 64 * GIB
"""The machine that the workload is meant for; memory is in bytes."""

KINDS: Final = (
    WorkKind("freshness-probe", "critical", 0, 3, 0.2, 0.25, GIB // 4, slack=2),
    WorkKind("orders", "critical", 0, 120, 0.3, 1.0, 2 * GIB, io=0.4, slack=2),
    WorkKind("revenue", "critical", 0, 180, 0.3, 2.0, 4 * GIB, slack=3, follows="orders"),
    WorkKind("fraud-scores", "critical", 0, 20, 0.4, 1.0, GIB, slack=2),
    WorkKind("events", "standard", 0, 300, 0.4, 2.0, 6 * GIB, io=0.4, slack=3),
    WorkKind("sessions", "standard", 0, 480, 0.4, 4.0, 12 * GIB, slack=3, follows="events"),
    WorkKind("crm-sync", "standard", 0, 45, 0.5, 0.5, GIB, io=0.8, slack=4),
    WorkKind("partner-files", "standard", 0, 60, 0.8, 1.0, 2 * GIB, io=0.5, slack=4),
    WorkKind("ad-hoc-query", "standard", 0, 15, 1.0, 1.0, 2 * GIB, slack=4),
    WorkKind("warehouse", "standard", 0, 1500, 0.3, 4.0, 16 * GIB, slack=2),
    WorkKind("quality", "standard", 0, 360, 0.3, 2.0, 4 * GIB, slack=4, follows="warehouse"),
    WorkKind("training", "batch", 0, 2400, 0.4, 6.0, 20 * GIB, io=0.05, follows="warehouse"),
    WorkKind("notebook", "batch", 0, 600, 0.9, 2.0, 6 * GIB),
    WorkKind("customer-report", "batch", 0, 240, 0.4, 1.0, 3 * GIB),
    WorkKind("backfill", "batch", 0, 720, 0.5, 2.0, 7 * GIB),
)
"""Medians from 3 seconds to 40 minutes. When they come is below, so no kind has a share of the draws."""

DAYS: Final = 7
SUNDAY: Final = 3
WEEKEND: Final = (2, SUNDAY)
"""Days of the week that begins on a Thursday, counted from 0."""

PARTITIONS: Final = 200
"""Of the backfill; all are submitted at once."""

OFFICE: Final = (9, 18)
OUTSIDE: Final = 0.05
"""Hours in which sensors see most, and what share of that they see at other times and at weekends."""

TICK_S: Final = 30.0
"""A sensor looks so often, as Dagster's do by default."""


def team(seed: int) -> Workload:
    """Some 4,500 runs of 15 kinds. The same seed gives the same workload in every process."""
    rng = random.Random(f"team {seed}")
    followers = {kind.name: [each for each in KINDS if each.follows == kind.name] for kind in KINDS}
    arrivals = _arrivals(rng)
    runs: list[TracedRun] = []
    for kind in KINDS:
        for at in arrivals.get(kind.name, ()):
            runs += chain(kind, followers, at, len(runs), rng)
    return Workload.of(f"team-{seed}", runs)


def _arrivals(rng: random.Random) -> Mapping[str, Iterable[float]]:
    """By kind, when its runs are submitted; a kind that follows another is submitted with it."""
    return {
        "freshness-probe": [at for minute in (0, 15, 30, 45) for at in _hourly(minute)],
        "orders": _hourly(0),
        "events": _hourly(5),
        "crm-sync": _hourly(10),
        "warehouse": _daily(2),
        "customer-report": _daily(6, runs=20),
        "fraud-scores": _sensed(rng, 30),
        "partner-files": _sensed(rng, 4),
        "ad-hoc-query": _sensed(rng, 15),
        "notebook": _sensed(rng, 2.5),
        "backfill": [SUNDAY * DAY_S + 8 * HOUR_S] * PARTITIONS,
    }


def _hourly(minute: int) -> list[float]:
    return [hour * HOUR_S + minute * 60 for hour in range(DAYS * 24)]


def _daily(hour: int, runs: int = 1) -> list[float]:
    return [day * DAY_S + hour * HOUR_S for day in range(DAYS) for _ in range(runs)]


def _sensed(rng: random.Random, per_office_hour: float) -> list[float]:
    """Poisson arrivals, thinned outside office hours, each at the sensor's next tick."""
    found, at = list[float](), rng.expovariate(per_office_hour / HOUR_S)
    while at < DAYS * DAY_S:
        day, hour = int(at // DAY_S), at % DAY_S / HOUR_S
        in_office = day not in WEEKEND and OFFICE[0] <= hour < OFFICE[1]
        if in_office or rng.random() < OUTSIDE:
            found.append((at // TICK_S + 1) * TICK_S)
        at += rng.expovariate(per_office_hour / HOUR_S)
    return found
