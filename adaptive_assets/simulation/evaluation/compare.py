"""One workload in one world under several planners: ours, the baselines at their best, the oracle."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from adaptive_assets.planning.planner import Planner
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.capabilities import NOTHING, Capabilities
from adaptive_assets.simulation.engine.cluster import Cluster
from adaptive_assets.simulation.engine.settings import Knowledge, Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.comparison import Comparison, Contender, Role, setting_text
from adaptive_assets.simulation.evaluation.measures import measure
from adaptive_assets.simulation.evaluation.outcome import Outcome
from adaptive_assets.simulation.evaluation.preemptions import Observed, PreemptionRecord
from adaptive_assets.simulation.evaluation.sweep import FAMILIES, Trial, sweep
from adaptive_assets.simulation.scenarios.events import Scenario
from adaptive_assets.simulation.traces.trace import Workload

OURS: Final = "adaptive"
ORACLE: Final = "oracle"

Progress = Callable[[float, str], None]
"""Told now and then which share of everything is done, and which planner is at work."""

_TRIALS: Final = 8 * len(FAMILIES)
"""How many trials a sweep usually takes; only the progress bar counts on it."""
_SAMPLES: Final = 800
"""Samples of a series that a plot can use."""


def compare(
    workload: Workload,
    book: PolicyBook,
    cluster: Cluster,
    *,
    scenario: Scenario | None = None,
    settings: Settings | None = None,
    load: float | None = None,
    seed: int = 0,
    with_baselines: bool = True,
    with_oracle: bool = True,
    clock: Callable[[], float] | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Simulate everything that a report tells.

    ``load`` is only told in the report: ``workload`` is already as it is to be run.  Raises as
    :func:`~adaptive_assets.simulation.engine.simulator.simulate` does.
    """
    scenario, settings = scenario or Scenario(), settings or fine_settings(workload)
    parts = {OURS: 1.0, "baselines": 3.0 * with_baselines, ORACLE: 1.0 * with_oracle}
    step = _Steps(parts, progress)

    play = partial(
        simulate, workload, book, cluster, scenario=scenario, settings=settings, seed=seed, clock=clock
    )

    def planned(name: str, knowledge: Knowledge) -> tuple[Outcome, tuple[PreemptionRecord, ...]]:
        observed = Observed(Planner(settings.tuning), settings.starts_at)
        outcome = play(planner=observed, name=name, knowledge=knowledge, progress=step.of(name))
        return outcome, tuple(observed.preemptions)

    ours = planned(OURS, Knowledge.LEARNED)
    step.finish(OURS)
    trials: list[Trial] = []
    if with_baselines:
        trials = sweep(
            workload,
            book,
            cluster,
            scenario=scenario,
            settings=settings,
            seed=seed,
            clock=clock,
            progress=_Trials(step),
        )
        step.finish("baselines")
    contenders = [_contender(OURS, Role.OURS, *ours), *_best(trials)]
    if with_oracle:
        contenders.append(_contender(ORACLE, Role.ORACLE, *planned(ORACLE, Knowledge.PERFECT)))
    step.finish(ORACLE)
    return Comparison(
        workload, book, cluster, tuple(contenders), tuple(trials), scenario, settings, load=load, seed=seed
    )


def fine_settings(
    workload: Workload, capabilities: Capabilities = NOTHING, *, weighted: bool = True
) -> Settings:
    """The usual settings, with samples as often as a plot of ``workload`` can use, and at most each cycle."""
    usual = Settings()
    every = min(usual.sample_s, max(usual.cycle_s, workload.span_s / _SAMPLES))
    return Settings(sample_s=every, capabilities=capabilities, weighted=weighted)


def _contender(
    name: str, role: Role, outcome: Outcome, preemptions: tuple[PreemptionRecord, ...]
) -> Contender:
    return Contender(name, role, "", outcome, measure(outcome), preemptions)


def _best(trials: list[Trial]) -> list[Contender]:
    return [
        Contender(trial.family, Role.BASELINE, setting_text(trial.setting), trial.outcome, trial.measures)
        for trial in trials
        if trial.best and trial.outcome is not None
    ]


class _Steps:
    """Shares of single simulations as shares of all of them."""

    def __init__(self, parts: Mapping[str, float], progress: Progress | None) -> None:
        self._parts = parts
        self._all = sum(parts.values())
        self._done = 0.0
        self._progress = progress

    def of(self, part: str) -> Callable[[float], None]:
        """To be told the share of one part."""
        return lambda done: self.tell(part, done, part)

    def tell(self, part: str, done: float, doing: str) -> None:
        """So much of ``part`` is done; ``doing`` is what people are told."""
        if self._progress is not None:
            self._progress((self._done + self._parts[part] * done) / self._all, doing)

    def finish(self, part: str) -> None:
        """All of ``part`` is done."""
        self.tell(part, 1.0, part)
        self._done += self._parts[part]


class _Trials:
    """Nobody knows how many trials a sweep will take, so the bar goes slower the longer it lasts."""

    def __init__(self, steps: _Steps) -> None:
        self._steps = steps
        self._begun = 0

    def __call__(self, name: str) -> None:
        """One more has begun."""
        self._steps.tell("baselines", 1 - math.exp(-2.0 * self._begun / _TRIALS), name)
        self._begun += 1
