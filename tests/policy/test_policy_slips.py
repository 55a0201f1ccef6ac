"""Books with values in the wrong places: whatever is written, there is a book or a sentence about it."""

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_assets.policy import PolicyError, parse_policy_book
from tests.policy.slips import Slips

KEYS = [
    *(
        "version",
        "tiers",
        "guards",
        "policies",
        "default",
        "name",
        "preempts",
        "preemption",
        "cpu",
        "memory",
        "io",
    ),
    *(
        "pressure",
        "concurrency",
        "select",
        "jobs",
        "run_tags",
        "tier",
        "objective",
        "gates",
        "degrade",
        "window",
    ),
    *(
        "estimate",
        "cost",
        "deadline",
        "freshness",
        "fresh",
        "checks",
        "accept_degraded",
        "wait_at_most",
        "then",
    ),
    *("patience", "adaptive", "ramp", "runs", "every", "prices", "per_core_hour", "node_class", "hours"),
    *("at_most", "confidence", "owner", "weight", "opportunity"),
    *("stages", "after", "optional", "reads", "assets"),
    *("mode", "with", "prefer", "timezone", "latest", "duration", "parameters", "tiger", ""),
]
SCALARS = [
    *(
        1,
        0,
        -1,
        0.5,
        10**30,
        float("inf"),
        float("nan"),
        True,
        False,
        None,
        "",
        "a",
        "b-1",
        "a b",
        "full",
    ),
    *(
        "last_good",
        "default",
        "standard",
        "batch",
        "85%",
        "5m",
        "1GiB",
        "22:00-06:00",
        "UTC",
        "Mars",
        "pass",
    ),
    *("warn", "degrade", "group:x", "2013-01-01", "*", "\u00e9", "x" * 100),
]
SLIPS = Slips(KEYS, SCALARS)
VALUES, mappings = SLIPS.values, SLIPS.mappings

NAMES = st.sampled_from(["a", "a-1", "a_1", "standard", "default"])
POLICY: dict[str, st.SearchStrategy[Any]] = {
    "tier": NAMES,
    "objective": mappings(deadline=VALUES, confidence=VALUES, freshness=VALUES),
    "gates": mappings(fresh=VALUES, wait_at_most=VALUES, then=VALUES, accept_degraded=VALUES),
    "degrade": st.lists(mappings(mode=VALUES, **{"with": VALUES}, estimate=VALUES), max_size=2),
    "window": mappings(prefer=VALUES, timezone=VALUES, latest=VALUES),
    "estimate": mappings(cpu=VALUES, memory=VALUES, duration=VALUES),
    "cost": mappings(at_most=VALUES, latest=VALUES),
    "owner": NAMES,
    "weight": VALUES,
    "opportunity": VALUES,
}
BOOKS = mappings(
    version=st.just(1),
    tiers=st.lists(mappings(name=NAMES, preempts=VALUES, preemption=VALUES, patience=VALUES), max_size=3),
    guards=mappings(
        cpu=VALUES,
        pressure=VALUES,
        concurrency=VALUES,
        adaptive=VALUES,
        ramp=mappings(runs=VALUES, every=VALUES),
    ),
    prices=st.lists(
        mappings(per_core_hour=VALUES, node_class=VALUES, hours=VALUES, timezone=VALUES), max_size=2
    ),
    policies=st.lists(
        mappings(name=NAMES, select=VALUES, jobs=VALUES, run_tags=VALUES, **POLICY), max_size=3
    ),
    default=mappings(**POLICY),
)


@settings(max_examples=50)
@given(BOOKS)
def test_every_slip_has_a_sentence_of_its_own(content: dict[str, Any]) -> None:
    """No error goes without a problem, and none has only a general hint."""
    problems = None
    try:
        parse_policy_book(yaml.safe_dump(content, allow_unicode=True), "p.yaml")
    except PolicyError as error:
        problems = error.problems
    assert problems is None or problems
    for problem in problems or ():
        assert problem.line > 0
        assert problem.hint
        assert "see the reference" not in problem.hint, problem
