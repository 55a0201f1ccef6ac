"""The numbers of the planner are a setting of the simulator."""

from dataclasses import replace

from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.policy_assignment import plain_book
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.compare import OURS, compare
from adaptive_assets.simulation.traces.generated import GIB, steady

CLUSTER = Cluster.of(8, 24 * GIB)
WORKLOAD = steady(3, load=1.2, span_s=2400)
"""More than there is room for, so that who goes first matters."""


def test_settings_have_the_tuning_that_plans_are_made_with() -> None:
    """Without the size order, runs wait otherwise; with the usual numbers all is as ``plan()`` has it."""
    book = plain_book(WORKLOAD)
    unordered = Settings(tuning=replace(TUNING, size_levels=0))
    usual, off = simulate(WORKLOAD, book, CLUSTER), simulate(WORKLOAD, book, CLUSTER, settings=unordered)
    assert usual.planner == off.planner == "plan"
    assert usual.runs == simulate(WORKLOAD, book, CLUSTER, planner=plan, settings=unordered).runs
    assert [run.wait_s for run in off.runs] != [run.wait_s for run in usual.runs]
    compared = compare(WORKLOAD, book, CLUSTER, settings=unordered, with_baselines=False, with_oracle=False)
    (ours,) = [each for each in compared.contenders if each.name == OURS]
    assert ours.outcome.runs == off.runs
