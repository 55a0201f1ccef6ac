"""What holds of every plan, whatever the policies, the queue and the machine.

The rules are written down here a second time, from what the documentation promises and not from how the
planner goes about it.
"""

import random
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from adaptive_assets.ledger.codec import decode, encode, pack, unpack
from adaptive_assets.planning.demand import Demand, demand_of
from adaptive_assets.planning.plan import HELD_BACK_PASSES, TRICKLE_S, plan
from adaptive_assets.planning.promise import LAUNCH_S, LOOKAHEAD_S
from adaptive_assets.planning.host import SETTLING_S, WIDEST
from adaptive_assets.planning.snapshot import CheckState, Freshness, QueuedRun, Snapshot, Work
from adaptive_assets.planning.verdicts import Decision, Plan, ReasonCode, Verdict
from adaptive_assets.policy import Policy, PolicyBook
from tests.planning.compact import book_of, snapshot_of
from tests.planning.strategies import UNHURRIED, books, snapshots

GATE_CODES = {
    ReasonCode.DATA_MISSING,
    ReasonCode.DATA_STALE,
    ReasonCode.FRESHNESS_NOT_EVALUATED,
    ReasonCode.CHECK_FAILED,
    ReasonCode.CHECK_NOT_EVALUATED,
    ReasonCode.DATA_DEGRADED,
}
BLOCKING = GATE_CODES | {
    ReasonCode.NEVER_FITS,
    ReasonCode.OUTSIDE_WINDOW,
    ReasonCode.NO_READING,
    ReasonCode.MEMORY,
    ReasonCode.CPU,
    ReasonCode.PRESSURE,
    ReasonCode.CONCURRENCY,
    ReasonCode.BEHIND,
}
ORDER = list(ReasonCode)
SLIVER = 1e-9
"""Cores: sums of fractions differ in their last digits by the order of adding."""


# The rules, written a second time.


def closed_gates(book: PolicyBook, work: Work, snapshot: Snapshot) -> set[ReasonCode]:
    """The codes of the gates that are closed for ``work``."""
    gates = book.policy(work.policy).gates
    codes: set[ReasonCode] = set()
    if gates.fresh is None and gates.checks is None and gates.accept_degraded:
        return codes
    fresh = {Freshness.PASS, Freshness.NO_POLICY} | ({Freshness.WARN} if gates.fresh == "warn" else set())
    sound = {CheckState.PASS, CheckState.NO_CHECKS} | ({CheckState.WARN} if gates.checks == "warn" else set())
    for asset in work.reads:
        state = snapshot.data.get(asset)
        if state is not None and state.source:
            continue
        if state is None or state.materialized_at is None:
            codes.add(ReasonCode.DATA_MISSING)
            continue
        if gates.fresh and state.freshness is Freshness.NOT_EVALUATED:
            codes.add(ReasonCode.FRESHNESS_NOT_EVALUATED)
        elif gates.fresh and state.freshness not in fresh:
            codes.add(ReasonCode.DATA_STALE)
        if gates.checks and (state.checks is CheckState.NOT_EVALUATED or state.checks_missing):
            codes.add(ReasonCode.CHECK_NOT_EVALUATED)
        if gates.checks and state.checks not in sound | {CheckState.NOT_EVALUATED}:
            codes.add(ReasonCode.CHECK_FAILED)
        if not gates.accept_degraded and state.mode != "full":
            codes.add(ReasonCode.DATA_DEGRADED)
    return codes


def endangered(policy: Policy, run: QueuedRun, at: float) -> bool:
    """Whether full mode can wait no longer."""
    if policy.objective is None or policy.objective.deadline is None:
        return False
    latest = run.submitted_at + policy.objective.deadline - LAUNCH_S - demand_of(policy, "full").duration
    return latest - at < LOOKAHEAD_S


class Load:
    """What is used and promised: live, shadow, and what the plan has admitted so far."""

    def __init__(self, snapshot: Snapshot, book: PolicyBook) -> None:
        limits = [limit for limit in (snapshot.run_limit, book.guards.concurrency) if limit is not None]
        self.machine, self.guards, self.limit = snapshot.machine, book.guards, min(limits, default=None)
        self.runs = len(snapshot.active)
        self.cpu = self.machine.cpu_used if self.machine else 0.0
        self.memory = self.machine.memory_used if self.machine else 0
        for run in snapshot.active:
            demand = demand_of(book.policy(run.work.policy), run.mode)
            settling = run.started_at is None or snapshot.at - run.started_at < SETTLING_S
            if settling:
                self.cpu += max(0.0, min(demand.cpu, self.most_cpu) - (run.cpu_used or 0.0))
            if run.memory_used is not None or settling:
                self.memory += max(0, demand.memory - (run.memory_used or 0))

    @property
    def most_cpu(self) -> float:
        """The cores that the guard leaves of the whole machine."""
        return self.machine.cpu_capacity * self.guards.cpu if self.machine else float("inf")

    @property
    def most_memory(self) -> float:
        """The bytes that the guard leaves of the whole machine."""
        return self.machine.memory_capacity * self.guards.memory if self.machine else float("inf")

    def has_memory(self, demand: Demand) -> bool:
        """Whether the memory guard holds with one more run."""
        return self.memory + demand.memory <= self.most_memory

    def has_cpu(self, demand: Demand) -> bool:
        """Whether the CPU guard and all pressure guards hold with one more run, as far as it insists."""
        if self.machine is None:
            return True
        pressure, guards = self.machine.pressure, self.guards.pressure
        calm = all(
            now is None or guard is None or now <= guard
            for now, guard in (
                (pressure.cpu, guards.cpu),
                (pressure.memory, guards.memory),
                (pressure.io, guards.io),
            )
        )
        insists = min(demand.cpu, self.most_cpu * WIDEST)
        return calm and (not insists or self.cpu + insists <= self.most_cpu + SLIVER)

    def has_slot(self) -> bool:
        """Whether one more run may be active; without reading and limit, it goes alone."""
        if self.limit is None:
            return self.machine is not None or self.runs == 0
        return self.runs < self.limit

    def take(self, run: QueuedRun, demand: Demand) -> None:
        """Count a run, unless a pool holds it back."""
        if run.passes < HELD_BACK_PASSES:
            self.runs += 1
            self.cpu += min(demand.cpu, self.most_cpu)
            self.memory += demand.memory


def codes(decision: Decision) -> list[ReasonCode]:
    """The codes of its reasons."""
    return [reason.code for reason in decision.reasons]


def deferrals(decided: Plan) -> list[Decision]:
    """The decisions by which runs wait."""
    return [decision for decision in decided.decisions if decision.verdict is Verdict.DEFER]


# What holds of every plan.


@UNHURRIED
@given(books(), snapshots())
def test_the_same_snapshot_gives_the_same_plan(book: PolicyBook, snapshot: Snapshot) -> None:
    """Also after the snapshot was written to the ledger and read back, and under a book that was."""
    decided = plan(snapshot, book)
    assert plan(snapshot, book) == decided
    recalled = decode(Snapshot, unpack(pack(encode(snapshot))))
    assert recalled == snapshot
    again = PolicyBook.model_validate_json(book.content())
    assert plan(recalled, again) == decided


@UNHURRIED
@given(books(), snapshots(), st.randoms(use_true_random=False))
def test_the_order_of_the_queue_does_not_matter(
    book: PolicyBook, snapshot: Snapshot, shuffled: random.Random
) -> None:
    """The plan orders the runs itself; decisions come out in the same order too."""
    queued, active = list(snapshot.queued), list(snapshot.active)
    shuffled.shuffle(queued)
    shuffled.shuffle(active)
    assert plan(replace(snapshot, queued=tuple(queued)), book) == plan(snapshot, book)


@UNHURRIED
@given(books(), snapshots())
def test_every_run_has_one_decision(book: PolicyBook, snapshot: Snapshot) -> None:
    """None is forgotten, none is decided twice, and each decision is on runs of its own kind and tier."""
    decided = plan(snapshot, book)
    runs = [run.run_id for decision in decided.decisions for run in decision.runs]
    assert sorted(runs) == sorted(run.run_id for run in snapshot.queued)
    for decision in decided.decisions:
        assert decision.runs
        assert all(run.work == decision.work for run in decision.runs)
        assert decision.tier == book.policy(decision.work.policy).tier
        assert decision.verdict is Verdict.DEFER or len(decision.runs) == 1


@UNHURRIED
@given(books(), snapshots())
def test_guards_hold(book: PolicyBook, snapshot: Snapshot) -> None:
    """Memory and the run limit are never exceeded by what the planner itself predicts.

    CPU and pressure only by a rung that was forced for a deadline, or by one run alone after two minutes; and
    a reason says that something fits exactly when it does.
    """
    load = Load(snapshot, book)
    for decision in plan(snapshot, book).admitted():
        (run,) = decision.runs
        policy = book.policy(run.work.policy)
        demand = demand_of(policy, decision.mode)
        assert load.has_memory(demand)
        assert load.has_slot()
        fits = load.has_cpu(demand)
        assert (ReasonCode.FITS in codes(decision)) == fits
        if not fits and ReasonCode.FORCED in codes(decision):
            assert decision.verdict is Verdict.DEGRADE
            assert endangered(policy, run, snapshot.at)
        elif not fits:
            assert load.runs == 0
            assert snapshot.at - run.submitted_at >= TRICKLE_S
            assert ReasonCode.WAITED in codes(decision)
        load.take(run, demand)


@UNHURRIED
@given(books(), snapshots())
def test_forced_rungs_leave_each_other_the_machine(book: PolicyBook, snapshot: Snapshot) -> None:
    """However many deadlines are in danger: below full mode no tier is forced to take more than the guard."""
    ceiling = Load(snapshot, book).most_cpu
    taken: list[tuple[int, float]] = [
        (book.rank(book.policy(run.work.policy).tier), _cpu(book, run.work, run.mode, ceiling))
        for run in snapshot.active
        if run.mode != "full"
    ]
    for decision in plan(snapshot, book).admitted():
        if decision.verdict is not Verdict.DEGRADE:
            continue
        rank, cpu = book.rank(decision.tier), _cpu(book, decision.work, decision.mode, ceiling)
        if ReasonCode.FORCED in codes(decision):
            assert sum(others for tier, others in taken if tier <= rank) + cpu <= ceiling + SLIVER
        if decision.runs[0].passes < HELD_BACK_PASSES:
            taken.append((rank, cpu))


def _cpu(book: PolicyBook, work: Work, mode: str, ceiling: float) -> float:
    return min(demand_of(book.policy(work.policy), mode).cpu, ceiling)


@UNHURRIED
@given(books(), snapshots())
def test_no_lower_tier_goes_while_a_higher_one_waits_for_room(book: PolicyBook, snapshot: Snapshot) -> None:
    """What waits for nothing but room, and could have it some day, is not overtaken from below.

    The one exception is a run that has waited for two minutes while nothing of ours is active: then only
    strangers can make room for it.
    """
    decided = plan(snapshot, book)
    load = Load(snapshot, book)
    lowest = max((book.rank(decision.tier) for decision in decided.admitted()), default=-1)
    for decision in deferrals(decided):
        policy = book.policy(decision.work.policy)
        modes = ["full", *(rung.mode for rung in policy.degrade if decision.work.degradable)]
        needs = [demand_of(policy, mode).memory for mode in modes]
        waits_for_data = set(codes(decision)) & (GATE_CODES | {ReasonCode.OUTSIDE_WINDOW})
        never = ReasonCode.NEVER_FITS in codes(decision) and min(needs) > load.most_memory
        alone = not snapshot.active and any(
            snapshot.at - run.submitted_at >= TRICKLE_S for run in decision.runs
        )
        if not waits_for_data and not never and not alone:
            assert lowest <= book.rank(decision.tier)


@UNHURRIED
@given(books(), snapshots())
def test_a_closed_gate_is_respected(book: PolicyBook, snapshot: Snapshot) -> None:
    """Before its patience is over, a run whose gate is closed waits, unless a deadline forces it to degrade.

    After it, the policy's word holds; and what was never evaluated counts as closed.
    """
    for decision in plan(snapshot, book).decisions:
        closed = closed_gates(book, decision.work, snapshot)
        policy = book.policy(decision.work.policy)
        gates = policy.gates
        for run in decision.runs:
            over = gates.wait_at_most is not None and snapshot.at - run.submitted_at >= gates.wait_at_most
            if decision.verdict is Verdict.FAIL:
                assert closed
                assert over
                assert gates.then == "fail"
            elif closed and decision.verdict.admits:
                hurried = gates.then == "degrade" and endangered(policy, run, snapshot.at)
                assert (over and gates.then != "fail") or hurried
                assert gates.then != "degrade" or decision.verdict is Verdict.DEGRADE
                assert decision.reason.code is ReasonCode.WAITED
                assert closed <= set(codes(decision))


@UNHURRIED
@given(books(), snapshots())
def test_hours_are_respected(book: PolicyBook, snapshot: Snapshot) -> None:
    """A run that goes outside its hours has waited long enough or has a deadline in danger, and says so."""
    for decision in plan(snapshot, book).admitted():
        (run,) = decision.runs
        policy = book.policy(run.work.policy)
        if ReasonCode.OUTSIDE_WINDOW in codes(decision):
            assert policy.window
            latest = policy.window.latest
            patient = latest is None or snapshot.at - run.submitted_at < latest
            assert not patient or endangered(policy, run, snapshot.at)
            assert decision.reason.code is ReasonCode.WAITED


@UNHURRIED
@given(books(), snapshots())
def test_a_deferral_names_every_rule_that_blocks(book: PolicyBook, snapshot: Snapshot) -> None:
    """At least one, those that can be told from outside all, and in the order of the codes."""
    decided = plan(snapshot, book)
    final = Load(snapshot, book)
    for decision in decided.admitted():
        final.take(decision.runs[0], demand_of(book.policy(decision.work.policy), decision.mode))
    for decision in deferrals(decided):
        said = codes(decision)
        assert set(said) & BLOCKING
        assert said == sorted(said, key=ORDER.index)
        policy = book.policy(decision.work.policy)
        full = demand_of(policy, "full")
        gates = policy.gates
        waits = any(
            gates.wait_at_most is None or snapshot.at - run.submitted_at < gates.wait_at_most
            for run in decision.runs
        )
        if waits or gates.then == "degrade":
            assert closed_gates(book, decision.work, snapshot) <= set(said)
        if full.memory > final.most_memory:
            assert ReasonCode.NEVER_FITS in said
            continue
        before = Load(snapshot, book)
        if not before.has_memory(full):
            assert ReasonCode.MEMORY in said
        if not before.has_cpu(full):
            assert {ReasonCode.CPU, ReasonCode.PRESSURE} & set(said)
        if not before.has_slot():
            assert {ReasonCode.CONCURRENCY, ReasonCode.NO_READING} & set(said)


@UNHURRIED
@given(books(), snapshots())
def test_only_rungs_of_the_ladder_are_taken(book: PolicyBook, snapshot: Snapshot) -> None:
    """And only by work that may: whose assets are all of the policy that promised them."""
    for decision in plan(snapshot, book).decisions:
        rungs = {rung.mode: rung for rung in book.policy(decision.work.policy).degrade}
        if decision.verdict is Verdict.DEGRADE:
            assert decision.work.degradable
            assert decision.parameters == rungs[decision.mode].parameters
        else:
            assert decision.mode == "full"
            assert not decision.parameters


@UNHURRIED
@given(books(), snapshots())
def test_a_run_is_not_overtaken_by_its_own_kind(book: PolicyBook, snapshot: Snapshot) -> None:
    """Of one kind, what was submitted earlier with the same priority or a higher one goes first."""
    by_run = plan(snapshot, book).by_run()
    for ahead in snapshot.queued:
        for after in snapshot.queued:
            first = ahead.submitted_at < after.submitted_at and ahead.priority >= after.priority
            if first and ahead.work == after.work and by_run[after.run_id].verdict.admits:
                assert by_run[ahead.run_id].verdict is not Verdict.DEFER


@UNHURRIED
@given(books(), snapshots())
def test_something_goes_on_an_idle_machine(book: PolicyBook, snapshot: Snapshot) -> None:
    """With nothing active and nothing in use, a run that waits for neither data nor hours goes, if it can."""
    idle = snapshot.machine and replace(snapshot.machine, cpu_used=0.0, memory_used=0)
    load = Load(replace(snapshot, active=(), machine=idle), book)
    assume(load.has_cpu(Demand(0.0, 0, 0.0)) and load.has_slot())
    decided = plan(replace(snapshot, active=(), machine=idle), book)
    fitting = [
        decision
        for decision in deferrals(decided)
        if not set(codes(decision)) & (GATE_CODES | {ReasonCode.OUTSIDE_WINDOW, ReasonCode.NEVER_FITS})
    ]
    assert not fitting or any(True for _ in decided.admitted())


@UNHURRIED
@given(books(), snapshots(busy=1), st.sampled_from(("cpu_used", "memory_used")), st.sampled_from((0.0, 0.5)))
def test_more_room_never_admits_fewer_without_ladders(
    book: PolicyBook, snapshot: Snapshot, resource: str, left: float
) -> None:
    """Where runs go in full or not at all, freeing CPU or memory never lowers the number of runs that go.

    With ladders it may (see below), and so it may when nothing of ours is active: then strangers decide.
    """
    assume(snapshot.machine is not None)
    assert snapshot.machine is not None
    full_only = replace(
        snapshot,
        queued=tuple(replace(run, work=replace(run.work, degradable=False)) for run in snapshot.queued),
    )
    used = getattr(snapshot.machine, resource)
    freer = replace(full_only, machine=replace(snapshot.machine, **{resource: type(used)(used * left)}))
    few, many = (
        [decision.runs[0].run_id for decision in plan(each, book).admitted()] for each in (full_only, freer)
    )
    assert set(few) <= set(many)


def test_more_room_may_admit_fewer_with_ladders() -> None:
    """Not promised, and why: full mode takes the room in which two hurried runs would have gone on rungs."""
    book = book_of(
        {
            "policies": [
                {"name": "large", "tier": "critical", "objective": {"deadline": "5m"},
                 "estimate": {"memory": "3GiB", "duration": "4m50s"}},
                {"name": "hurried", "tier": "critical", "objective": {"deadline": "70s"},
                 "degrade": [{"mode": "last_good"}]},
            ]
        }
    )  # fmt: skip
    queue = [
        {"run": "r1", "policy": "large"},
        {"run": "r2", "policy": "hurried"},
        {"run": "r3", "policy": "hurried"},
    ]
    more_room, less_room = (
        [
            (decision.runs[0].run_id, decision.mode)
            for decision in plan(
                snapshot_of(machine={"memory_used": used}, active=[{"run": "a1"}], queued=queue), book
            ).admitted()
        ]
        for used in ("3.25GiB", "3.5GiB")
    )
    assert more_room == [("r1", "full")]
    assert less_room == [("r2", "last_good"), ("r3", "last_good")]
