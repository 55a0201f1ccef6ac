"""The comparison for programs: keys that stay, seconds, bytes, cores and shares of one."""

from typing import Any

from adaptive_assets.reporting.figures import OVERALL, TIERED
from adaptive_assets.simulation.baselines.bounds import most_work, soonest_end
from adaptive_assets.simulation.evaluation.comparison import Comparison, Contender
from adaptive_assets.simulation.evaluation.sweep import Trial
from adaptive_assets.simulation.evaluation.waiting import waiting


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Plain values, in the order of the report; what there is nothing to say of is ``None``."""
    workload, cluster = comparison.workload, comparison.cluster
    return {
        "workload": {
            "name": workload.name,
            "runs": len(workload.runs),
            "span_s": workload.span_s,
            "work_core_s": workload.work_core_s,
        },
        "cluster": [
            {"name": node.name, "cores": node.cores, "memory": node.memory, "class": node.node_class}
            for node in cluster.nodes
        ],
        "world": comparison.world,
        "actions": list(comparison.settings.capabilities.words),
        "cpu_weights": comparison.settings.weighted,
        "load": {"wanted": comparison.load, "offered": comparison.offered},
        "seed": comparison.seed,
        "revision": comparison.book.revision,
        "events": len(comparison.scenario.events),
        "bound": {
            "soonest_end_s": soonest_end(workload, cluster),
            "most_work_core_s": most_work(workload, cluster, comparison.ours.outcome.end_s),
        },
        "planners": [_planner(comparison, contender) for contender in comparison.contenders],
        "sweep": [_trial(trial) for trial in comparison.trials],
    }


def _planner(comparison: Comparison, contender: Contender) -> dict[str, Any]:
    measures = contender.measures
    return {
        "planner": contender.name,
        "role": str(contender.role),
        "setting": contender.setting,
        "all": {key: figure.of(contender, None) for key, figure in OVERALL.items()},
        "tiers": {
            tier: {"runs": comparison.runs_of(tier)}
            | {key: figure.of(contender, tier) for key, figure in TIERED.items()}
            for tier in comparison.tiers
        },
        "waited": _waited(comparison, contender),
        "unfinished": dict(measures.unfinished),
        "spend": dict(measures.spend),
        "cycles": measures.cycles,
        "planning_median_s": measures.planning_median_s,
    }


def _waited(comparison: Comparison, contender: Contender) -> dict[str, Any]:
    """By tier: seconds by first reason, and by the tier whose work had the machine; ``idle`` for nobody's."""
    found = waiting(contender.outcome.runs, comparison.tiers, contender.outcome.end_s)
    return {
        tier: {
            "reasons": found.reasons[tier],
            "behind": {holder or "idle": waited for holder, waited in found.behind[tier].items()},
        }
        for tier in found.tiers
    }


def _trial(trial: Trial) -> dict[str, Any]:
    measures = trial.measures
    return {
        "planner": trial.family,
        "setting": dict(trial.setting),
        "best": trial.best,
        "score": trial.score,
        "missed": {tier.tier: tier.missed_share for tier in measures.tiers},
        "turnaround_mean_s": {tier.tier: tier.turnaround_mean_s for tier in measures.tiers},
        "turnaround_p95_s": {tier.tier: tier.turnaround_p95_s for tier in measures.tiers},
        "wait_p95_s": measures.all.wait_p95_s,
        "work_core_s": measures.all.work_core_s,
        "oom_kills": measures.all.oom_kills,
    }
