"""Workloads that look like no other here, through everything that `adaptive simulate` does with one."""

import json
import random
import re
from collections.abc import Callable

import pytest

from adaptive_assets.reporting import as_json, as_text, page
from adaptive_assets.simulation.engine.cluster import Cluster, NodeSpec
from adaptive_assets.simulation.engine.policy_assignment import plain_book
from adaptive_assets.simulation.evaluation.compare import compare
from adaptive_assets.simulation.evaluation.comparison import Comparison
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun, Workload
from tests.reporting.page_elements import Elements

GIB = 2**30
TIERS = (None, "critical", "standard", "batch")


def nobody_comes_twice(rng: random.Random) -> Workload:
    """Every run has a name of its own and lasts from a blink to hours, in bursts with days between them."""
    return Workload.of(
        "nobody comes twice",
        [
            TracedRun(
                f"r{number}",
                f"n{number}",
                200_000.0 * (number % 3) + rng.random(),
                rng.choice(TIERS),
                deadline_s=rng.choice((None, 0.0, 30.0)),
                duration_s=min(20_000.0, 0.01 * rng.paretovariate(0.4)),
                cpu=rng.choice((0.0, 1e-6, 0.5, 7.0)),
                memory=rng.choice((0, 1, GIB, 9 * GIB)),
            )
            for number in range(40)
        ],
    )


def diamonds(rng: random.Random) -> Workload:
    """Graphs that part and meet again, across tiers, all submitted at once; they wait for disks alone."""
    runs = []
    for number in range(8):
        top, bottom = f"d{number}", f"d{number}-end"
        middle = [f"d{number}-{part}" for part in range(4)]
        for run_id, above in ((top, ()), *((part, (top,)) for part in middle), (bottom, tuple(middle))):
            runs.append(
                TracedRun(
                    run_id,
                    run_id.partition("-")[2] or "top",
                    0.0,
                    TIERS[number % 4],
                    deadline_s=60.0,
                    depends_on=above,
                    priority=rng.choice((-(2**31), 0, 2**31)),
                    duration_s=rng.uniform(1, 40),
                    cpu=0.5,
                    memory=GIB // 2,
                    input_size=rng.choice((None, 0.0, 1e18)),
                    io=1.0,
                )
            )
    return Workload.of("diamonds", runs)


def liars(rng: random.Random) -> Workload:
    """What is declared is wrong by factors of thousands, either way, and one run takes a day."""
    wrong = [
        TracedRun(
            f"l{number}",
            f"work-{number % 4}",
            10.0 * number,
            TIERS[number % 4],
            declared=DeclaredEstimate(
                cpu=rng.choice((None, 1e-3, 5000.0)),
                memory=rng.choice((None, 1, 2**50)),
                duration=rng.choice((None, 1e-3, 1e9)),
            ),
            duration_s=rng.uniform(5, 50),
            cpu=1.0,
            memory=GIB,
        )
        for number in range(40)
    ]
    return Workload.of(
        "liars", [*wrong, TracedRun("long", "long", 5.0, "batch", duration_s=1e5, cpu=1.0, memory=GIB)]
    )


@pytest.mark.parametrize("make", [nobody_comes_twice, diamonds, liars], ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "cluster",
    [Cluster.of(4, 8 * GIB), Cluster((NodeSpec("s", 0.5, GIB), NodeSpec("l", 64, 64 * GIB, "spot")))],
    ids=["one", "two"],
)
def test_whatever_comes_can_be_told(make: Callable[[random.Random], Workload], cluster: Cluster) -> None:
    """Every run has ended or says why not, JSON has no infinity, the page is whole, the table fits."""
    workload = make(random.Random(7))
    found = compare(workload, plain_book(workload), cluster)
    for contender in found.contenders:
        for run in contender.outcome.runs:
            assert run.finished != bool(run.unfinished), run
        assert 0 <= contender.measures.utilisation <= 1.0 + 1e-9
    assert json.loads(json.dumps(as_json(found), allow_nan=False))["planners"]
    assert max(map(len, as_text(found).splitlines())) <= 120
    check_page(found)


def check_page(found: Comparison) -> None:
    """It is well formed, and no place is infinite."""
    text = page(found)
    Elements(text)
    assert not re.search(r"\b(nan|inf)%", text)
