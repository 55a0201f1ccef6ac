"""Runs that ended, in short."""

import math
import random
from collections.abc import Iterable
from typing import Final

from hypothesis import strategies as st

from adaptive_assets.learning import EndedRun, Ending, Learner, SubmittedRun
from adaptive_assets.planning.snapshot import Declaration, Work

GIB: Final = 1024**3
WORK: Final = Work("report", "reports", "here", ("report",))


def ended(
    duration_s: float | None = 60.0,
    *,
    work: Work = WORK,
    mode: str = "full",
    at: float = 0.0,
    cpu: float | None = 1.0,
    memory: int | None = GIB,
    size: float | None = None,
) -> EndedRun:
    """One run that succeeded."""
    return EndedRun(SubmittedRun(work, input_size=size), mode, at, Ending.SUCCEEDED, duration_s, cpu, memory)


def failed(memory: int | None = None, *, work: Work = WORK, killed: bool = False) -> EndedRun:
    """One run that failed after a second, with all cores busy; ``killed``: for want of memory."""
    ending = Ending.OUT_OF_MEMORY if killed else Ending.FAILED
    return EndedRun(SubmittedRun(work), "full", 0.0, ending, 1.0, 64.0, memory)


def taught(runs: Iterable[EndedRun], learner: Learner | None = None) -> Learner:
    """A learner that has seen ``runs``; a new one, or ``learner``."""
    learner = learner or Learner()
    for run in runs:
        learner.observe(run)
    return learner


def lasting(median_s: float, scatter: float, runs: int, seed: int = 0) -> list[float]:
    """Durations from a lognormal distribution."""
    chance = random.Random(seed)
    return [median_s * math.exp(chance.gauss(0, scatter)) for _ in range(runs)]


def similar(kinds: int, median_s: float = 60.0, scatter: float = 0.5) -> list[EndedRun]:
    """Three runs of each of some other kinds under the policy of ``WORK``."""
    return [
        ended(duration, work=Work(f"other-{number % kinds}", WORK.policy))
        for number, duration in enumerate(lasting(median_s, scatter, 3 * kinds))
    ]


_some = st.sampled_from([None, 0.0, 1e-300, 0.5, 60.0, 61.0, 1e9, 1e18])
_declared = st.sampled_from([None, Declaration(2.0, GIB, 90.0), Declaration(memory=2 * GIB)])


@st.composite
def histories(draw: st.DrawFn) -> list[EndedRun]:
    """Any runs at all of a few kinds, whatever they took, in any order of time."""
    works = [Work(name, policy) for name in "abc" for policy in ("p", "q")]
    runs = []
    for _ in range(draw(st.integers(0, 40))):
        memory = draw(_some)
        root = draw(st.sampled_from(["r1", "r2", "r3"]))
        runs.append(
            EndedRun(
                SubmittedRun(draw(st.sampled_from(works)), root, draw(_some), draw(_declared)),
                draw(st.sampled_from(["full", "reduced"])),
                draw(st.sampled_from([-1e9, 0.0, 100.0, 1e10])),
                draw(st.sampled_from(Ending)),
                draw(_some),
                draw(_some),
                None if memory is None else int(memory),
            )
        )
    return runs
