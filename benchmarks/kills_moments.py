"""At which moments the campaign kills a daemon: at random ones, and before or after named calls."""

import functools
import importlib
import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["CALLS", "RANDOM", "Moment", "arm", "moments"]

RANDOM: Final = "random"
SHARE_RANDOM: Final = 0.3
LONGEST_LIFE_S: Final = 5.0
DEEPEST: Final = 3

CALLS: Final = (
    "adaptive_assets.coordinator.recording:Recorder.cycle",
    "adaptive_assets.ledger.database:Database.write",
    "adaptive_assets.coordinator.enactment:Enactment._tag",
    "dagster:DagsterInstance.report_engine_event",
    "dagster:DagsterInstance.launch_run",
    "benchmarks.parts:RecordingLauncher.launch_run",
)
"""What a daemon does between a decision and the start of a run, in that order."""


@dataclass(frozen=True, slots=True)
class Moment:
    """``where`` is ``random``, or ``before`` or ``after`` and a call; ``life_s`` is of random ones only.

    The kill comes at the ``count``-th such call.
    """

    where: str
    life_s: float = 0.0
    count: int = 1

    @property
    def is_random(self) -> bool:
        """Whether the kill comes from outside, after ``life_s``."""
        return self.where == RANDOM


def moments(seed: str) -> Iterator[Moment]:
    """Moments without end, the same for the same seed; no call is left out for long."""
    chance = random.Random(seed)
    places = [f"{side} {call}" for call in CALLS for side in ("before", "after")]
    while True:
        chance.shuffle(places)
        for place in places:
            while chance.random() < SHARE_RANDOM:
                yield Moment(RANDOM, life_s=chance.uniform(0.0, LONGEST_LIFE_S))
            yield Moment(place, count=chance.randint(1, DEEPEST))


def arm(moment: Moment) -> None:
    """Have this process kill itself at ``moment``, unless that is a random one.

    Raises :class:`AttributeError` if there is no such call any more.
    """
    if moment.is_random:
        return
    side, _, call = moment.where.partition(" ")
    module, _, path = call.partition(":")
    owner_name, _, name = path.partition(".")
    owner = getattr(importlib.import_module(module), owner_name)
    function = getattr(owner, name)
    calls = 0

    @functools.wraps(function)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if side == "before" and calls >= moment.count:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if side == "after" and calls >= moment.count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)
