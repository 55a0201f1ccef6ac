"""Snapshots with long queues, in which kinds of work recur."""

from itertools import cycle, islice
from typing import Final

from adaptive_assets.planning.estimates import Estimate, Spread
from adaptive_assets.planning.resource_request import FULL, estimate_key
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, QueuedRun, Snapshot, Work
from adaptive_assets.policy import Objective, Policy, PolicyBook

__all__ = ["RUNNING", "book", "long_queue"]

NOW: Final = 1_767_225_600.0
RUNNING: Final = 200
POLICIES: Final = 30
TIERS: Final = ("critical", "standard", "batch")
GIB: Final = 2**30


def book() -> PolicyBook:
    """Thirty policies, in turn of each tier; half of them promise a deadline."""
    policies = tuple(
        Policy(
            name=f"policy-{number}",
            jobs=(f"job-{number}",),
            tier=TIERS[number % len(TIERS)],
            objective=Objective(deadline=3600) if number % 2 else None,
        )
        for number in range(POLICIES)
    )
    return PolicyBook(version=1, policies=policies)


def long_queue(queued: int, kinds: int) -> Snapshot:
    """So many queued runs, ten of them a second, of so many kinds that take turns; and 200 that run.

    Every kind has its own learned estimate.  The machine has room for some of the queue, not for most.
    """
    works = [Work(f"kind-{number}", f"policy-{number % POLICIES}") for number in range(kinds)]
    return Snapshot(
        at=NOW,
        queued=tuple(
            QueuedRun(f"queued-{number:06}", work, NOW - (queued - number) / 10)
            for number, work in enumerate(islice(cycle(works), queued))
        ),
        active=tuple(
            ActiveRun(
                f"active-{number:03}",
                work,
                FULL,
                NOW - 100 + number / 10,
                NOW - 95 + number / 10,
                cpu_used=1.0,
                memory_used=GIB,
            )
            for number, work in enumerate(islice(cycle(works), RUNNING))
        ),
        machine=MachineReading(NOW, 256.0, float(RUNNING), 2 * RUNNING * GIB, RUNNING * GIB),
        estimates={estimate_key(work, FULL): _learned(number) for number, work in enumerate(works)},
    )


def _learned(number: int) -> Estimate:
    longer, larger = number % 50, number * 100_000
    return Estimate(
        duration=Spread(60 + longer, 90 + longer, 150 + longer),
        cpu=Spread(1.0, 1.2, 2.0),
        memory=Spread(1e9 + larger, 1.2e9 + larger, 1.5e9 + larger),
        runs=20,
    )
