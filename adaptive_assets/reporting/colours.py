"""One colour for each tier and one for each planner, the same everywhere (report.css has them)."""

from collections.abc import Sequence

from adaptive_assets.simulation.evaluation.comparison import Comparison, Contender, Role

_TIERS = 6
_BASELINES = ("p1", "p2", "p3", "p4", "p5", "p7")


def tier_colour(tiers: Sequence[str], tier: str) -> str:
    """The class of a tier, by its place among those of the book."""
    return f"t{tiers.index(tier) % _TIERS}"


def planner_colour(comparison: Comparison, contender: Contender) -> str:
    """The class of a planner: ours the accent, the oracle that of the ink, the baselines one each."""
    if contender.role is Role.OURS:
        return "p0"
    if contender.role is Role.ORACLE:
        return "p6"
    return _BASELINES[comparison.baselines.index(contender) % len(_BASELINES)]
