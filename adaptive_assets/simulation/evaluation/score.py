"""What settings of one planner are compared by: one number, less is better."""

from collections.abc import Sequence
from math import exp, fsum, log
from typing import Final

from adaptive_assets.simulation.evaluation.measures import quantile
from adaptive_assets.simulation.evaluation.outcome import Outcome, RunOutcome

_SHORTEST_S: Final = 1.0
"""What takes no time counts as so long, because of nothing there is no part."""


def score(outcome: Outcome) -> float:
    """The geometric mean of what tables compare planners by; comparable only within one workload.

    That is the mean and the 95th percentile of the time from submission to end in every tier, and one more
    than the number of deadlines that the highest tier missed: to halve any of them is worth as much. What
    has not ended counts as lasting until the end of the simulation, so that nothing is gained by starving it.
    """
    by_tier = {tier: [run for run in outcome.runs if run.tier == tier] for tier in outcome.tiers}
    present = [runs for runs in by_tier.values() if runs]
    if not present:
        return 0.0
    compared = [1.0 + sum(run.missed for run in present[0])]
    for runs in present:
        lasted = sorted(_lasted_s(run, outcome.end_s) for run in runs)
        compared += [max(_SHORTEST_S, fsum(lasted) / len(lasted)), max(_SHORTEST_S, _p95(lasted))]
    return exp(fsum(map(log, compared)) / len(compared))


def _p95(ordered: Sequence[float]) -> float:
    return quantile(ordered, 0.95) or 0.0


def _lasted_s(run: RunOutcome, end_s: float) -> float:
    """From its submission, or its time if it was never released, to its end."""
    since = run.run.submit_s if run.released_s is None else run.released_s
    return (end_s if run.ended_s is None else run.ended_s) - since
