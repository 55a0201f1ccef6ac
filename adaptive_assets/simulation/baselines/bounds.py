"""What planners are held against: the work bound, which nobody can beat, and the oracle."""

from functools import partial
from typing import Final

from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.due import soonest_ends
from adaptive_assets.simulation.engine.settings import Knowledge
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.traces.trace import Workload


def most_work(workload: Workload, cluster: Cluster, until_s: float) -> float:
    """The most core-seconds that anybody could have done of ``workload`` by ``until_s``: capacity x time.

    As if all work could be divided at will and began the moment it is submitted, without start-up.
    """
    at = waiting = done = 0.0
    for run in workload.runs:
        if run.submit_s >= until_s:
            break
        worked = min(waiting, (run.submit_s - at) * cluster.cores)
        done, waiting, at = done + worked, waiting - worked + run.cpu * run.duration_s, run.submit_s
    return done + min(waiting, max(0.0, until_s - at) * cluster.cores)


def soonest_end(workload: Workload, cluster: Cluster) -> float:
    """The soonest that all of ``workload`` could have ended, by capacity and by its longest chain of runs."""
    ready = 0.0
    for run in workload.runs:
        ready = max(ready, run.submit_s) + run.cpu * run.duration_s / cluster.cores
    return max(ready, max(soonest_ends(workload.runs).values(), default=0.0))


oracle: Final = partial(simulate, name="oracle", knowledge=Knowledge.PERFECT)
"""``plan()`` that knows what every run will take, in the same world; arguments as of :func:`simulate`."""
