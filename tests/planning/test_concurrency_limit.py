"""The adaptive limit on runs at once: it finds what the machine serves, and stays there."""

from dataclasses import replace
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_assets.planning.concurrency_state import ConcurrencyLimit
from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.snapshot import MachineReading, Pressure, Snapshot
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook
from tests.planning.compact import book_of, snapshot_of
from tests.planning.strategies import UNHURRIED, books, snapshots

NOW = snapshot_of()
RUNS = snapshot_of(active=[{"run": f"a{n}"} for n in range(300)]).active


def moved(limit: float, slowdown: float | None, running: int) -> float:
    """The limit after one plan with nobody waiting and so many active."""
    before = ConcurrencyLimit(limit, NOW.at - 3600.0)
    snapshot = replace(NOW, active=RUNS[:running], slowdown=slowdown, pace=before)
    after = plan(snapshot, book_of()).pace
    assert after is not None
    return after.limit


@UNHURRIED
@given(books(), snapshots(busy=2))
def test_the_pace_moves_slowly_and_never_grows_unused(book: PolicyBook, snapshot: Snapshot) -> None:
    """Not within its interval; not up while a fifth of it is free or runs are slow; down by half at most."""
    decided = plan(snapshot, book)
    if not book.guards.adaptive:
        return
    after, before = decided.pace, snapshot.pace
    assert after is not None
    assert after.limit >= 1.0 or (before is not None and after.limit == before.limit)
    if before is None:
        assert after.at == snapshot.at
        return
    if snapshot.at - before.at < TUNING.limit_every_s:
        assert (after.limit, after.at) == (before.limit, before.at)
        return
    running = len(snapshot.active) + sum(1 for _ in decided.admitted())
    slow = snapshot.slowdown is not None and snapshot.slowdown > TUNING.limit_tolerance
    if slow:
        assert max(1.0, 0.5 * min(before.limit, running)) <= max(after.limit, 1.0)
        assert after.limit <= max(1.0, before.limit)
    elif running < 0.8 * before.limit:
        assert after.limit <= before.limit


@pytest.mark.parametrize("first", [1.0, 16.0, 200.0])
@pytest.mark.parametrize(("knee", "late_s"), [(4, 1), (40, 1), (4, 60), (40, 60), (4, 240), (40, 240)])
def test_it_finds_the_knee_and_stays_near_it(knee: int, late_s: int, first: float) -> None:
    """In a plant that slows its runs down beyond ``knee`` at once, which shows when runs end.

    Then it probes no more than one step beyond what is served in time, and is never far below it.
    """
    book = book_of({"default": {"estimate": {"duration": f"{late_s}s", "cpu": 0, "memory": "1B"}}})
    runs = snapshot_of(active=[{"run": f"a{n}", "started": "1m"} for n in range(200)]).active
    cycle_s = min(60, max(TUNING.limit_every_s, late_s))
    pace, past, seen = ConcurrencyLimit(first, NOW.at), [], []
    for cycle in range(1, 601):
        running = min(200, max(1, int(pace.limit)))
        past.append(max(1.0, running / knee))
        slowdown = past[max(0, len(past) - 1 - int(late_s // cycle_s))]
        at = NOW.at + cycle_s * cycle
        decided = plan(replace(NOW, at=at, active=runs[:running], slowdown=slowdown, pace=pace), book)
        assert decided.pace is not None
        pace = decided.pace
        seen.append(pace.limit)
    settled = seen[2 * len(seen) // 3 :]
    served = TUNING.limit_tolerance * knee
    assert max(settled) <= served + 1 + sqrt(served + 1)
    assert min(settled) >= 0.9 * served


def test_it_takes_no_step_before_the_one_before_it_can_show() -> None:
    """Twice the time that the active runs take now, as far as a quarter of an hour."""
    book = book_of({"default": {"estimate": {"duration": "1m", "cpu": 0, "memory": "1B"}}})
    for slowdown, shows_s in ((None, 120.0), (1.0, 120.0), (2.0, 240.0), (50.0, 900.0)):
        for ago, steps in ((shows_s - 1.0, False), (shows_s, True)):
            before = ConcurrencyLimit(16.0, NOW.at - ago)
            after = plan(replace(NOW, active=RUNS[:16], slowdown=slowdown, pace=before), book).pace
            assert (after != before) is steps


def test_it_is_not_lowered_where_no_task_waits() -> None:
    """Then work that takes longer was misjudged; pressure that is not known is no proof."""
    calm, strained = Pressure(cpu=TUNING.limit_calm, io=0.0), Pressure(cpu=0.0, io=2 * TUNING.limit_calm)
    for pressure, lower in ((calm, False), (strained, True), (Pressure(), True)):
        machine = MachineReading(NOW.at, 4.0, 1.0, 2**33, 0, pressure)
        before = ConcurrencyLimit(16.0, NOW.at - 3600.0)
        snapshot = replace(NOW, machine=machine, active=RUNS[:16], slowdown=4.0, pace=before)
        after = plan(snapshot, book_of()).pace
        assert after is not None
        assert (after.limit < 16.0) is lower


def test_it_says_nothing_where_the_queue_is_short() -> None:
    """A limit that is never reached is neither good nor bad, so it stays as it is."""
    assert moved(16.0, 1.0, running=5) == 16.0
    assert moved(16.0, None, running=12) == 16.0
    assert moved(16.0, 1.0, running=16) > 16.0


@given(st.floats(1.0, 500.0), st.floats(1.51, 50.0), st.integers(0, 300))
@settings(max_examples=50, deadline=None)
def test_one_step_down_is_a_small_one(limit: float, slowdown: float, running: int) -> None:
    """What was slow for a moment is no trend: from where the load is, no more than a sixth."""
    after = moved(limit, slowdown, running)
    assert 0.84 * min(limit, max(1.0, running)) <= after <= limit


def test_runs_beyond_the_pace_wait_and_say_so() -> None:
    """Those that are active count, and those that go now."""
    queued = [{"run": f"r{n}"} for n in range(3)]
    snapshot = replace(snapshot_of(queued=queued, active=[{"run": "a"}]), pace=ConcurrencyLimit(2.9, 0.0))
    decided = plan(snapshot, book_of()).by_run()
    assert [decided[f"r{n}"].verdict for n in range(3)] == [Verdict.LAUNCH, Verdict.DEFER, Verdict.DEFER]
    assert decided["r1"].reason.code is ReasonCode.ADAPTIVE_CONCURRENCY
    off = plan(snapshot, book_of({"guards": {"adaptive": False}}))
    assert all(decision.verdict is Verdict.LAUNCH for decision in off.decisions)


def test_a_ramp_lets_so_many_start_in_so_much_time() -> None:
    """After a surge as well as in it: those that were launched a moment ago count."""
    book = book_of({"guards": {"ramp": {"runs": 3, "every": "1m"}}})
    queued = [{"run": f"r{n}"} for n in range(5)]
    just, before = {"run": "a", "launched": "59s"}, {"run": "b", "launched": "60s"}
    decided = plan(snapshot_of(queued=queued, active=[just, before]), book)
    assert sum(1 for _ in decided.admitted()) == 2
    assert decided.by_run()["r4"].reason.code is ReasonCode.RAMP
