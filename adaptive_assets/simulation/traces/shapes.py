"""Workloads of shapes that have hurt people, made up from a seed.

Sizes are shares of the machine, so that a shape is the same shape on a small machine and on a large one.
"""

import random
from typing import Final

from adaptive_assets.simulation.traces.generated import WorkKind, drawn
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun, Workload

GIB: Final = 2**30


def full_pool_hides_an_empty_one(
    seed: int, *, cores: float = 8, memory: int = 32 * GIB, heavy: int = 120, light: int = 120
) -> Workload:
    """A queue whose head is full of work that waits for memory, before work that needs next to none.

    The shape of apache/airflow#45636: a scheduler that looks at the first runs of its queue only, all of one
    full pool, leaves another pool empty.  ``heavy`` runs, each with three tenths of the memory and next to no
    CPU, come first and with priority; ``light`` runs of the same tier, each with little of both, come right
    behind them, and would end in minutes.
    """
    rng = random.Random(seed)
    at_the_head = [
        TracedRun(
            f"heavy-{number}",
            f"heavy-{number % 4}",
            0.1 * number,
            "standard",
            priority=10,
            declared=DeclaredEstimate(cpu=0.25, memory=memory // 3, duration=150),
            duration_s=rng.uniform(100, 140),
            cpu=0.25,
            memory=round(memory * rng.uniform(0.28, 0.32)),
        )
        for number in range(heavy)
    ]
    behind = [
        TracedRun(
            f"light-{number}",
            f"light-{number % 4}",
            0.1 * (heavy + number),
            "standard",
            deadline_s=1800,
            declared=DeclaredEstimate(cpu=cores / 16, memory=memory // 256, duration=20),
            duration_s=rng.uniform(10, 20),
            cpu=cores / 16,
            memory=round(memory / 256 * rng.uniform(0.7, 1)),
        )
        for number in range(light)
    ]
    return Workload.of("a full pool hides an empty one", [*at_the_head, *behind])


def small_work_against_a_huge_run(
    seed: int, *, cores: float = 8, memory: int = 32 * GIB, span_s: float = 3600.0, load: float = 0.9
) -> Workload:
    """A stream of small runs that alone offers ``load`` to ``cores``, and one run that needs most of them.

    It comes after a twentieth of the stream, is of the same tier, and takes 70 % of cores and memory for five
    minutes: there is never room for it unless some is kept.
    """
    small = WorkKind("small", "standard", 1.0, 25, 0.4, cores / 16, memory // 32, io=0.1)
    stream = drawn("", random.Random(seed), load * cores * span_s, span_s, (small,), lambda _: 1.0)
    huge = TracedRun(
        "huge",
        "huge",
        span_s / 20,
        "standard",
        declared=DeclaredEstimate(cpu=cores * 0.7, memory=memory * 7 // 10, duration=360),
        duration_s=300,
        cpu=cores * 0.7,
        memory=memory * 7 // 10,
    )
    return Workload.of("small work against a huge run", [*stream.runs, huge])
