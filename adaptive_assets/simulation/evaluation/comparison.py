"""What a report is made from: the same workload in the same world, under several planners."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from adaptive_assets.planning.formatting import number, share
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.evaluation.measures import Measures
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.evaluation.preemptions import PreemptionRecord
from adaptive_assets.simulation.evaluation.sweep import Trial
from adaptive_assets.simulation.scenarios.events import Scenario
from adaptive_assets.simulation.traces.trace import Workload


class Role(StrEnum):
    """What a planner is there for."""

    OURS = "ours"
    BASELINE = "baseline"
    ORACLE = "oracle"
    """Ours, told what each run will really take: what more knowledge brings, and no contender."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One planner, at one setting, and what came of it."""

    name: str
    role: Role
    setting: str
    """The best that the sweep found, as people say it; empty where there is nothing to set."""
    outcome: Outcome
    measures: Measures
    preemptions: tuple[PreemptionRecord, ...] = ()
    """When runs had to give way, and why."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that a report tells; ours is the first contender, the oracle, if there is one, the last.

    ``load`` is what the workload was stretched to (``None``: it is as it was recorded).
    """

    workload: Workload
    book: PolicyBook
    cluster: Cluster
    contenders: tuple[Contender, ...]
    trials: tuple[Trial, ...] = ()
    scenario: Scenario = field(default_factory=Scenario)
    settings: Settings = field(default_factory=Settings)
    load: float | None = None
    seed: int = 0

    @property
    def world(self) -> str:
        """Of which world this is: what launchers can do in it, and whether CPU weights are in force."""
        title = self.settings.capabilities.title
        return title if self.settings.weighted else f"{title}; CPU weights not in force"

    @property
    def ours(self) -> Contender:
        """The planner that this is about."""
        return self.contenders[0]

    @property
    def baselines(self) -> Sequence[Contender]:
        """What people use today."""
        return [contender for contender in self.contenders if contender.role is Role.BASELINE]

    @property
    def oracle(self) -> Contender | None:
        """The bound, if it was asked for."""
        return next((one for one in self.contenders if one.role is Role.ORACLE), None)

    @property
    def tiers(self) -> tuple[str, ...]:
        """The tiers that have runs, the highest first."""
        present = {run.tier for run in self.ours.outcome.runs}
        return tuple(tier for tier in self.ours.outcome.tiers if tier in present)

    def runs_of(self, tier: str) -> int:
        """How many runs a tier has."""
        found = self.ours.measures.tier(tier)
        return found.runs if found else 0

    @property
    def offered(self) -> float | None:
        """Core-seconds asked for over those there are while runs arrive; ``None`` for a single instant."""
        span = self.workload.span_s
        return self.workload.work_core_s / (self.cluster.cores * span) if span > 0 else None

    @property
    def end_s(self) -> float:
        """When the last run came or ended under any planner; what is left after that only waits."""
        return max((_last(contender.outcome) for contender in self.contenders), default=0.0)


def _last(outcome: Outcome) -> float:
    instants = (
        at
        for run in outcome.runs
        for at in (run.released_s, run.launched_s, run.ended_s, *run.killed_at)
        if at is not None
    )
    return min(outcome.end_s, max(instants, default=0.0))


def setting_text(setting: Mapping[str, float]) -> str:
    """A baseline's setting as people say it: ``8 runs, standard 3, batch 3``."""
    told = []
    for name, value in setting.items():
        if name == "runs":
            told.append("1 run" if value == 1 else f"{number(value)} runs")
        elif name.endswith("_share"):
            limited = name.removesuffix("_share").replace("cpu", "CPU")
            told.append(f"{limited} up to {share(round(value, 2))}")
        else:
            told.append(f"{name} {number(value)}")
    return ", ".join(told)
