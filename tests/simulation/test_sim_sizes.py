"""What planners are told of runs whose size is known: more than of their kind."""

import pytest

from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
from adaptive_assets.simulation.traces.trace import TracedRun
from tests.simulation.worlds import Scripted, play, traced

SIZES = [1000.0 * (1 + number % 5) for number in range(25)]


def sized(run_id: str, size: float, at: float) -> TracedRun:
    """A run that takes a second for each hundred of its input."""
    return traced(run_id, size / 100, at=at, name="report", input_size=size)


def queued(snapshot: Snapshot, run_id: str) -> QueuedRun:
    """The run as it waits there."""
    return next(run for run in snapshot.queued if run.run_id == run_id)


def test_the_size_of_its_input_tells_how_long_a_run_takes() -> None:
    """A run that is told of while nothing is known, and waits meanwhile, is told anew when something is."""
    early = [sized("small", 1000.0, 0.0), sized("large", 5000.0, 0.0)]
    past = [sized(f"r{number}", size, 1 + 60.0 * number) for number, size in enumerate(SIZES)]
    planner = Scripted(hold={"small": 2000.0, "large": 2000.0})
    play(*early, *past, planner=planner)
    first, last = planner.at(1.0), planner.at(1900.0)
    assert queued(first, "large").estimate is None
    for run_id, seconds in (("small", 10.0), ("large", 50.0)):
        known = queued(last, run_id).estimate
        assert known is not None
        assert known.duration.p50 == pytest.approx(seconds, rel=0.2)
    of_kind = last.estimates[estimate_key(queued(last, "large").work, "full")]
    assert of_kind.duration.p90 > 1.5 * of_kind.duration.p50
