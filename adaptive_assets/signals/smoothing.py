"""One exponential moving average for everything that is measured in cores."""

import math

TIME_CONSTANT_S = 5.0
"""Seconds after which 63 % of a step is visible.

Five, because that is how often Dagster's dequeue daemon looks: a spike of one second (an import, a JSON
dump) moves the figure by less than a fifth and decides nothing, while a real change is mostly visible one
pass later.  The machine and the runs on it are smoothed alike: the planner sets one against the other to find
the load that it has launched and cannot see yet, and two speeds would make that difference lie.
"""


def smoothed(previous: float, value: float, elapsed_s: float, time_constant_s: float) -> float:
    """Move ``previous`` towards ``value`` as far as ``elapsed_s`` allows; it never overshoots.

    A time constant of zero means no smoothing; time that stands still or runs backwards moves nothing.
    """
    if elapsed_s <= 0:
        return previous
    weight = -math.expm1(-elapsed_s / time_constant_s) if time_constant_s > 0 else 1.0
    return previous * (1 - weight) + value * weight
