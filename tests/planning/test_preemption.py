"""Who gives way to whom, how, how often; and that all that gave way goes on."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given

from adaptive_assets.planning.decisions import ActiveDecision, Plan, Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.requests import is_evictable
from adaptive_assets.planning.snapshot import Action, ActiveRun, RunState, Snapshot
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook
from tests.planning.compact import book_of, snapshot_of
from tests.planning.forecast import Forecast, expected, rank_of
from tests.planning.strategies import UNHURRIED, books, snapshots
from tests.planning.toy import ALL, GIB, Toy

GIVES_WAY = {
    Verdict.SUSPEND: Action.SUSPEND,
    Verdict.REQUEUE: Action.REQUEUE,
}
HARSH = {None: -1, "renice": -1, "suspend": 0, "requeue": 1}


def moved(decided: Plan) -> Iterator[tuple[ActiveDecision, ActiveRun]]:
    """The active runs that must give way."""
    for decision in decided.running:
        if decision.verdict in GIVES_WAY:
            yield decision, decision.runs[0]


@UNHURRIED
@given(books(), snapshots(busy=2))
def test_a_run_gives_way_only_as_its_launcher_and_its_tier_allow(
    book: PolicyBook, snapshot: Snapshot
) -> None:
    """Not too often, not while held, only to a tier that preempts its own, no more harshly than agreed."""
    decided = plan(snapshot, book)
    waiting = {
        book.policy(decision.work.policy).tier
        for decision in decided.decisions
        if decision.verdict is Verdict.DEFER
    }
    for decision, run in moved(decided):
        policy = book.policy(run.work.policy)
        tier = book.tiers[book.rank(policy.tier)]
        action = GIVES_WAY[decision.verdict]
        assert action in run.actions
        assert run.state is not RunState.LEAVING
        if decision.reason.code is ReasonCode.MEMORY_RUNS_OUT:
            assert run.preempted < TUNING.preempted_at_most
            assert policy.opportunity or tier.preemption == "requeue"
            continue
        assert decision.reason.code is ReasonCode.GIVES_WAY
        assert not (decision.verdict is not Verdict.REQUEUE and run.state is RunState.SUSPENDED)
        to = str(decision.reason.numbers["tier"])
        assert to in waiting
        if policy.opportunity:
            continue
        assert run.preempted < TUNING.preempted_at_most
        assert run.acted_at is None or snapshot.at - run.acted_at >= TUNING.hold_s
        assert policy.tier in book.tiers[book.rank(to)].preempts
        assert list(Action).index(action) <= HARSH[tier.preemption]


@UNHURRIED
@given(books(), snapshots(busy=1))
def test_what_gives_way_is_not_free_before_it_is_free(book: PolicyBook, snapshot: Snapshot) -> None:
    """The queue is decided as if nothing gave way.

    What can be made to leave still counts as such: it is left alone because it was changed just now.
    """
    evictable = [run for run in snapshot.active if is_evictable(run, book, (), TUNING)]
    assume(all(run.state is RunState.RUNNING for run in evictable))
    decided = plan(snapshot, book)
    left_alone = tuple(
        replace(run, acted_at=snapshot.at)
        if run in evictable
        else replace(run, preempted=TUNING.preempted_at_most)
        for run in snapshot.active
    )
    assert plan(replace(snapshot, active=left_alone), book).decisions == decided.decisions


def was_stopped_too_long_ago(run: ActiveRun, snapshot: Snapshot, book: PolicyBook) -> bool:
    """Whether it is work ahead that leaves because it would hold its memory for nothing."""
    stopped_s = snapshot.at - (run.acted_at or snapshot.at)
    ahead = book.policy(run.work.policy).opportunity
    return ahead and run.state is RunState.SUSPENDED and stopped_s >= TUNING.suspended_at_most_s


@UNHURRIED
@given(books(), snapshots(busy=2, alone=True))
def test_nobody_gives_way_for_too_little(book: PolicyBook, snapshot: Snapshot) -> None:
    """Without all that gives way, and what is leaving already, some run that waits would fit.

    Work ahead that was stopped too long ago leaves in any case.
    """
    decided = plan(snapshot, book)
    told = {
        run.run_id: decision.verdict
        for decision, run in moved(decided)
        if decision.reason.code is ReasonCode.GIVES_WAY and not was_stopped_too_long_ago(run, snapshot, book)
    }
    if not told or snapshot.machine is None:
        return
    load = Forecast(snapshot, book)
    for admitted in decided.admitted():
        load.take(admitted.runs[0], admitted.mode, admitted.node)
    machine = load.machines[""]
    bytes_freed = 0.0
    for run in snapshot.active:
        taken = expected(run, run.mode, snapshot, book)
        going = run.state is RunState.LEAVING or told.get(run.run_id) is Verdict.REQUEUE
        if going:
            bytes_freed += max(taken.memory, run.memory_used or 0)
        if going or run.run_id in told:
            machine.ours.append((rank_of(book.policy(run.work.policy), book), -taken.cpu))
    needy = {decision.reason.numbers.get("to") for decision, _ in moved(decided)}
    waiting = [
        (decision.runs[0], mode, rank_of(book.policy(decision.work.policy), book))
        for decision in decided.decisions
        if decision.verdict is Verdict.DEFER and decision.work.name in needy
        for mode in ("full", *(rung.mode for rung in book.policy(decision.work.policy).degrade))
    ]
    assert any(
        machine.peak(taken) - bytes_freed <= machine.most_memory + 1 and machine.has_cores(taken, rank)
        for taken, rank in ((expected(run, mode, snapshot, book), rank) for run, mode, rank in waiting)
    )


def test_mild_where_cpu_is_short_and_hard_where_memory_is() -> None:
    """A suspended run still holds its memory."""
    book = book_of(
        {
            "guards": {"cpu": "85%"},
            "tiers": [
                {"name": "critical", "preempts": ["batch"]},
                {"name": "batch", "preemption": "requeue"},
            ],
            "policies": [
                {"name": "urgent", "tier": "critical",
                 "estimate": {"cpu": 1, "memory": "2GiB", "duration": "10m"}},
                {"name": "late", "estimate": {"cpu": 4, "memory": "5GiB", "duration": "2h"}},
            ],
        }
    )  # fmt: skip
    late = {"run": "a", "policy": "late", "started": "1m", "actions": list(ALL)}
    for used, verdict in (
        ({"cpu_used": 3.4, "memory_used": "1GiB"}, Verdict.SUSPEND),
        ({"cpu_used": 1.0, "memory_used": "5GiB"}, Verdict.REQUEUE),
    ):
        estimate = {"memory": used["memory_used"], "cpu": 3.4, "duration": "2h"}
        snapshot = snapshot_of(
            machine=used,
            active=[{**late, **used, "estimate": estimate}],
            queued=[{"run": "q", "policy": "urgent"}],
        )
        (decision,) = plan(snapshot, book).running
        assert decision.verdict is verdict


def test_the_next_action_is_taken_where_the_milder_is_not_to_be_had() -> None:
    """Of what the launcher supports, and its tier has agreed to."""
    for able, agreed, verdict in (
        (list(ALL), "renice", Verdict.KEEP),
        (list(ALL), "suspend", Verdict.SUSPEND),
        (["suspend", "requeue"], "requeue", Verdict.SUSPEND),
        (["suspend", "requeue"], "renice", Verdict.KEEP),
        (["requeue"], "requeue", Verdict.REQUEUE),
        (["requeue"], "suspend", Verdict.KEEP),
        ([], "requeue", Verdict.KEEP),
    ):
        book = book_of(
            {
                "guards": {"cpu": "85%"},
                "tiers": [
                    {"name": "critical", "preempts": ["batch"]},
                    {"name": "batch", "preemption": agreed},
                ],
                "policies": [{"name": "urgent", "tier": "critical"}, {"name": "late"}],
            }
        )
        active = {
            "run": "a", "policy": "late", "started": "16s", "actions": able, "cpu_used": 3.4,
            "estimate": {"duration": "2h", "cpu": 3.4},
        }  # fmt: skip
        snapshot = snapshot_of(
            machine={"cpu_used": 3.4}, active=[active], queued=[{"run": "q", "policy": "urgent"}]
        )
        (decision,) = plan(snapshot, book).running
        assert decision.verdict is verdict, (able, agreed)


THREE = {
    "guards": {"cpu": "85%"},
    "tiers": [
        {"name": "critical", "preempts": ["standard", "batch"]},
        {"name": "standard", "preempts": ["batch"], "preemption": "suspend"},
        {"name": "batch", "preemption": "requeue"},
    ],
    "policies": [
        {"name": "urgent", "tier": "critical", "estimate": {"cpu": 1.7, "memory": "1GiB", "duration": "1m"}},
        {"name": "large", "tier": "critical", "estimate": {"cpu": 1, "memory": "4GiB", "duration": "1m"}},
        {"name": "usual", "tier": "standard", "estimate": {"cpu": 1.7, "memory": "1GiB", "duration": "15m"}},
        {"name": "late", "tier": "batch", "estimate": {"cpu": 1.7, "memory": "3GiB", "duration": "20m"}},
        {"name": "ahead", "tier": "batch", "opportunity": True,
         "estimate": {"cpu": 1, "memory": "2GiB", "duration": "30m"}},
    ],
}  # fmt: skip


def test_the_cheapest_gives_way() -> None:
    """The lower tier before the higher, who lost less before who lost more, and no more than it takes."""
    book = book_of(THREE)
    actives = [
        {"run": "old", "policy": "late", "started": "15m"},
        {"run": "young", "policy": "late", "started": "1m"},
        {"run": "usual", "policy": "usual", "started": "1m"},
    ]
    taken = {"cpu_used": 0.1, "memory_used": "2GiB", "actions": list(ALL)}
    expected = {"cpu": 0.1, "memory": "3GiB", "duration": "20m"}
    active = [{**run, **taken, "estimate": expected} for run in actives]
    decided = plan(
        snapshot_of(
            machine={"memory_used": "6GiB"}, active=active, queued=[{"run": "q", "policy": "urgent"}]
        ),
        book,
    )
    assert [(run.run_id, decision.verdict) for decision, run in moved(decided)] == [
        ("young", Verdict.REQUEUE)
    ]


def endless(toy: Toy, policy: str, deep: int) -> None:
    """Keep so many runs of ``policy`` waiting."""
    while toy.waiting(policy) < deep:
        toy.submit(policy, f"{policy}-{toy.at:.0f}-{toy.waiting(policy)}")


@pytest.mark.parametrize("victim", ["usual", "late", "ahead"])
@pytest.mark.parametrize("pressing", ["urgent", "large"])
@pytest.mark.parametrize("able", [ALL, (Action.SUSPEND,), (Action.SUSPEND, Action.REQUEUE)], ids=len)
def test_what_gave_way_goes_on_in_bounded_time(victim: str, pressing: str, able: tuple[Action, ...]) -> None:
    """Under a stream from above that never ends: nothing is stopped for longer than the limit and a cycle.

    Then it goes on, or leaves if it is work ahead; which stays stopped only where it cannot be requeued.
    """
    toy = Toy(book_of(THREE), {"": (4.0, 8 * GIB)}, actions=able)
    toy.submit(victim, "victim1")
    toy.submit(victim, "victim2")
    toy.run(60.0)
    stopped: dict[str, float] = {}
    longest = 0.0
    until = toy.at + 7200.0
    while toy.at < until:
        if pressing == "large":
            endless(toy, "large", 2)
        endless(toy, "urgent", 3)
        toy.cycle()
        for run in toy.active.values():
            if run.state is RunState.SUSPENDED:
                stopped.setdefault(run.run_id, toy.at)
                longest = max(longest, toy.at - stopped[run.run_id])
            else:
                stopped.pop(run.run_id, None)
    assert longest <= TUNING.suspended_at_most_s + 2 * toy.cycle_s or (
        victim == "ahead" and Action.REQUEUE not in able
    )
    if victim != "ahead":
        for history in toy.history.values():
            assert_left_alone_often_enough(history)


def assert_left_alone_often_enough(history: list[tuple[float, Verdict]]) -> None:
    """No more than so many times in all; and after each, a hold, except for a launch of its own."""
    assert sum(verdict in GIVES_WAY for _, verdict in history) <= TUNING.preempted_at_most
    for (earlier, before), (later, after) in pairwise(history):
        assert before.admits or after.admits or later - earlier >= TUNING.hold_s


def test_a_run_is_put_back_into_the_queue_so_often_and_no_more() -> None:
    """What it gave up in earlier launches counts; after that the ones above wait for it."""
    toy = Toy(book_of(THREE), {"": (4.0, 8 * GIB)}, actions=(Action.REQUEUE,))
    toy.submit("late", "victim")

    def press() -> None:
        victim = toy.active.get("victim")
        if victim is not None and victim.ran_s and not toy.waiting("large") and len(toy.active) == 1:
            toy.submit("large", f"large-{toy.at:.0f}")

    toy.run_until(lambda: "victim" in toy.ended, 4 * 3600.0, press)
    verdicts = [verdict for _, verdict in toy.history["victim"]]
    assert verdicts == [Verdict.LAUNCH, Verdict.REQUEUE] * TUNING.preempted_at_most + [Verdict.LAUNCH]
    assert "victim" in toy.ended
    waiting = [run.run_id for run in toy.queued]
    assert waiting == [run_id for run_id in toy.submitted if run_id not in toy.launched]
    assert len(waiting) == 1


def test_a_stopped_run_ends_when_nobody_presses_any_more() -> None:
    """It goes on as soon as there is room again, and loses nothing."""
    toy = Toy(book_of(THREE), {"": (4.0, 8 * GIB)}, actions=(Action.SUSPEND,))
    toy.submit("usual", "u1")
    toy.submit("usual", "u2")
    toy.run(60.0)
    toy.submit("urgent", "q1")
    toy.run(1200.0)
    assert "q1" in toy.ended
    assert {"u1", "u2"} <= toy.ended.keys()
    assert toy.launched["q1"] <= toy.submitted["q1"] + 4 * toy.cycle_s
    assert toy.ended["u1"] - toy.launched["u1"] <= 900.0 + TUNING.hold_s + 60.0 + 4 * (
        TUNING.launch_s + toy.cycle_s
    )


def test_work_ahead_leaves_at_once_when_real_work_comes() -> None:
    """Whatever its tier has agreed to, and although it was acted upon a moment ago."""
    book = book_of(THREE)
    ahead = {
        "run": "a", "policy": "ahead", "started": "1m", "cpu_used": 1, "memory_used": "2GiB",
        "actions": list(ALL), "acted": "5s", "preempted": 7,
    }  # fmt: skip
    late = {
        "run": "b", "policy": "late", "started": "1m", "cpu_used": 1, "memory_used": "3GiB",
        "estimate": {"cpu": 1, "memory": "3GiB", "duration": "20m"},
    }  # fmt: skip
    used = {"cpu_used": 2, "memory_used": "5GiB"}
    decided = plan(
        snapshot_of(machine=used, active=[ahead, late], queued=[{"run": "q", "policy": "late"}]), book
    )
    assert [(run.run_id, decision.verdict) for decision, run in moved(decided)] == [("a", Verdict.REQUEUE)]


def test_what_is_on_its_way_out_is_counted_on() -> None:
    """No second victim for the same need while the first one leaves, or was stopped a moment ago."""
    book = book_of(THREE)
    leaving = {
        "run": "a", "policy": "late", "started": "1m", "cpu_used": 1, "memory_used": "3GiB",
        "actions": list(ALL), "state": "leaving", "acted": "5s",
    }  # fmt: skip
    other = {"run": "b", "policy": "late", "started": "1m", "cpu_used": 1, "memory_used": "3GiB",
             "actions": list(ALL)}  # fmt: skip
    decided = plan(
        snapshot_of(
            machine={"cpu_used": 2, "memory_used": "6GiB"},
            active=[leaving, other],
            queued=[{"run": "q", "policy": "urgent"}],
        ),
        book,
    )
    assert not list(moved(decided))
    stopped = {
        "run": "a", "policy": "usual", "started": "9m", "cpu_used": 1.7, "memory_used": "1GiB",
        "actions": list(ALL), "state": "suspended", "acted": "5s",
    }  # fmt: skip
    other = {"run": "b", "policy": "usual", "started": "9m", "cpu_used": 1.7, "memory_used": "1GiB",
             "actions": list(ALL)}  # fmt: skip
    decided = plan(
        snapshot_of(
            machine={"cpu_used": 3.4, "memory_used": "2GiB"},
            active=[stopped, other],
            queued=[{"run": "q", "policy": "urgent"}],
        ),
        book,
    )
    assert not list(moved(decided))


def test_a_run_does_not_go_on_into_the_room_of_a_blocked_one() -> None:
    """It would have to give way again a minute later."""
    stopped = {
        "run": "a", "policy": "usual", "started": "5m", "cpu_used": 0, "memory_used": "1GiB",
        "estimate": {"cpu": 1, "duration": "1h"}, "actions": ["suspend"], "state": "suspended", "acted": "2m",
    }  # fmt: skip
    busy = {
        "run": "b", "policy": "urgent", "started": "30s", "cpu_used": 0.5, "memory_used": "1GiB",
        "estimate": {"cpu": 0.5, "memory": "1GiB", "duration": "1m"},
    }  # fmt: skip
    machine = {"cpu_used": 2, "memory_used": "2GiB"}
    waits = [{"run": "q", "policy": "urgent"}]
    decided = plan(snapshot_of(machine=machine, active=[stopped, busy], queued=waits), book_of(THREE))
    assert {decision.verdict for decision in decided.running} == {Verdict.KEEP}
    decided = plan(snapshot_of(machine=machine, active=[stopped, busy]), book_of(THREE))
    assert {decision.verdict for decision in decided.running} == {Verdict.KEEP, Verdict.RESUME}


def test_stopped_work_ahead_stays_stopped_while_real_work_is_blocked() -> None:
    """Although it delays no reserved start, and other work ahead may be queued: it runs in idle capacity."""
    stopped = {
        "run": "a", "policy": "ahead", "started": "9m", "cpu_used": 0, "memory_used": "1GiB",
        "actions": ["suspend"], "state": "suspended", "acted": "2m",
    }  # fmt: skip
    busy = {
        "run": "b", "policy": "urgent", "started": "30s", "cpu_used": 2, "memory_used": "1GiB",
        "estimate": {"cpu": 2, "memory": "1GiB", "duration": "1m"},
    }  # fmt: skip
    machine = {"cpu_used": 2, "memory_used": "2GiB"}
    waits, more = {"run": "q", "policy": "urgent"}, {"run": "r", "policy": "ahead"}
    book = book_of(THREE)
    for queued in ([waits], [waits, more]):
        decided = plan(snapshot_of(machine=machine, active=[stopped, busy], queued=queued), book)
        assert {decision.verdict for decision in decided.running} == {Verdict.KEEP}
    calm = {"cpu_used": 0, "memory_used": "1GiB"}
    decided = plan(snapshot_of(machine=calm, active=[stopped]), book)
    assert {decision.verdict for decision in decided.running} == {Verdict.RESUME}


def test_work_ahead_that_was_stopped_too_long_ago_leaves() -> None:
    """While anyone else waits it would hold its memory for nothing; if it cannot leave, it stays stopped."""
    stopped = {
        "run": "a", "policy": "ahead", "started": "30m", "cpu_used": 0, "memory_used": "1GiB",
        "state": "suspended",
    }  # fmt: skip
    busy = {
        "run": "b", "policy": "urgent", "started": "30s", "cpu_used": 2, "memory_used": "1GiB",
        "estimate": {"cpu": 2, "memory": "1GiB", "duration": "1m"},
    }  # fmt: skip
    book = book_of(THREE)
    for able, ago, verdict in (
        (["suspend", "requeue"], TUNING.suspended_at_most_s, Verdict.REQUEUE),
        (["suspend", "requeue"], TUNING.suspended_at_most_s - 1, Verdict.KEEP),
        (["suspend"], 10 * TUNING.suspended_at_most_s, Verdict.KEEP),
    ):
        decided = plan(
            snapshot_of(
                machine={"cpu_used": 2, "memory_used": "2GiB"},
                active=[{**stopped, "actions": able, "acted": f"{ago:g}s"}, busy],
                queued=[{"run": "q", "policy": "urgent"}],
            ),
            book,
        )
        told = {run.run_id: decision.verdict for decision in decided.running for run in decision.runs}
        assert told == {"a": verdict, "b": Verdict.KEEP}
