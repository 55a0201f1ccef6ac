"""Runs that ended, in short."""

import math
import random
from collections.abc import Iterable
from typing import Final

from hypothesis import strategies as st

from adaptive_assets.learning import Learner, Observation
from adaptive_assets.planning.snapshot import Work

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
) -> Observation:
    """One run that succeeded."""
    return Observation(work, mode, at, True, duration_s, cpu, memory, size)


def failed(memory: int | None = None, *, work: Work = WORK, killed: bool = False) -> Observation:
    """One run that failed after a second, with all cores busy; ``killed``: for want of memory."""
    return Observation(work, "full", 0.0, False, 1.0, 64.0, memory, out_of_memory=killed)


def taught(observations: Iterable[Observation]) -> Learner:
    """A learner that has seen ``observations``."""
    learner = Learner()
    for observation in observations:
        learner.observe(observation)
    return learner


def lasting(median_s: float, scatter: float, runs: int, seed: int = 0) -> list[float]:
    """Durations from a lognormal distribution."""
    chance = random.Random(seed)
    return [median_s * math.exp(chance.gauss(0, scatter)) for _ in range(runs)]


def similar(kinds: int, median_s: float = 60.0, scatter: float = 0.5) -> list[Observation]:
    """Three runs of each of some other kinds under the policy of ``WORK``."""
    return [
        ended(duration, work=Work(f"other-{number % kinds}", WORK.policy))
        for number, duration in enumerate(lasting(median_s, scatter, 3 * kinds))
    ]


_some = st.sampled_from([None, 0.0, 1e-300, 0.5, 60.0, 61.0, 1e9, 1e18])


@st.composite
def histories(draw: st.DrawFn) -> list[Observation]:
    """Any runs at all of a few kinds, whatever they took, in any order of time."""
    works = [Work(name, policy) for name in "abc" for policy in ("p", "q")]
    runs = []
    for _ in range(draw(st.integers(0, 40))):
        succeeded = draw(st.booleans())
        memory = draw(_some)
        runs.append(
            Observation(
                draw(st.sampled_from(works)),
                draw(st.sampled_from(["full", "reduced"])),
                draw(st.sampled_from([-1e9, 0.0, 100.0, 1e10])),
                succeeded,
                draw(_some),
                draw(_some),
                None if memory is None else int(memory),
                draw(_some),
                out_of_memory=not succeeded and draw(st.booleans()),
            )
        )
    return runs
