"""Deadlines, counted from the submission of a run."""

from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import QueuedRun, Work
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import Objective, Policy

RUN = QueuedRun("r", Work("w", "p"), submitted_at=1000.0)
MINUTE = ResourceRequest(cpu=1.0, memory=1, duration=60.0)


def deadline(deadline: float | None) -> Deadline:
    """That of a run of a policy with such an objective."""
    return Deadline.of(Policy(name="p", jobs=("j",), objective=Objective(deadline=deadline)), RUN, TUNING)


def test_without_a_deadline_nothing_is_ever_late() -> None:
    """Whether the policy has no objective or one of another kind."""
    for none in (deadline(None), Deadline.of(Policy(name="p", jobs=("j",)), RUN, TUNING)):
        assert none.at is None
        assert none.slack(MINUTE, 1e9) == float("inf")
        assert none.met_by(MINUTE, 1e9)
        assert not none.endangered(MINUTE, 1e9)


def test_slack_allows_for_the_launch_and_the_whole_run() -> None:
    """It is the time for which the run can still wait."""
    assert deadline(300).at == 1300.0
    assert deadline(300).slack(MINUTE, now=1000.0) == 300 - 60 - TUNING.launch_s
    assert deadline(300).met_by(MINUTE, now=1300 - 60 - TUNING.launch_s)
    assert not deadline(300).met_by(MINUTE, now=1300 - 60 - TUNING.launch_s + 0.1)


def test_danger_comes_while_there_is_time_to_act() -> None:
    """A cycle that decided later would decide too late."""
    last = 1300 - 60 - TUNING.launch_s - TUNING.lookahead_s
    assert not deadline(300).endangered(MINUTE, last)
    assert deadline(300).endangered(MINUTE, last + 0.1)
    assert deadline(300).met_by(MINUTE, last + 0.1)


def test_the_reason_says_how_near_the_deadline_is() -> None:
    """Before it, and after it."""
    reason = deadline(300).reason(MINUTE, now=1240.0)
    assert reason.sentence == "is due in 1m 00s, and full mode takes 1m 05s, launch included"
    assert reason.numbers == {
        "mode": "full",
        "deadline_in_s": 60.0,
        "duration_s": 60.0,
        "launch_s": TUNING.launch_s,
    }
    assert (
        deadline(300).reason(MINUTE, now=1330.0).sentence.startswith("was due 30s ago, and full mode takes")
    )
