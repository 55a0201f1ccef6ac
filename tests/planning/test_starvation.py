"""The bound on waiting: whatever arrives, no run that fits the machine waits for ever."""

import pytest

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.tuning import TUNING
from tests.planning.compact import book_of, snapshot_of
from tests.planning.toy import GIB, Toy

PATIENCE_S = 600.0
LONGEST_S = 120.0
SLACK_S = 2 * (TUNING.launch_s + 5.0)
"""Two launches and two cycles."""
BOOK = book_of(
    {
        "tiers": [{"name": "critical"}, {"name": "standard", "patience": "10m"},
                  {"name": "batch", "patience": "10m"}],
        "policies": [
            {"name": "urgent", "tier": "critical",
             "estimate": {"cpu": 1, "memory": "1GiB", "duration": "1m"}},
            {"name": "hurried", "tier": "critical", "objective": {"deadline": "90s"},
             "estimate": {"cpu": 1, "memory": "1GiB", "duration": "1m"},
             "degrade": [{"mode": "reduced", "estimate": {"duration": "30s"}}]},
            {"name": "usual", "tier": "standard",
             "estimate": {"cpu": 1, "memory": "1GiB", "duration": "2m"}},
            {"name": "huge", "tier": "batch",
             "estimate": {"cpu": 2, "memory": "6GiB", "duration": "2m"}},
            {"name": "tiny", "tier": "batch",
             "estimate": {"cpu": 0.1, "memory": "512MiB", "duration": "30s"}},
        ],
    }
)  # fmt: skip


TAKES_S = {"usual": 120.0, "huge": 120.0, "tiny": 30.0}
"""What a run of each of the lower tiers takes."""
DEEP = 6


def apart_s(policy: str) -> float:
    """Seconds from one run that goes before the line to one of ``policy``, if there is room at once."""
    return max(PATIENCE_S / TUNING.starvation_runs, TUNING.starvation_spacing * TAKES_S[policy])


def crowd(toy: Toy, *policies: str, deep: int = DEEP) -> None:
    """Keep so many runs of each policy waiting, which is more than there is room for."""
    for policy in policies:
        for _ in range(deep - toy.waiting(policy)):
            toy.submit(
                policy, f"{policy}{len(toy.launched) + len(toy.queued)}-{toy.at:.0f}-{toy.waiting(policy)}"
            )


@pytest.mark.parametrize(
    "streams",
    [
        ("urgent",),
        ("hurried",),
        ("urgent", "tiny"),
        ("usual",),
        ("usual", "tiny"),
        ("urgent", "usual", "tiny"),
    ],
    ids=" and ".join,
)
def test_the_huge_run_of_the_lowest_tier_goes_whatever_arrives(streams: tuple[str, ...]) -> None:
    """Once it has waited beyond its tier's patience, and those that waited before it have gone one by one.

    Each of them stands before the line a while after the one before it, and goes when what was active then
    has ended.
    """
    toy = Toy(BOOK, {"": (4.0, 8 * GIB)})
    toy.run(300.0, lambda: crowd(toy, *streams))
    toy.submit("huge", "huge")
    line = [stream for stream in streams if stream in TAKES_S]
    each = [apart_s(stream) + LONGEST_S + SLACK_S for stream in line]
    bound = PATIENCE_S + DEEP * sum(each) + (apart_s("huge") if line else 0.0) + LONGEST_S + SLACK_S
    waited = toy.run_until(lambda: "huge" in toy.launched, bound + 1.0, lambda: crowd(toy, *streams))
    assert waited <= bound


@pytest.mark.parametrize("lower", ["usual", "tiny", "huge"])
def test_a_lower_tier_moves_under_a_standing_overload_from_above(lower: str) -> None:
    """One run at a time: one for each time that the door is shut for, and for room to come free."""
    toy = Toy(BOOK, {"": (4.0, 8 * GIB)})
    toy.run(5400.0, lambda: crowd(toy, "urgent", lower))
    went = sum(run.startswith(lower) for run in toy.launched)
    assert went >= (5400.0 - PATIENCE_S) // (apart_s(lower) + 60.0 + SLACK_S)


def test_overdue_work_leaves_the_tiers_above_most_of_the_machine() -> None:
    """A backlog of huge runs that all waited too long takes its place for one part in so many of the time."""
    toy = Toy(BOOK, {"": (4.0, 8 * GIB)})
    toy.run(5400.0, lambda: crowd(toy, "urgent", "huge"))
    urgent = sum(run.startswith("urgent") for run in toy.launched)
    room_for = 3 * 5400.0 / (60.0 + TUNING.launch_s + 5.0)
    assert urgent >= (1 - 1 / TUNING.starvation_spacing) * room_for


def test_only_the_oldest_of_all_that_waited_too_long_stands_before_the_line() -> None:
    """And none does while one that went so is active."""
    runs = [
        {"run": "urgent", "policy": "urgent"},
        {"run": "young", "policy": "tiny", "waited": "11m"},
        {"run": "old", "policy": "usual", "waited": "12m"},
    ]
    decided = plan(snapshot_of(queued=runs), BOOK)
    assert [each.runs[0].run_id for each in decided.admitted()] == ["old", "urgent", "young"]
    first = next(decided.admitted())
    assert [reason.code for reason in first.reasons] == [ReasonCode.WAITED, ReasonCode.FITS]
    gone = {"run": "a", "policy": "tiny", "launched": "1m", "submitted": "15m"}
    again = plan(snapshot_of(queued=runs, active=[gone]), BOOK)
    assert [each.runs[0].run_id for each in again.admitted()] == ["urgent", "old", "young"]


def test_one_that_overtook_an_older_run_does_not_hold_it_back() -> None:
    """Under a standing overload every run waits beyond its patience, and small ones go in the gaps."""
    small = {"run": "a", "policy": "tiny", "launched": "1m", "submitted": "12m"}
    runs = [{"run": "urgent", "policy": "urgent"}, {"run": "old", "policy": "usual", "waited": "15m"}]
    decided = plan(snapshot_of(queued=runs, active=[small]), BOOK)
    assert [each.runs[0].run_id for each in decided.admitted()] == ["old", "urgent"]


def test_time_that_a_policy_itself_makes_its_runs_wait_is_not_the_lines() -> None:
    """Three hours for data, of which the policy allowed three, are no wait in line."""
    book = book_of(
        {
            "tiers": [{"name": "critical"}, {"name": "batch", "patience": "1h"}],
            "policies": [
                {"name": "urgent", "tier": "critical"},
                {"name": "reader", "gates": {"checks": "pass", "wait_at_most": "3h", "then": "launch"}},
            ],
        }
    )
    queued: list[dict[str, object]] = [
        {"run": "urgent", "policy": "urgent"},
        {"run": "r", "policy": "reader", "reads": ["a"], "waited": "3h"},
    ]
    data = {"a": {"checks": "fail"}}
    decided = plan(snapshot_of(queued=queued, data=data), book)
    assert [each.runs[0].run_id for each in decided.admitted()] == ["urgent", "r"]
    queued[1]["waited"] = "4h"
    decided = plan(snapshot_of(queued=queued, data=data), book)
    assert [each.runs[0].run_id for each in decided.admitted()] == ["r", "urgent"]


def test_what_stands_before_the_line_is_let_past_by_no_other_tier() -> None:
    """Its reserved start holds against the highest tier as well, rungs included."""
    active = [{"run": "a", "policy": "usual", "launched": "30s", "memory_used": "1GiB", "cpu_used": 1}]
    machine = {"cpu_used": 1, "memory_used": "1GiB"}
    queued = [
        {"run": "old", "policy": "huge", "waited": "11m"},
        {"run": "long", "policy": "usual"},
        {"run": "late", "policy": "hurried", "waited": "50s"},
    ]
    decided = plan(snapshot_of(machine=machine, queued=queued, active=active), BOOK).by_run()
    assert decided["old"].verdict is Verdict.DEFER
    assert decided["long"].verdict is Verdict.DEFER
    assert decided["late"].verdict is Verdict.DEGRADE, "it ends before the reserved start"


def test_nobody_passes_an_overdue_run_because_of_its_cpu_weight() -> None:
    """Higher tiers do not yield the CPU to it, so what they take of it is taken from it."""
    book = book_of(
        {
            "policies": [
                {"name": "soon", "tier": "standard", "estimate": {"cpu": 1.5, "duration": "1h"}},
                {"name": "late", "tier": "standard", "estimate": {"cpu": 2, "duration": "9h"}},
                {"name": "light", "tier": "standard", "estimate": {"cpu": 1, "duration": "9h"}},
                {"name": "nightly", "tier": "batch", "estimate": {"cpu": 2}},
            ]
        }
    )
    active = [
        {"run": name, "policy": name, "launched": "10m", "started": "10m", "cpu_used": 1}
        for name in ("soon", "late")
    ]
    queued = [{"run": "old", "policy": "nightly", "waited": "3h"}, {"run": "new", "policy": "light"}]
    for weighted in (False, True):
        decided = plan(snapshot_of(weighted=weighted, active=active, queued=queued), book)
        reasons = {run_id: decision.reason.code for run_id, decision in decided.by_run().items()}
        assert reasons == {"old": ReasonCode.CPU, "new": ReasonCode.BEHIND}, f"{weighted=}"
        assert decided.starts == {"old": 3000.0}
