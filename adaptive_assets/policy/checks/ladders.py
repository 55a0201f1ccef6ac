"""Ladders that lead somewhere: each rung does less than the one above it, and the last one surely does.

Rungs are compared by what they declare, the way the planner sees them until runs have taught it better: of
what a rung does not declare, it takes as much as full mode.  A rung is cheaper than the one above it when it
takes less CPU, less memory or less time; `last_good` is cheaper than all, and ends the ladder.
"""

from collections.abc import Iterator
from typing import Final

from adaptive_assets.policy.compositions import whole_estimate
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.terms import FULL, LAST_GOOD, DeclaredEstimate, Policy

_DIMENSIONS: Final = ("cpu", "memory", "duration")
_DECLARE: Final = "declare what it takes, such as `estimate: {cpu: 0.5, duration: 20s}`"


def ladder_findings(policy: Policy) -> Iterator[Finding]:
    """What is wrong with the ladder of ``policy``, by paths from the policy."""
    if policy.gates.then == "degrade" and not policy.degrade:
        yield Finding(
            ("gates", "then"),
            "`then: degrade` has no rung to go to",
            "add a ladder such as `degrade: [{mode: last_good}]`, or write `launch` or `fail`",
        )
    modes = [rung.mode for rung in policy.degrade]
    for position, mode in enumerate(modes):
        if mode in modes[:position]:
            message = f"the ladder comes back to `{mode}`, so it would never end"
            yield Finding(("degrade", position, "mode"), message, "give each mode one rung")
        elif LAST_GOOD in modes[:position]:
            message = f"`{mode}` is never reached: `last_good` ends the ladder"
            yield Finding(("degrade", position, "mode"), message, "write `last_good` last")
    yield from _dear_rungs(policy)


def _dear_rungs(policy: Policy) -> Iterator[Finding]:
    """Rungs that are not known to do less than what is above them."""
    full = whole_estimate(policy) or DeclaredEstimate()
    above, name = full, FULL
    for position, rung in enumerate(policy.degrade):
        path = ("degrade", position)
        if rung.mode == LAST_GOOD:
            return
        if rung.estimate is None:
            last = position == len(policy.degrade) - 1
            yield Finding(
                path,
                f"the ladder ends in `{rung.mode}`, which is not known to take less than `full`"
                if last
                else f"until runs have taught better, `{rung.mode}` is taken to cost as much as `full`",
                f"{_DECLARE}, or end the ladder with `last_good`" if last else _DECLARE,
                "error" if last else "warning",
            )
            continue
        below = _filled(rung.estimate, full)
        if not _may_be_cheaper(below, above):
            message = f"`{rung.mode}` takes no less CPU, memory or time than `{name}` above it"
            yield Finding((*path, "estimate"), message, "write the mildest rung first, and less in each")
        above, name = below, rung.mode


def _filled(estimate: DeclaredEstimate, full: DeclaredEstimate) -> DeclaredEstimate:
    """``estimate``, with what it does not declare taken from ``full``."""
    declared = {name: getattr(estimate, name) for name in _DIMENSIONS if getattr(estimate, name) is not None}
    return full.model_copy(update=declared)


def _may_be_cheaper(below: DeclaredEstimate, above: DeclaredEstimate) -> bool:
    """Whether one of the dimensions is less, or is declared below and unknown above."""
    for name in _DIMENSIONS:
        less, more = getattr(below, name), getattr(above, name)
        if less is not None and (more is None or less < more):
            return True
    return False
