"""What happens in the demo, in which order: calm hours, then one under a squeeze, then the release."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import dagster as dg

from flights.demo import DemoError
from flights.demo.stage import Stage
from flights.metadata import local

LOOK_EVERY_S: Final = 1.0
START_UP_S: Final = 150.0
HOUR_S: Final = 120.0
CATCH_UP_S: Final = 40.0
"""How long what waited for the machine may take after the release."""
OF_THE_DATA: Final = ("data_", "check_", "freshness_", "outside_window")
"""How the reasons begin that have nothing to do with the machine."""
FORECAST: Final = "delay_forecast"

REASON: Final = "adaptive/reason"
"""The tag with the first reason of a run that waits."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Played:
    """When the demo began and ended, and when the machine was squeezed (POSIX seconds)."""

    began_at: float
    ended_at: float
    squeezed_at: float
    released_at: float


def longest(hours: int) -> float:
    """The seconds after which a demo of so many hours is given up."""
    return START_UP_S + HOUR_S * hours


def play(stage: Stage, hours: int, say: Say) -> Played:
    """Replay ``hours`` hours, the last of them under a squeeze.

    Raises:
        DemoError: the daemon ended, or what was waited for did not happen in time.
    """
    began = time.time()
    watch = _Watch(stage, began + longest(hours))
    for _ in range(hours - 1):
        before = watch.ended(FORECAST)
        say(f"{local(stage.land_an_hour())}: an hour of flights and weather has landed.")
        watch.until(lambda: watch.ended(FORECAST), before, "a forecast was made")
    before = watch.ended(FORECAST)
    squeezed = time.time()
    say(f"The squeeze begins: {stage.squeeze()} cores are kept busy.")
    say(f"{local(stage.land_an_hour())}: another hour has landed.")
    watch.until(lambda: watch.ended(FORECAST), before, "a forecast was made under the squeeze")
    released = time.time()
    stage.release()
    say(f"The squeeze ends after {released - squeezed:.0f} s.")
    watch.wait(lambda: not watch.unsettled(), CATCH_UP_S)
    return Played(began, time.time(), squeezed, released)


class _Watch:
    """Looks at the runs again and again."""

    def __init__(self, stage: Stage, give_up_at: float) -> None:
        self._stage = stage
        self._give_up_at = give_up_at

    def until(self, count: Callable[[], int], before: int, what: str) -> None:
        """Wait until there are more than before; raise :class:`DemoError` when it takes too long."""
        if self.wait(lambda: count() > before, self._give_up_at - time.time()):
            return
        runs = self._records()
        ran = f"{len(runs)} runs were requested, {sum(r.end_time is not None for r in runs)} have ended"
        raise DemoError(
            f"The demo gave up: not in time that {what} ({ran if runs else 'nothing was ever requested'}).\n"
            f"The end of the daemon's log:\n{self._stage.last_words()}"
        )

    def wait(self, happened: Callable[[], bool], within_s: float) -> bool:
        """Wait for something that need not happen; says whether it has."""
        give_up_at = min(time.time() + within_s, self._give_up_at)
        while time.time() < give_up_at:
            if happened():
                return True
            self._stage.check()
            time.sleep(LOOK_EVERY_S)
        return False

    def ended(self, asset: str) -> int:
        """How many runs of an asset have ended."""
        return sum(
            record.end_time is not None
            and any(key.path[-1] == asset for key in record.dagster_run.asset_selection or ())
            for record in self._records()
        )

    def unsettled(self) -> bool:
        """Whether runs are at work, or wait for nothing but the machine."""
        for record in self._records():
            reason = record.dagster_run.tags.get(REASON, "")
            queued = record.dagster_run.status is dg.DagsterRunStatus.QUEUED
            if record.end_time is None and not (queued and reason.startswith(OF_THE_DATA)):
                return True
        return False

    def _records(self) -> Sequence[dg.RunRecord]:
        return self._stage.instance.get_run_records()
