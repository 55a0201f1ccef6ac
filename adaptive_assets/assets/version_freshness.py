"""How fresh the version of one partition is, by the freshness policy of its asset.

Dagster judges an asset by its latest materialization, of whatever partition. A partition that was made long
ago is no fresher for that of another one. But data of a time that is over does not age: a partition that was
made after the end of its own time window is complete.
"""

from typing import Final

from adaptive_assets.dagster_compat.freshness import latest_at, window_end
from adaptive_assets.planning.snapshot import Freshness
from adaptive_assets.policy import AssetFacts

_FRESHNESS: Final = {
    "PASS": Freshness.PASS,
    "WARN": Freshness.WARN,
    "FAIL": Freshness.FAIL,
    "UNKNOWN": Freshness.NOT_EVALUATED,
    "NOT_APPLICABLE": Freshness.NO_POLICY,
}
_ORDER: Final = (Freshness.NO_POLICY, Freshness.PASS, Freshness.WARN, Freshness.FAIL)


def freshness_of(facts: AssetFacts | None, state: str | None) -> Freshness:
    """What Dagster's word ``state`` says of an asset; ``None``: it has said nothing yet."""
    if facts is None or not facts.has_freshness_policy:
        return Freshness.NO_POLICY
    return Freshness.NOT_EVALUATED if state is None else _FRESHNESS[state]


def judged(facts: AssetFacts, partition: str, made_at: float, now: float) -> Freshness:
    """The freshness at ``now`` of a version of ``partition`` that was made at ``made_at`` (POSIX seconds)."""
    if not facts.freshness:
        return Freshness.NO_POLICY
    ends_at = window_end(facts.windows, partition) if facts.windows else None
    if ends_at is not None and made_at >= ends_at:
        return Freshness.PASS
    warns_before, fails_before = latest_at(facts.freshness, now)
    if made_at < fails_before:
        return Freshness.FAIL
    return Freshness.WARN if made_at < warns_before else Freshness.PASS


def worse(one: Freshness, other: Freshness) -> Freshness:
    """The less fresh of two."""
    return max(one, other, key=_ORDER.index)
