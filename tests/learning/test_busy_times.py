"""When all cores were busy, and what is learned from runs of that time."""

from dataclasses import replace

import pytest

from adaptive_assets.learning import BusyTimes, Learner
from adaptive_assets.learning.busy_times import KEPT_S
from adaptive_assets.planning.estimates import Source
from adaptive_assets.planning.resource_request import ResourceRequest
from tests.learning.ended import GIB, WORK, ended, taught


def read(*used: float, every_s: float = 10.0) -> BusyTimes:
    """Readings of a machine of four cores, one after the other from 0 on."""
    busy = BusyTimes()
    for number, each in enumerate(used):
        busy.read(number * every_s, each, 4.0)
    return busy


@pytest.mark.parametrize(
    ("since", "until", "share"),
    [
        pytest.param(10, 30, 1.0, id="in the busy time"),
        pytest.param(0, 20, 0.5, id="half of it"),
        pytest.param(0, 16, 0.375, id="less than half of it"),
        pytest.param(30, 40, 0.0, id="after it"),
        pytest.param(60, 80, 1.0, id="the last reading holds on"),
        pytest.param(-100, -50, 0.0, id="before the first reading"),
        pytest.param(20, 20, 0.0, id="no time at all"),
    ],
)
def test_the_share_of_time_with_all_cores_busy(since: float, until: float, share: float) -> None:
    """A reading of 95 % counts as all: readings are smoothed."""
    assert read(3.0, 3.9, 4.0, 2.0, 3.7, 3.0, 4.0).share(since, until) == share


def test_nothing_is_known_without_readings_and_the_past_is_forgotten() -> None:
    """A reading that is told twice, or late, changes nothing."""
    assert BusyTimes().share(0, 10) == 0.0
    busy = read(4.0, 0.0)
    busy.read(5.0, 0.0, 4.0)
    assert busy.share(0, 10) == 1.0
    busy.read(KEPT_S + 100.0, 0.0, 4.0)
    assert busy.share(0, 10) == 0.0


def test_a_mean_of_a_busy_time_is_a_lower_bound() -> None:
    """It raises what is known, and never lowers it: else more and more runs would be admitted."""
    known = taught([ended(cpu=1.0) for _ in range(5)])
    before = known.of_kind(WORK)
    starved, hungry = ended(cpu=0.1), ended(cpu=3.0)
    after = taught([replace(starved, cores_busy=1.0) for _ in range(20)], known).of_kind(WORK)
    assert before
    assert after
    assert after.cpu == before.cpu
    assert after.runs > before.runs  # of the rest it says as much as any
    raised = taught([replace(hungry, cores_busy=1.0)] * 5, known).of_kind(WORK)
    assert raised
    assert raised.cpu.p50 > before.cpu.p50
    lowered = taught([starved] * 20, taught([ended(cpu=1.0) for _ in range(5)])).of_kind(WORK)
    assert lowered
    assert lowered.cpu.p50 < before.cpu.p50


def test_what_was_only_ever_short_of_cpu_takes_what_is_assumed_of_it() -> None:
    """Its time and its memory are its own."""
    learner = Learner(assumed=lambda work, mode: ResourceRequest(1.5, 2 * GIB, 9.0))
    told = taught([replace(ended(cpu=0.1), cores_busy=1.0) for _ in range(5)], learner).of_kind(WORK)
    assert told
    assert (told.cpu.p50, told.source) == (1.5, Source.OWN)
    assert told.duration.p50 == pytest.approx(60.0)
