"""A rule that is switched off leaves a planner that decides every run."""

from dataclasses import replace
from math import inf
from typing import Any, Final

import pytest
from hypothesis import given, settings

from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.resource_request import learned_request
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook
from tests.planning.strategies import UNHURRIED, books, snapshots
from tests.planning.test_absurd import absurd

OFF: Final[tuple[tuple[str, Any], ...]] = (
    ("similar_quantile", 0.9),
    ("composition_evidence", inf),
    ("settling_s", 0.0),
    ("overcommit", 1.0),
    ("strangers_share", 1.0),
    ("widest", 1.0),
    ("memory_sigmas", 0.0),
    ("evictable_sigmas", 0.0),
    ("grows_for", inf),
    ("share_levels", 0),
    ("size_levels", 0),
    ("starvation_runs", 0),
    ("starvation_spacing", 0),
    ("reserved_starts", 1),
    ("reserved_starts", 0),
    ("strangers_s", inf),
    ("idle", 0.0),
    ("compose_overdue", False),
    ("preempting_runs", 0),
    ("loss_at_least", inf),
    ("preempted_at_most", 0),
    ("suspended_at_most_s", inf),
    ("overdue", 0.0),
    ("memory_edge", inf),
)
FEW: Final = settings(UNHURRIED, max_examples=10)
"""There are many rules."""


@pytest.mark.parametrize(
    "off", [*(pytest.param({name: value}, id=f"{name}={value}") for name, value in OFF), dict(OFF)]
)
@FEW
@given(books(), snapshots() | absurd())
def test_every_run_is_decided_whatever_rule_is_off(
    off: dict[str, Any], book: PolicyBook, snapshot: Snapshot
) -> None:
    """Each by itself, and all of them together."""
    decided = plan(snapshot, book, replace(TUNING, **off))
    assert len(decided.by_run()) == len(snapshot.queued)
    assert all(reason.sentence for decision in decided.decisions for reason in decision.reasons)


@pytest.mark.parametrize("similar", [0.9, 0.99])
def test_similar_work_asks_for_its_90th_percentile_at_most(similar: float) -> None:
    """Also where fractions are not exact, and a sum of them exceeds it in its last digit."""
    for p50, p90 in ((0.1 * n, 0.7 * n + 0.3) for n in range(1000)):
        memory = Spread(p50, p90, 2 * p90)
        known = Estimate(Spread.exactly(1.0), Spread.exactly(1.0), memory, 3.0, Source.SIMILAR)
        request = learned_request(known, 0.9, 0.75, similar)
        assert request.memory == round(p90)
