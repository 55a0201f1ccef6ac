"""One workload twice: as real runs of a real Dagster daemon on this machine, and in the simulator.

The simulator is given what the real runs really took, from their own events, and what was measured of this
machine before: how long a run starts up and on how many cores, and what is in use while there is no run.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

import psutil

from adaptive_assets.policy import PolicyBook, load_policy_book
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.scenarios.events import Scenario, StrangerCpu, StrangerMemory
from adaptive_assets.simulation.traces.trace import TracedRun, Workload
from benchmarks.bounds import Bound, bounds_table, plain_bounds
from benchmarks.real_runs import RealRun, Request, plant
from benchmarks.report import Finding, grid
from benchmarks.weighted_processes import JOBS, Seen, play, turnarounds

__all__ = ["Habits", "measure", "requests", "simulated"]

RUNS: Final = 64
PROBES: Final = 3
NEAR: Final = 0.1
SPAN_S: Final = 240.0
SURGE_S: Final = (100.0, 150.0)
IN_SURGE: Final = 0.6
PHASES: Final = 8
"""A pass of the daemon falls anywhere between two submissions: it is simulated at so many places."""

POLICIES: Final = Path(__file__).with_name("fidelity_policies.yaml")
INTRO: Final = (
    "Real runs of a daemon with our coordinator on SQLite, a process each, and the same runs simulated with"
    " the same policies. Waits are those in the queue; the makespan is from the first submission to the last"
    " end."
)


@dataclass(frozen=True, slots=True)
class TraceKind:
    """A job: its share of the runs, and what a run of it is to take."""

    job: str
    share: float
    seconds: float
    cores: float
    memory_mib: int


KINDS: Final = (
    TraceKind("forecast", 0.22, 6.0, 0.3, 1400),
    TraceKind("ingest", 0.34, 12.0, 0.3, 1300),
    TraceKind("report", 0.19, 6.0, 0.5, 900),
    TraceKind("backfill", 0.25, 20.0, 0.3, 2800),
)
PROBE: Final = Request(0.0, "probe", 4.0, 0.3, 200)


@dataclass(frozen=True, slots=True)
class Habits:
    """What was measured of the deployment: its pace while it worked, all else while it had nothing to do."""

    cycle_s: float
    startup_s: float
    startup_cores: float
    """With what the daemon and the code server use for it."""
    shutdown_s: float
    idle_cores: float
    idle_memory: int


def measure(runs: int = RUNS, say: Callable[[str], None] = print) -> Finding:
    """Play ``runs`` real runs, then simulate them; takes six minutes or so."""
    with plant(POLICIES) as real:
        say("measuring how a run starts")
        idle_cores, idle_memory = real.idle()
        probes = [real.probe(PROBE, idle_cores) for _ in range(PROBES)]
        seen = real.play(requests(runs), say)
        startup_s = median(probe.run.startup_s for probe in probes)
        habits = Habits(
            real.cycle_s(seen),
            startup_s,
            median(probe.overhead_core_s for probe in probes) / startup_s,
            median(probe.shutdown_s for probe in probes),
            idle_cores,
            idle_memory,
        )
    book = load_policy_book(POLICIES)
    outcomes = [simulated(seen, book, habits, phase / PHASES) for phase in range(PHASES)]
    figures = [*_figures(seen, outcomes, book, habits)]
    say("three tiers compete for one core")
    competing = turnarounds(*_competed(book))
    figures += [
        (f"three tiers on one core: mean turnaround of {tier}, s", true, sim)
        for tier, (true, sim) in competing.items()
    ]
    bounds = [
        Bound(what, "", abs(sim / true - 1), "≤", NEAR, abs(sim / true - 1) <= NEAR, "of the real one")
        for what, true, sim in figures
    ]
    rows = [("", "real", "simulated", "difference")]
    rows += [(what, f"{true:.1f}", f"{sim:.1f}", f"{sim / true - 1:+.1%}") for what, true, sim in figures]
    settings = (
        f"{len(seen)} runs; a pass every {habits.cycle_s:.2f} s. Measured before: a run starts up in"
        f" {habits.startup_s:.2f} s on {habits.startup_cores:.2f} cores, and its process ends"
        f" {habits.shutdown_s:.2f} s after it;"
        f" without runs {habits.idle_cores:.2f} cores and {habits.idle_memory / 2**30:.2f} GiB are in use."
    )
    return Finding(
        "fidelity",
        INTRO,
        "\n\n".join((grid(rows), bounds_table(bounds), settings)),
        all(bound.met for bound in bounds),
        {
            "bounds": plain_bounds(bounds),
            "habits": asdict(habits),
            "figures": [{"what": what, "real": true, "simulated": sim} for what, true, sim in figures],
            "runs": _plain(seen, outcomes),
        },
    )


def _competed(book: PolicyBook) -> tuple[list[Seen], PolicyBook, float]:
    seen, part = play(JOBS, book)
    return seen, book, part


def requests(runs: int, seed: int = 0) -> list[Request]:
    """``runs`` submissions within four minutes, three fifths of them in a surge of less than one."""
    rng = random.Random(f"fidelity {seed}")
    kinds = [kind for kind in KINDS for _ in range(round(kind.share * runs))]
    kinds = (kinds + [KINDS[1]] * runs)[:runs]
    rng.shuffle(kinds)
    made = []
    for place, kind in enumerate(kinds):
        span = SURGE_S if place < IN_SURGE * runs else (0.0, SPAN_S)
        seconds = round(kind.seconds * rng.uniform(0.8, 1.25), 1)
        made.append(Request(rng.uniform(*span), kind.job, seconds, kind.cores, kind.memory_mib))
    return sorted(made, key=lambda request: request.submit_s)


def simulated(seen: Sequence[RealRun], book: PolicyBook, habits: Habits, phase: float) -> Outcome:
    """The same runs in the simulator, the first of them ``phase`` of an interval after a pass."""
    lasts = 86_400.0
    strangers = Scenario(
        (
            StrangerCpu(at=0.0, lasts=lasts, cores=max(0.01, habits.idle_cores)),
            StrangerMemory(at=0.0, lasts=lasts, amount=habits.idle_memory),
        )
    )
    settings = Settings(
        cycle_s=habits.cycle_s,
        quiet_s=habits.cycle_s,
        startup_s=habits.startup_s,
        startup_cpu=habits.startup_cores,
        reading_every_s=1.0,
    )
    cluster = Cluster.of(float(psutil.cpu_count() or 1), psutil.virtual_memory().total)
    start = seen[0].submitted_at - phase * habits.cycle_s
    tiers = {job: policy.tier for policy in book.policies for job in policy.jobs}
    runs = [
        TracedRun(
            f"run-{number:03}",
            run.request.job,
            run.submitted_at - start,
            tiers[run.request.job],
            duration_s=run.duration_s + habits.shutdown_s,
            cpu=run.cores * run.duration_s / (run.duration_s + habits.shutdown_s),
            memory=run.worked.memory,
        )
        for number, run in enumerate(seen)
    ]
    return simulate(Workload.of("real", runs), book, cluster, scenario=strangers, settings=settings)


def _figures(
    seen: Sequence[RealRun], outcomes: Sequence[Outcome], book: PolicyBook, habits: Habits
) -> Iterator[tuple[str, float, float]]:
    """What is compared: its name, of the real runs, and in the simulator on average."""
    makespan = max(run.ended_at for run in seen) - seen[0].submitted_at
    ends = [max(run.ended_s or 0.0 for run in out.runs) - out.runs[0].run.submit_s for out in outcomes]
    yield "makespan, s", makespan, fmean(ends) - habits.shutdown_s
    tiers = {job: policy.tier for policy in book.policies for job in policy.jobs}
    for tier in book.tiers:
        true = [run.wait_s for run in seen if tiers[run.request.job] == tier.name]
        sim = [run.wait_s for out in outcomes for run in out.runs if run.tier == tier.name]
        if true:
            yield f"mean wait of {tier.name}, s", fmean(true), fmean(sim)


def _plain(seen: Sequence[RealRun], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Run by run, with its wait in each simulation."""
    return [
        {
            **asdict(run.request),
            "wait_s": run.wait_s,
            "startup_s": run.startup_s,
            "duration_s": run.duration_s,
            "cores": run.cores,
            "memory": run.worked.memory,
            "simulated_wait_s": [outcome.runs[number].wait_s for outcome in outcomes],
        }
        for number, run in enumerate(seen)
    ]
