"""What holds of every plan, whatever the policies, the queue and the machine.

The rules are written down here a second time, from what the documentation promises and not from how the
planner goes about it.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from hypothesis import assume, example, given
from hypothesis import strategies as st

from adaptive_assets.ledger.codec import decode, encode, pack, unpack
from adaptive_assets.planning.decisions import Decision, Plan, Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.prices import price_of
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.snapshot import ActiveRun, CheckState, Freshness, QueuedRun, Snapshot, Work
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.planning.windows import opens_in
from adaptive_assets.policy import ChecksGate, Gates, PolicyBook, Stage
from adaptive_assets.policy.compositions import compositions
from tests.planning.compact import book_of, snapshot_of
from tests.planning.forecast import (
    SLIVER,
    Expected,
    Forecast,
    MachineForecast,
    expected,
    rank_of,
    whole_mode,
)
from tests.planning.strategies import NAMES, UNHURRIED, books, snapshots, staged

GATE_CODES = {
    ReasonCode.INPUTS_UNKNOWN,
    ReasonCode.DATA_MISSING,
    ReasonCode.DATA_STALE,
    ReasonCode.FRESHNESS_NOT_EVALUATED,
    ReasonCode.CHECK_FAILED,
    ReasonCode.CHECK_NOT_EVALUATED,
    ReasonCode.DATA_DEGRADED,
}
ROOM_CODES = {
    ReasonCode.NO_READING,
    ReasonCode.MEMORY,
    ReasonCode.CPU,
    ReasonCode.PRESSURE,
    ReasonCode.CONCURRENCY,
    ReasonCode.RAMP,
}
HOLDS_BACK = {ReasonCode.LOCATION_PAUSED, ReasonCode.POOL, ReasonCode.TAG_LIMIT}
WAITS_FOR_TIME = {ReasonCode.OUTSIDE_WINDOW, ReasonCode.PRICE}
BLOCKING = (
    GATE_CODES
    | HOLDS_BACK
    | ROOM_CODES
    | WAITS_FOR_TIME
    | {ReasonCode.NEVER_FITS, ReasonCode.BEHIND, ReasonCode.NOT_IDLE}
)
ORDER = list(ReasonCode)
WHOLE = {"full", "in_sequence"}
"""The modes in which nothing is left out."""


# The rules, written a second time.


def closed_gates(
    book: PolicyBook, run: QueuedRun, snapshot: Snapshot, but_for: Collection[str] = ()
) -> set[ReasonCode]:
    """The codes of the gates that are closed for ``run``, but for those of some assets."""
    gates = book.policy(run.work.policy).gates
    codes: set[ReasonCode] = set()
    if gates.fresh is None and gates.checks is None and gates.accept_degraded:
        return codes
    codes |= {ReasonCode.INPUTS_UNKNOWN for _ in run.work.undefined}
    fresh = {Freshness.PASS, Freshness.NO_POLICY} | ({Freshness.WARN} if gates.fresh == "warn" else set())
    for key in run.work.reads if run.inputs is None else run.inputs:
        asset, state = key.split("[")[0], snapshot.data.get(key)
        if asset in but_for or not concerns(asset, gates):
            continue
        if state is not None and state.unreadable:
            codes.add(ReasonCode.INPUTS_UNKNOWN)
            continue
        if state is None or state.missing or (state.materialized_at is None and not state.external):
            codes.add(ReasonCode.DATA_MISSING)
            continue
        if gates.fresh and state.freshness is Freshness.NOT_EVALUATED:
            codes.add(ReasonCode.FRESHNESS_NOT_EVALUATED)
        elif gates.fresh and state.freshness not in fresh:
            codes.add(ReasonCode.DATA_STALE)
        if gates.checks:
            bad = {CheckState.FAIL} | ({CheckState.WARN} if gates.checks.accept == "pass" else set())
            said = {each.state for each in state.outcomes if counts(asset, each.check, gates.checks)}
            codes |= {ReasonCode.CHECK_NOT_EVALUATED for _ in said & {CheckState.NOT_EVALUATED}}
            codes |= {ReasonCode.CHECK_FAILED for _ in said & bad}
        if not gates.accept_degraded and state.mode != "full":
            codes.add(ReasonCode.DATA_DEGRADED)
    return codes


def concerns(asset: str, gates: Gates) -> bool:
    """Whether a run waits for that asset, of those that it reads."""
    if gates.upstreams is None:
        return True
    only, excepted = gates.upstreams.only, gates.upstreams.except_
    return asset in (only or [asset]) and asset not in (excepted or [])


def counts(asset: str, check: str, checks: ChecksGate) -> bool:
    """Whether that check of that asset is asked for."""
    names = {check, f"{asset}:{check}"}
    return bool(names & set(checks.only or names)) and not names & set(checks.except_ or [])


def optional_stages(work: Work, book: PolicyBook) -> list[Stage]:
    """The stages that runs of ``work`` can go without."""
    policy = book.policy(work.policy)
    able = work.composable and work.degradable and not policy.opportunity
    return [stage for stage in policy.stages if stage.optional] if able else []


def spared(run: QueuedRun, snapshot: Snapshot, book: PolicyBook) -> bool:
    """Whether no gate is closed but for data that is read by optional stages alone."""
    work = run.work
    optional = optional_stages(work, book)
    essential = [stage for stage in book.policy(work.policy).stages if not stage.optional]
    alone = {asset for stage in optional for asset in stage.reads}
    alone -= {asset for stage in essential for asset in stage.reads}
    return bool(alone) and not closed_gates(book, run, snapshot, alone)


def due_at(run: QueuedRun, book: PolicyBook) -> float | None:
    """When the run is due: by itself, else by its policy."""
    objective = book.policy(run.work.policy).objective
    if run.deadline_at is not None or objective is None or objective.deadline is None:
        return run.deadline_at
    return run.submitted_at + objective.deadline


def endangered(run: QueuedRun, snapshot: Snapshot, book: PolicyBook) -> bool:
    """Whether full mode can wait no longer."""
    due = due_at(run, book)
    if due is None:
        return False
    mode = whole_mode(run, snapshot, book)
    return (
        due - TUNING.launch_s - expected(run, mode, snapshot, book).duration - snapshot.at
        < TUNING.lookahead_s
    )


def in_time(run: QueuedRun, mode: str, snapshot: Snapshot, book: PolicyBook) -> bool:
    """Whether it ends before it is due, if it goes now."""
    due = due_at(run, book)
    return (
        due is None or due - TUNING.launch_s - expected(run, mode, snapshot, book).duration - snapshot.at >= 0
    )


def cheapest(snapshot: Snapshot, book: PolicyBook) -> float:
    """The price of a core for an hour on the cheapest machine that takes new work."""
    alive = set(Forecast(snapshot, book).machines)
    classes = {node.node_class for node in snapshot.nodes if node.name in alive} or {""}
    return min(price_of(book.prices, node_class, snapshot.at) for node_class in classes)


def codes(decision: Decision) -> list[ReasonCode]:
    """The codes of its reasons."""
    return [reason.code for reason in decision.reasons]


def deferrals(decided: Plan) -> list[Decision]:
    """The decisions by which runs wait."""
    return [decision for decision in decided.decisions if decision.verdict is Verdict.DEFER]


def overdue_first(decided: Plan, book: PolicyBook) -> Decision | None:
    """The decision on the run that stands before the line because it waited beyond its tier's patience."""
    first = next((each for each in decided.decisions if each.verdict is not Verdict.FAIL), None)
    if first is None or not book.rank(first.tier):
        return None
    patience = book.tiers[book.rank(first.tier)].patience
    waited = [reason.numbers for reason in first.reasons if reason.code is ReasonCode.WAITED]
    return first if any(numbers.get("limit_s") == patience for numbers in waited) else None


def resumed(decided: Plan) -> list[ActiveRun]:
    """The active runs that go on."""
    return [run for each in decided.running if each.verdict is Verdict.RESUME for run in each.runs]


def short(decided: Plan) -> tuple[object, object]:
    """A plan without the numbers of its reasons, whose last digits depend on the order of adding."""
    return (
        [
            (each.verdict, each.mode, each.node, [run.run_id for run in each.runs], codes(each))
            for each in decided.decisions
        ],
        {(each.verdict, run.run_id) for each in decided.running for run in each.runs},
    )


def filling(decided: Plan, snapshot: Snapshot, book: PolicyBook) -> Iterator[tuple[Decision, Forecast, int]]:
    """The admissions in launch order, each with what is in use and promised before it, and its rank.

    Runs that gave way go on in their tier's turn, before the queue of their tier.
    """
    load = Forecast(snapshot, book)
    waiting = sorted(
        ((rank_of(book.policy(run.work.policy), book), run) for run in resumed(decided)),
        key=lambda item: item[0],
    )
    first = overdue_first(decided, book)
    for decision in decided.admitted():
        rank = rank_of(book.policy(decision.work.policy), book)
        while waiting and waiting[0][0] <= rank and decision is not first:
            load.resume(waiting.pop(0)[1])
        yield decision, load, rank
        load.take(decision.runs[0], decision.mode, decision.node)


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
    shuffled_plan = plan(replace(snapshot, queued=tuple(queued), active=tuple(active)), book)
    assert short(shuffled_plan) == short(plan(snapshot, book))


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
        assert decision.reasons


@UNHURRIED
@given(books(), snapshots())
def test_every_active_run_has_one_decision(book: PolicyBook, snapshot: Snapshot) -> None:
    """Likewise; what is to change is told run by run."""
    decided = plan(snapshot, book)
    runs = [run.run_id for decision in decided.running for run in decision.runs]
    assert sorted(runs) == sorted(run.run_id for run in snapshot.active)
    for decision in decided.running:
        assert decision.verdict is Verdict.KEEP or decision.verdict.changes
        assert decision.verdict is Verdict.KEEP or len(decision.runs) == 1
        assert decision.reasons
        assert all(run.work == decision.work and run.mode == decision.mode for run in decision.runs)
        assert decision.tier == book.policy(decision.work.policy).tier


@UNHURRIED
@given(books(), snapshots(alone=True))
def test_guards_hold(book: PolicyBook, snapshot: Snapshot) -> None:
    """The limits on runs at once are never exceeded, nor is memory by what the planner itself predicts.

    The limit that follows how runs slow each other down is exceeded only by what is forced for a deadline;
    CPU by that too, or by a run after two minutes of strangers, and pressure by a forced rung or such a run;
    a run forced in full may exceed memory by what it takes beyond its median. And a reason says that
    something fits exactly when it does.
    """
    assert_guards_hold(book, snapshot)


STRANGERS_ON_ALL = snapshot_of(
    nodes=[
        {"name": "a", "memory_used": "6.2GiB", "cpu_used": 4},
        {"name": "b", "cpu_used": 3.9},
        {"name": "c", "memory_used": "6.3GiB", "cpu_used": 4},
    ],
    queued=[{"run": "q", "waited": "3m"}],
)


@UNHURRIED
@example(book_of(), STRANGERS_ON_ALL)
@given(books(), snapshots())
def test_guards_hold_on_each_of_several_machines(book: PolicyBook, snapshot: Snapshot) -> None:
    """Likewise, on the machine on which a run is placed."""
    assert_guards_hold(book, snapshot)


def assert_guards_hold(book: PolicyBook, snapshot: Snapshot) -> None:
    """By the prediction that is written down a second time."""
    decided = plan(snapshot, book)
    undisturbed = all(run.state.value != "suspended" for run in snapshot.active)
    for decision, load, rank in filling(decided, snapshot, book):
        (run,) = decision.runs
        taken = expected(run, decision.mode, snapshot, book)
        on = [load.machines[decision.node]]
        assert load.has_slot()
        fits = load.has_slot() and any(
            machine.has_memory(taken) and machine.has_cpu(taken, rank) for machine in on
        )
        said = ReasonCode.FITS in codes(decision)
        assert fits or not said
        assert said or not fits or not undisturbed
        assert any(machine.has_memory(taken) for machine in on)
        if not fits:
            assert any(_is_left_to_strangers(machine, taken) for machine in on)
            if ReasonCode.FORCED in codes(decision):
                assert endangered(run, snapshot, book)
                continue
            assert snapshot.at - run.submitted_at >= TUNING.strangers_s
            assert ReasonCode.WAITED in codes(decision)


def _is_left_to_strangers(machine: MachineForecast, taken: Expected) -> bool:
    """Whether what we promised of it, with one run more, is no more CPU than a single run may insist on."""
    return machine.cpu + min(taken.cpu, machine.most_for_one) <= machine.most_for_one + SLIVER


@UNHURRIED
@given(books(), snapshots())
def test_no_lower_tier_goes_into_room_that_a_higher_one_needs(book: PolicyBook, snapshot: Snapshot) -> None:
    """Without what was launched of lower tiers, a run that waits for room alone would still find none.

    What waited beyond the patience of its tier is no such launch: it stands before the line.
    """
    decided = plan(snapshot, book)
    first = overdue_first(decided, book)
    for decision in deferrals(decided):
        policy = book.policy(decision.work.policy)
        said = set(codes(decision))
        if not said & ROOM_CODES or said - ROOM_CODES - {ReasonCode.DEADLINE}:
            continue
        if policy.cost and book.prices:
            continue
        rank = rank_of(policy, book)
        load = Forecast(snapshot, book)
        for run in resumed(decided):
            if rank_of(book.policy(run.work.policy), book) <= rank:
                load.resume(run)
        for admitted in decided.admitted():
            if admitted is first or rank_of(book.policy(admitted.work.policy), book) <= rank:
                load.take(admitted.runs[0], admitted.mode, admitted.node)
        first_in_line = decision.runs[0]
        assert not load.fits(first_in_line, "full", rank)
        if can_go_in_turn(first_in_line, book) and in_time(first_in_line, "in_sequence", snapshot, book):
            assert not load.fits(first_in_line, "in_sequence", rank)


def can_go_in_turn(run: QueuedRun, book: PolicyBook) -> bool:
    """Whether its stages can go one after another, and take less of something that way."""
    ways = {way.mode for way in compositions(book.policy(run.work.policy).stages)}
    return run.work.composable and run.work.degradable and "in_sequence" in ways


@UNHURRIED
@given(books(), snapshots())
def test_work_ahead_never_goes_while_real_work_waits_for_room(book: PolicyBook, snapshot: Snapshot) -> None:
    """Neither from the queue nor after it was stopped."""
    decided = plan(snapshot, book)
    blocked = [
        decision
        for decision in deferrals(decided)
        if set(codes(decision)) & ROOM_CODES
        and not set(codes(decision)) & (GATE_CODES | HOLDS_BACK | WAITS_FOR_TIME | {ReasonCode.NEVER_FITS})
        and not book.policy(decision.work.policy).opportunity
        and not _waits_for_strangers(decision, snapshot)
    ]
    if blocked:
        admitted = [decision.work.policy for decision in decided.admitted()]
        assert not [name for name in admitted if book.policy(name).opportunity]


def _waits_for_strangers(decision: Decision, snapshot: Snapshot) -> bool:
    """A run that has waited for two minutes with nothing of ours active lets others pass."""
    return (
        any(snapshot.at - run.submitted_at >= TUNING.strangers_s for run in decision.runs)
        and not snapshot.active
    )


@UNHURRIED
@given(books(), snapshots())
def test_work_ahead_leaves_a_quarter_of_its_machine(book: PolicyBook, snapshot: Snapshot) -> None:
    """Of what the guards leave, on the machine on which it is placed."""
    for decision, load, _ in filling(plan(snapshot, book), snapshot, book):
        (run,) = decision.runs
        if not book.policy(run.work.policy).opportunity:
            continue
        taken = expected(run, decision.mode, snapshot, book)
        machine = load.machines[decision.node]
        if decision.verdict is Verdict.LAUNCH and machine.reading is not None:
            assert machine.peak(taken) <= 0.75 * machine.most_memory + 1
            insists = min(taken.cpu, machine.most_cpu / 2)
            assert machine.reading.cpu_used + machine.cpu + insists <= 0.75 * machine.most_cpu + SLIVER


@UNHURRIED
@given(books(), snapshots())
def test_a_closed_gate_is_respected(book: PolicyBook, snapshot: Snapshot) -> None:
    """Before its patience is over, a run whose gate is closed waits, unless a deadline forces it to degrade.

    After it, the policy's word holds; and what was never evaluated counts as closed.
    """
    assert_gates_are_respected(book, snapshot)


@UNHURRIED
@given(books(), snapshots())
def test_no_run_is_held_for_what_another_reads(book: PolicyBook, snapshot: Snapshot) -> None:
    """The gates that a deferral names are closed for each of its runs, and are of what these read."""
    for decision in deferrals(plan(snapshot, book)):
        told = {reason.code for reason in decision.reasons if reason.code in GATE_CODES}
        for run in decision.runs:
            assert told <= closed_gates(book, run, snapshot)
            keys = run.work.reads if run.inputs is None else run.inputs
            for reason in decision.reasons:
                if reason.code in GATE_CODES and "asset" in reason.numbers:
                    assert reason.numbers["asset"] in {key.split("[")[0] for key in keys}


@UNHURRIED
@given(books(), snapshots())
def test_a_reason_tells_how_many_runs_wait_for_the_same_thing(book: PolicyBook, snapshot: Snapshot) -> None:
    """Each is counted once, of whatever kind and policy; not those that may go without it, on a rung."""
    waiting: Counter[tuple[object, object]] = Counter()
    told: dict[tuple[object, object], set[object]] = defaultdict(set)
    for decision in deferrals(plan(snapshot, book)):
        named = {
            (reason.numbers["asset"], reason.numbers["partition"]): reason.numbers["waiting"]
            for reason in decision.reasons
            if "waiting" in reason.numbers
        }
        for thing, number in named.items():
            waiting[thing] += len(decision.runs)
            told[thing].add(number)
    assert all(numbers == {waiting[thing]} for thing, numbers in told.items())


def assert_gates_are_respected(book: PolicyBook, snapshot: Snapshot) -> None:
    """By the gates as they are written down a second time."""
    for decision in plan(snapshot, book).decisions:
        gates = book.policy(decision.work.policy).gates
        for run in decision.runs:
            closed = closed_gates(book, run, snapshot)
            over = gates.wait_at_most is not None and snapshot.at - run.submitted_at >= gates.wait_at_most
            if decision.verdict is Verdict.FAIL:
                assert closed
                assert over
                assert gates.then == "fail"
                assert not spared(run, snapshot, book)
            elif closed and decision.verdict.admits:
                without = bool(left_out(decision))
                assert not without or spared(run, snapshot, book) or gates.then == "launch"
                hurried = (gates.then == "degrade" or without) and endangered(run, snapshot, book)
                assert (over and (gates.then != "fail" or without)) or hurried
                assert gates.then != "degrade" or decision.verdict is Verdict.DEGRADE
                assert uncomposed(decision)[0] is ReasonCode.WAITED
                assert closed <= set(codes(decision))


@UNHURRIED
@given(books(), snapshots())
def test_hours_and_prices_are_respected(book: PolicyBook, snapshot: Snapshot) -> None:
    """Outside its hours, or above its price, a run goes after the latest it waits, or for its deadline."""
    for decision in plan(snapshot, book).admitted():
        (run,) = decision.runs
        policy = book.policy(run.work.policy)
        limits: list[float | None] = []
        if policy.window and opens_in(policy.window, snapshot.at):
            limits.append(policy.window.latest)
        if policy.cost and book.prices and cheapest(snapshot, book) > policy.cost.at_most:
            limits.append(policy.cost.latest)
        waited = snapshot.at - run.submitted_at
        if any(limit is None or waited < limit for limit in limits):
            assert endangered(run, snapshot, book)
        if limits:
            assert uncomposed(decision)[0] is ReasonCode.WAITED


@UNHURRIED
@given(books(), snapshots())
def test_a_deferral_names_every_rule_that_blocks(book: PolicyBook, snapshot: Snapshot) -> None:
    """At least one, those that can be told from outside all, and in the order of the codes."""
    before = Forecast(snapshot, book)
    for decision in deferrals(plan(snapshot, book)):
        said = codes(decision)
        assert set(said) & BLOCKING
        assert said == sorted(said, key=ORDER.index)
        policy = book.policy(decision.work.policy)
        rank = rank_of(policy, book)
        gates = policy.gates
        waits = any(
            gates.wait_at_most is None or snapshot.at - run.submitted_at < gates.wait_at_most
            for run in decision.runs
        )
        early = set(said) & WAITS_FOR_TIME
        if (waits and not early) or gates.then == "degrade":
            assert all(closed_gates(book, run, snapshot) <= set(said) for run in decision.runs)
        if not before.machines:
            assert ReasonCode.NO_READING in said
            continue
        full = expected(decision.runs[0], "full", snapshot, book)
        machines = before.machines.values()
        least = full.least_memory if full.learned else full.memory
        if all(least > machine.most_memory for machine in machines):
            assert ReasonCode.NEVER_FITS in said
        if set(said) & {ReasonCode.NEVER_FITS} or (policy.cost and book.prices):
            continue
        if not any(machine.has_memory(full) for machine in machines):
            assert ReasonCode.MEMORY in said
        if not any(machine.has_cpu(full, rank) for machine in machines):
            assert {ReasonCode.CPU, ReasonCode.PRESSURE, ReasonCode.MEMORY} & set(said)
        if not before.has_slot():
            assert {
                ReasonCode.CONCURRENCY,
                ReasonCode.NO_READING,
                ReasonCode.RAMP,
            } & set(said)


def held_back(run: QueuedRun, free: Mapping[str, int], snapshot: Snapshot) -> bool:
    """Whether Dagster's dequeue pass would pass the run by, with so many slots ``free``."""
    if snapshot.paused.get(run.work.location, snapshot.at) > snapshot.at:
        return True
    if run.claims is None:
        return False
    full = {key for key, slots in free.items() if slots <= 0}
    some = set(run.claims.some)
    return bool(full & set(run.claims.every)) or (bool(some) and some <= full)


@UNHURRIED
@given(books(), snapshots())
def test_what_is_admitted_dagster_launches(book: PolicyBook, snapshot: Snapshot) -> None:
    """In the order of the plan: there is a slot for each, and no code location is paused."""
    free = {key: limit.free for key, limit in snapshot.limits.items()}
    for decision in plan(snapshot, book).admitted():
        (run,) = decision.runs
        assert not held_back(run, free, snapshot)
        for key, count in run.claims.taken.items() if run.claims else ():
            free[key] = free.get(key, count) - count


@UNHURRIED
@given(books(), snapshots())
def test_what_dagster_holds_back_is_in_nobodys_way(book: PolicyBook, snapshot: Snapshot) -> None:
    """Every other run is decided as if those runs were not there."""
    free = {key: limit.free for key, limit in snapshot.limits.items()}
    others = tuple(run for run in snapshot.queued if not held_back(run, free, snapshot))
    whole, without = plan(snapshot, book), plan(replace(snapshot, queued=others), book)
    ids = {run.run_id for run in others}
    verdicts = {run_id: decision.verdict for run_id, decision in whole.by_run().items()}
    assert {run_id: verdict for run_id, verdict in verdicts.items() if run_id in ids} == {
        run_id: decision.verdict for run_id, decision in without.by_run().items()
    }
    assert whole.running == without.running


@UNHURRIED
@given(books(), snapshots(), st.sampled_from(NAMES))
def test_a_kind_of_work_can_be_left_out(book: PolicyBook, snapshot: Snapshot, name: str) -> None:
    """The others are planned without it: all are decided, and none of it is."""
    others = tuple(run for run in snapshot.queued if run.work.policy != name)
    decided = plan(replace(snapshot, queued=others), book)
    assert set(decided.by_run()) == {run.run_id for run in others}


@UNHURRIED
@given(books(), snapshots())
def test_only_rungs_of_the_ladder_are_taken(book: PolicyBook, snapshot: Snapshot) -> None:
    """And only by work that may: whose assets are all of the policy that promised them."""
    for decision in plan(snapshot, book).decisions:
        rungs = {rung.mode: rung for rung in book.policy(decision.work.policy).degrade}
        if decision.verdict is Verdict.DEGRADE:
            assert decision.work.degradable
            assert decision.parameters == (rungs[decision.mode].parameters if decision.mode in rungs else {})
            assert (decision.mode in rungs) != bool(left_out(decision))
        else:
            assert decision.mode in WHOLE
            assert decision.mode == "full" or decision.verdict is Verdict.LAUNCH
            assert not decision.parameters
            assert not left_out(decision)


def left_out(decision: Decision) -> list[str]:
    """The stages that it says a run goes without."""
    said = [reason.numbers for reason in decision.reasons if reason.code is ReasonCode.COMPOSED]
    return [name for numbers in said for name in str(numbers["left_out"]).split(", ") if name]


def uncomposed(decision: Decision) -> list[ReasonCode]:
    """The codes of its reasons, without that its stages go another way than all together."""
    return [code for code in codes(decision) if code is not ReasonCode.COMPOSED]


@UNHURRIED
@given(staged())
def test_guards_hold_where_stages_are_composed(situation: tuple[PolicyBook, Snapshot]) -> None:
    """As they do elsewhere."""
    book, snapshot = situation
    assert_guards_hold(book, snapshot)


@UNHURRIED
@given(staged())
def test_data_of_optional_stages_alone_is_spared(situation: tuple[PolicyBook, Snapshot]) -> None:
    """Where a gate is closed for anything else, no run goes without its optional stages for it."""
    book, snapshot = situation
    assert_gates_are_respected(book, snapshot)


@UNHURRIED
@given(staged() | st.tuples(books(), snapshots()))
def test_stages_are_composed_only_where_that_can_be_done(situation: tuple[PolicyBook, Snapshot]) -> None:
    """And is said first, with all that is left out: the optional stages, and never an essential one."""
    book, snapshot = situation
    for decision in plan(snapshot, book).decisions:
        if ReasonCode.COMPOSED not in codes(decision):
            assert decision.mode == "full" or decision.mode in {
                rung.mode for rung in book.policy(decision.work.policy).degrade
            }
            continue
        assert decision.work.composable
        assert decision.work.degradable
        assert decision.reason.code is ReasonCode.COMPOSED
        assert decision.reason.numbers["mode"] == decision.mode
        if decision.verdict is Verdict.DEGRADE:
            assert left_out(decision) == [stage.name for stage in optional_stages(decision.work, book)]
            assert left_out(decision)
        else:
            assert decision.mode == "in_sequence"
            assert not left_out(decision)


@UNHURRIED
@given(staged())
def test_no_more_is_left_out_than_must_be(situation: tuple[PolicyBook, Snapshot]) -> None:
    """What fits and is in time goes in full, or else one stage after another, unless it would delay others.

    Or unless what an optional stage reads is not ready.
    """
    book, snapshot = situation
    decided = plan(snapshot, book)
    for decision, load, rank in filling(decided, snapshot, book):
        (run,) = decision.runs
        excused = {ReasonCode.BEHIND, ReasonCode.NOT_IDLE} & set(codes(decision))
        if decision.mode == "full" or excused or closed_gates(book, run, snapshot):
            continue
        better = ["full"] if decision.verdict is Verdict.LAUNCH or not can_go_in_turn(run, book) else [*WHOLE]
        for mode in better:
            fits = load.fits(run, mode, rank) and in_time(run, mode, snapshot, book)
            delays = mode == "in_sequence" and deferrals(decided)
            assert not fits or delays


@UNHURRIED
@given(books(), snapshots())
def test_a_run_is_not_overtaken_by_its_own_kind(book: PolicyBook, snapshot: Snapshot) -> None:
    """Of one kind, what was submitted earlier with the same priority or a higher one goes first."""
    by_run = plan(snapshot, book).by_run()
    for ahead in snapshot.queued:
        for after in snapshot.queued:
            alike = ahead.work == after.work and ahead.estimate == after.estimate
            alike = alike and ahead.inputs == after.inputs
            first = ahead.submitted_at < after.submitted_at and ahead.priority >= after.priority
            first = first and ahead.deadline_at is None and after.deadline_at is None
            if first and alike and by_run[after.run_id].verdict.admits:
                assert by_run[ahead.run_id].verdict is not Verdict.DEFER


@UNHURRIED
@given(books(), snapshots())
def test_something_goes_on_an_idle_machine(book: PolicyBook, snapshot: Snapshot) -> None:
    """With nothing active and nothing in use, a run that waits for neither data nor hours goes, if it can."""
    idle = replace(
        snapshot,
        active=(),
        machine=snapshot.machine and replace(snapshot.machine, cpu_used=0.0, memory_used=0),
        nodes=tuple(
            replace(node, reading=node.reading and replace(node.reading, cpu_used=0.0, memory_used=0))
            for node in snapshot.nodes
        ),
    )
    load = Forecast(idle, book)
    assume(load.has_slot() and any(machine.calm() for machine in load.machines.values()))
    decided = plan(idle, book)
    fitting = [
        decision
        for decision in deferrals(decided)
        if not set(codes(decision)) & (GATE_CODES | HOLDS_BACK | WAITS_FOR_TIME | {ReasonCode.NEVER_FITS})
        and not book.policy(decision.work.policy).opportunity
        and not (book.policy(decision.work.policy).cost and book.prices)
        and all(machine.calm() for machine in load.machines.values())
    ]
    assert not fitting or any(True for _ in decided.admitted())


@UNHURRIED
@given(
    books(),
    snapshots(busy=1, alone=True),
    st.sampled_from(("cpu_used", "memory_used")),
    st.sampled_from((0.0, 0.5)),
)
def test_more_room_never_makes_the_head_of_the_line_worse_off(
    book: PolicyBook, snapshot: Snapshot, resource: str, left: float
) -> None:
    """All that go before the first that must wait still go, in the same order, when CPU or memory is freed.

    Of those behind it not all may (see below). Nor is it promised where ladders are, because full mode takes
    more room than a rung; where runs of ours wait for the same CPU to go on; or where nothing of ours is
    active: then strangers decide.
    """
    assume(snapshot.machine is not None)
    assert snapshot.machine is not None
    full_only = replace(
        snapshot,
        queued=tuple(replace(run, work=replace(run.work, degradable=False)) for run in snapshot.queued),
        active=tuple(replace(run, actions=()) for run in snapshot.active),
    )
    used = getattr(snapshot.machine, resource)
    freer = replace(full_only, machine=replace(snapshot.machine, **{resource: type(used)(used * left)}))
    few, many = (plan(each, book) for each in (full_only, freer))
    assert before_the_first_deferral(many)[: len(before_the_first_deferral(few))] == (
        before_the_first_deferral(few)
    )


def before_the_first_deferral(decided: Plan) -> list[str]:
    """The runs that go before the first in line that must wait."""
    going = []
    for decision in decided.decisions:
        if decision.verdict is Verdict.DEFER:
            break
        if decision.verdict.admits:
            going.append(decision.runs[0].run_id)
    return going


@UNHURRIED
@given(books(), snapshots())
def test_without_actions_every_active_run_goes_on(book: PolicyBook, snapshot: Snapshot) -> None:
    """As under a launcher that can only start runs and end them."""
    unable = replace(snapshot, active=tuple(replace(run, actions=()) for run in snapshot.active))
    assert {decision.verdict for decision in plan(unable, book).running} <= {Verdict.KEEP}


def test_more_room_may_admit_fewer() -> None:
    """Not promised, and why: the first in line goes, and takes the room in which two would have passed it."""
    book = book_of(
        {
            "policies": [
                {"name": "large", "tier": "critical", "estimate": {"memory": "3GiB", "duration": "4m50s"}},
                {"name": "small"},
            ]
        }
    )
    queue = [
        {"run": "r1", "policy": "large"},
        {"run": "r2", "policy": "small"},
        {"run": "r3", "policy": "small"},
    ]
    more_room, less_room = (
        [
            decision.runs[0].run_id
            for decision in plan(
                snapshot_of(machine={"memory_used": used}, active=[{"run": "a1"}], queued=queue), book
            ).admitted()
        ]
        for used in ("3.25GiB", "3.5GiB")
    )
    assert more_room == ["r1"]
    assert less_room == ["r2", "r3"]
