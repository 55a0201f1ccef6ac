"""Outcomes made by hand, for reports to be drawn from: a machine with so many slots, and nothing else."""

import random
from collections.abc import Sequence

from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.evaluation.outcome import NodeUse, Outcome, RunOutcome, Sample
from adaptive_assets.simulation.traces.trace import TracedRun, Workload

TIERS = ("critical", "standard", "batch")
GIB = 2**30
CLUSTER = Cluster.of(16.0, 64 * GIB)


def workload(runs: int = 60, seed: int = 1, name: str = "nightly") -> Workload:
    """Runs in three tiers; the same for the same seed."""
    rng = random.Random(seed)
    at = 0.0
    made = []
    for number in range(runs):
        at += rng.expovariate(1 / 12)
        tier = rng.choices(TIERS, weights=(1, 3, 4))[0]
        made.append(
            TracedRun(
                run_id=f"run-{number}",
                name=f"{tier}-work-{number % 7}",
                submit_s=at,
                tier=tier,
                deadline_s=300.0 if tier == "critical" else None,
                duration_s=rng.lognormvariate(4.2, 0.7),
                cpu=rng.choice((0.5, 1.0, 2.0)),
                memory=rng.choice((1, 2, 6)) * GIB,
            )
        )
    return Workload.of(name, made)


def outcome(
    planner: str, of: Workload, slots: int = 5, *, by_tier: bool = True, unlucky: Sequence[int] = ()
) -> Outcome:
    """What comes of a workload where ``slots`` runs go at a time, by tier or first come first served.

    The runs at the positions ``unlucky`` were killed once and preempted twice.
    """
    waiting = list(of.runs)
    free = [0.0] * slots
    done: dict[str, RunOutcome] = {}
    while waiting:
        slot = min(range(slots), key=free.__getitem__)
        now = max(free[slot], min(run.submit_s for run in waiting))
        ready = [run for run in waiting if run.submit_s <= now]
        run = min(
            ready, key=lambda one: (TIERS.index(one.tier or "standard") if by_tier else 0, one.submit_s)
        )
        waiting.remove(run)
        ended = now + 4 + run.duration_s
        free[slot] = ended
        done[run.run_id] = _outcome(run, now, ended, unlucky=of.runs.index(run) in unlucky)
    runs = tuple(done[run.run_id] for run in of.runs)
    end_s = max((run.ended_s or 0.0 for run in runs), default=0.0)
    series = tuple(_sample(at, runs) for at in _instants(end_s))
    used = sum(run.useful_core_s + run.wasted_core_s for run in runs)
    return Outcome(
        planner=planner,
        cluster=CLUSTER,
        tiers=TIERS,
        runs=runs,
        series=series,
        cycles=len(series),
        planning_s=(0.001, 0.002, 0.004),
        end_s=end_s,
        used_core_s=used,
        cost=used / 3600 * 0.04,
    )


def _outcome(run: TracedRun, launched: float, ended: float, *, unlucky: bool) -> RunOutcome:
    waited = launched - run.submit_s
    due = None if run.deadline_s is None else run.submit_s + run.deadline_s
    return RunOutcome(
        run=run,
        tier=run.tier or "standard",
        policy=run.tier or "standard",
        released_s=run.submit_s,
        launched_s=launched,
        started_s=launched + 4,
        ended_s=ended,
        node="node-1",
        attempts=2 if unlucky else 1,
        killed_at=(launched - waited / 2,) if unlucky else (),
        preemptions=2 * int(unlucky),
        wait_s=waited,
        useful_core_s=run.cpu * run.duration_s,
        wasted_core_s=run.cpu * 20 if unlucky else 0.0,
        deadline_s=due,
        missed=due is not None and ended > due,
        blocked_by={"memory": waited * 0.6, "behind": waited * 0.4} if waited else {},
    )


def _instants(end_s: float) -> list[float]:
    return [15.0 * number for number in range(int(end_s / 15) + 2)]


def _sample(at: float, runs: Sequence[RunOutcome]) -> Sample:
    active = [run for run in runs if (run.launched_s or 0.0) <= at < (run.ended_s or 0.0)]
    queued = [run for run in runs if (run.released_s or 0.0) <= at < (run.launched_s or 0.0)]
    use = NodeUse(sum(run.run.cpu for run in active), sum(run.run.memory for run in active))
    return Sample(
        at_s=at,
        nodes=(use,),
        queued={tier: sum(run.tier == tier for run in queued) for tier in TIERS},
        running={tier: sum(run.tier == tier for run in active) for tier in TIERS},
    )
