"""Comparisons made by hand, for reports to be made of."""

from adaptive_assets.simulation.engine.policy_assignment import plain_book
from adaptive_assets.simulation.evaluation.comparison import Comparison, Contender, Role
from adaptive_assets.simulation.evaluation.measures import measure
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.evaluation.preemptions import PreemptionRecord
from adaptive_assets.simulation.scenarios.events import NodeLoss, Scenario
from adaptive_assets.simulation.traces.trace import Workload
from tests.reporting.outcomes import CLUSTER, outcome

NASTY = "</title></script><script>alert(1)</script>\"'&--><img src=x onerror=alert(1)>\x1b[2J\ud800"


def contender(role: Role, of: Outcome, setting: str = "", *preemptions: PreemptionRecord) -> Contender:
    """A planner and what came of it."""
    return Contender(of.planner, role, setting, of, measure(of), preemptions)


def comparison(of: Workload) -> Comparison:
    """Ours with some kills and preemptions, a worse baseline, first come first served, and an oracle."""
    suspended = PreemptionRecord(40.0, "batch-work-1 suspended: critical-work-2 needs 2 cores")
    return Comparison(
        of,
        plain_book(of),
        CLUSTER,
        (
            contender(Role.OURS, outcome("adaptive", of, 9, unlucky=(3, 9)), "", suspended, suspended),
            contender(Role.BASELINE, outcome("stock", of, 5, by_tier=False), "5 runs"),
            contender(Role.ORACLE, outcome("oracle", of, 12)),
        ),
        scenario=Scenario((NodeLoss(node="node-1", at=100, lasts=60),)),
        seed=7,
    )
