"""Snapshots come back equal from checkpoints and deltas, and a small change is stored in few bytes."""

import base64
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from adaptive_assets.ledger import Ledger, LedgerError, tables
from adaptive_assets.ledger.codec import unpack
from adaptive_assets.ledger.snapshots import CHECKPOINT_EVERY, SnapshotChain, SnapshotReader
from adaptive_assets.planning.snapshot import (
    ActiveRun,
    Claims,
    DataState,
    MachineReading,
    QueuedRun,
    SlotKind,
    SlotLimit,
    Snapshot,
)
from tests.ledger.conftest import OpenLedger
from tests.ledger.examples import FORECAST, READING, REPORT, queued, snapshot_of

LIMITS = {"pool:db": SlotLimit(SlotKind.POOL, "db", 2, -1)}
CLAIMS = Claims({"pool:db": 2}, some=("pool:db",))
BALLAST = tuple(
    ActiveRun(str(uuid.UUID(int=number * 7**40 % 2**128)), REPORT, "full", 1.5) for number in range(99)
)
"""Makes a checkpoint large, so that what changes beside it is stored as a delta."""


def record(ledger: Ledger, snapshots: Sequence[Snapshot], node: str = "a") -> list[int]:
    """One cycle for each snapshot; the ids."""
    ids: list[Any] = []
    for snapshot in snapshots:
        ledger.record_cycle(at=snapshot.at, node=node, revision="rev", snapshot=snapshot, decisions=[])
        ids.append(ledger.latest_status().cycle_id)
    return ids


def entries(ledger: Ledger) -> list[tuple[int, int | None, bytes]]:
    """Id, checkpoint and blob of every cycle."""
    columns = (tables.cycles.c.id, tables.cycles.c.checkpoint_id, tables.cycles.c.snapshot)
    query = select(*columns).order_by(tables.cycles.c.id)
    return ledger._database.read("look", lambda c: [tuple(row) for row in c.execute(query)])


def members(of: type, keys: str, name: str) -> st.SearchStrategy[tuple[Any, ...]]:
    """Some of ``keys``, in any order, each with a value of ``of``."""
    one = st.sampled_from(keys).flatmap(lambda key: st.builds(of, **{name: st.just(key)}))
    return st.lists(one, unique_by=lambda value: getattr(value, name), max_size=len(keys)).map(tuple)


numbers = st.floats(allow_nan=False)
st.register_type_strategy(float, numbers)
snapshots = st.builds(
    Snapshot,
    at=numbers,
    queued=members(QueuedRun, "abcdefgh", "run_id"),
    active=members(ActiveRun, "ijkl", "run_id").map(lambda runs: (*BALLAST, *runs)),
    data=members(DataState, "mnop", "asset").map(lambda states: {state.asset: state for state in states}),
    machine=st.none() | st.builds(MachineReading),
    run_limit=st.none() | st.integers(0, 50),
)


@settings(max_examples=30, deadline=None)
@given(given=st.lists(snapshots, min_size=1, max_size=5))
def test_any_sequence_of_snapshots_is_restored(given: list[Snapshot]) -> None:
    """Each one, from its checkpoint and the deltas since, the order of the queue included."""
    chain = SnapshotChain()
    reader = SnapshotReader()
    for number, snapshot in enumerate(given):
        draft = chain.draft(snapshot)
        chain.stored(draft, str(number))
        if draft.checkpoint is None:
            reader = SnapshotReader()
        reader.follow(draft.blob)
        assert reader.snapshot() == snapshot
        assert list(reader.snapshot().data) == list(snapshot.data)


def test_deltas_are_exercised_by_the_test_above() -> None:
    """The ballast does what it is for: a snapshot that differs in everything else is a delta."""
    chain = SnapshotChain()
    first = Snapshot(at=1.0, active=BALLAST)
    chain.stored(chain.draft(first), "1")
    other = replace(snapshot_of(*map(queued, "abcdefgh")), active=(*BALLAST, *snapshot_of().active))
    assert chain.draft(other).checkpoint == "1"


def test_snapshots_come_back_from_the_database(ledger: Ledger) -> None:
    """Through either database: arrivals, exits, a change in place, a run that moved, other data."""
    base = replace(snapshot_of(*map(queued, "abcd")), active=BALLAST)
    a, b, c, d = base.queued
    told = [
        base,
        replace(base, at=1005.0, queued=(b, c, d, queued("e", REPORT))),
        replace(base, at=1010.0, queued=(replace(b, claims=CLAIMS), c, d), data={}),
        replace(base, at=1015.0, queued=(d, b, a, c), machine=None, run_limit=None, limits=LIMITS),
        Snapshot(at=1020.0),
    ]
    ids = record(ledger, told)
    assert [ledger.snapshot(id_) for id_ in ids] == told
    assert [checkpoint for _, checkpoint, _ in entries(ledger)] == [None, ids[0], ids[0], ids[0], None]


def test_a_small_change_in_a_long_queue_is_a_small_delta(ledger: Ledger) -> None:
    """Of ten thousand queued runs five leave and five arrive: that is what is stored."""
    runs = [QueuedRun(str(uuid.uuid4()), FORECAST, float(number)) for number in range(10_005)]
    before = Snapshot(at=1.0, queued=tuple(runs[:10_000]), machine=READING)
    after = Snapshot(at=2.0, queued=tuple(runs[5:]), machine=replace(READING, cpu_used=1.0))
    ids = record(ledger, [before, after])
    (_, _, whole), (_, checkpoint_id, delta) = entries(ledger)
    assert checkpoint_id == ids[0]
    assert len(delta) < len(whole) / 100
    assert ledger.snapshot(ids[1]) == after


def test_a_queue_that_did_not_change_costs_next_to_nothing(ledger: Ledger) -> None:
    """Runs are compared by value where they are other objects."""
    runs = tuple(QueuedRun(str(number), FORECAST, float(number)) for number in range(1000))
    same = tuple(replace(run) for run in runs)
    record(ledger, [Snapshot(at=1.0, queued=runs), Snapshot(at=2.0, queued=same)])
    assert unpack(entries(ledger)[1][2]) == {"works": {}, "scalars": {"at": 2.0}, "changes": {}}


def test_a_checkpoint_comes_round(open_ledger: OpenLedger, tmp_path: Any) -> None:
    """However little changes, no snapshot is further from its checkpoint than the limit."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    told = [Snapshot(at=float(number), active=BALLAST) for number in range(CHECKPOINT_EVERY + 2)]
    ids = record(ledger, told)
    checkpoints = [id_ for id_, checkpoint, _ in entries(ledger) if checkpoint is None]
    assert checkpoints == [ids[0], ids[CHECKPOINT_EVERY]]
    assert [ledger.snapshot(ids[number]) for number in (0, 199, 200, 201)] == [
        told[number] for number in (0, 199, 200, 201)
    ]


def test_each_process_and_node_has_a_chain_of_its_own(url: str, open_ledger: OpenLedger) -> None:
    """Their cycles may be recorded in any order: a delta is only ever against the same one's last."""
    ledger, restarted = open_ledger(url), open_ledger(url)
    told = [replace(snapshot_of(queued(name), at=float(name)), active=BALLAST) for name in "123456"]
    ids = [
        *record(ledger, [told[0]], "a"),
        *record(ledger, [told[1]], "b"),
        *record(restarted, [told[2]], "a"),
        *record(ledger, [told[3]], "a"),
        *record(restarted, [told[4]], "a"),
        *record(ledger, [told[5]], "b"),
    ]
    assert [ledger.snapshot(id_) for id_ in ids] == told
    assert [checkpoint for _, checkpoint, _ in entries(ledger)] == [None, None, None, ids[0], ids[2], ids[1]]


def test_runs_that_share_an_id_are_both_kept(ledger: Ledger) -> None:
    """It should not happen; if it does, the record shows it."""
    first = replace(snapshot_of(queued("x"), queued("y"), queued("x", REPORT)), active=BALLAST)
    second = replace(first, queued=first.queued[1:], at=1005.0)
    ids = record(ledger, [first, second])
    assert [ledger.snapshot(id_) for id_ in ids] == [first, second]


def test_a_change_to_the_callers_own_mapping_is_seen(ledger: Ledger) -> None:
    """The chain remembers what the data was, not the mapping it came in."""
    data = {"departures": DataState("departures", 1.0)}
    first = Snapshot(at=1.0, data=data, active=BALLAST)
    record(ledger, [first])
    data["departures"] = DataState("departures", 2.0)
    (cycle_id,) = record(ledger, [Snapshot(at=2.0, data=data, active=BALLAST)])
    assert ledger.snapshot(cycle_id).data == {"departures": DataState("departures", 2.0)}


def test_an_unknown_cycle_is_an_error(ledger: Ledger) -> None:
    """The message says which, and what may have become of it."""
    with pytest.raises(LedgerError, match="there is no cycle 7: never recorded, or taken away by retention"):
        ledger.snapshot(7)


@pytest.mark.parametrize("damage", [b"", b"not compressed", None])
def test_a_damaged_snapshot_is_an_error(ledger: Ledger, damage: bytes | None) -> None:
    """Naming the cycle, and never a snapshot that is not the one recorded."""
    ids = record(ledger, [replace(snapshot_of(queued("a")), active=BALLAST), snapshot_of(queued("b"))])
    blob = damage if damage is not None else entries(ledger)[0][2][:-20]
    statement = update(tables.cycles).where(tables.cycles.c.id == ids[0]).values(snapshot=blob)
    ledger._database.write("damage", lambda connection: connection.execute(statement))
    with pytest.raises(LedgerError, match=f"the snapshot of cycle {ids[0]} is damaged"):
        ledger.snapshot(ids[0])


def test_snapshots_of_earlier_versions_stay_readable() -> None:
    """What was stored by the first version: should this fail, old ledgers could not be replayed any more."""
    reader = SnapshotReader()
    for blob in (FIRST_CHECKPOINT, FIRST_DELTA):
        reader.follow(base64.b64decode(blob))
    told = snapshot_of(queued("b", REPORT), replace(queued("a"), admitted_mode="reduced"), at=1005.0)
    # it never waited for what nothing here makes, whatever was known of it
    data = {**told.data, "departures": DataState("departures", external=True)}
    assert reader.snapshot() == replace(told, data=data)


FIRST_CHECKPOINT = (
    "eF6VVO2OozAMfJf8ZivSUr5eBSFkgoFoQ8KFZFe9inc/B7pbqtXpdL9IHGc8GY+5s09j3xdW3lkOLWCKooAWi4uIQ0zDhKxkvbEo"
    "YHEsYrNRUtwo1qGC29vhRBkBThod8pUcRrdQOiwL0qKs9vzmO7+OmEXoHkczWOcthht73mToy+o1YjGkfZ4jv3Ioct4mB1oWZ2Nf"
    "SFnjHb7t8QD2D05bevOA+QsjCnc4WOigVaRFD2rBlXgtAhTYTTlwrORxHJ/iiE0gRqkp8RC+RkzMvhEwg5COxEtCZgj5BTtWXk5n"
    "SplwMvZ2yOIZz4o8LXiefJ/uF4o0vaRZmvCUGkKyLaRdqEiQrIw3NGnCKiaiGl3ocbOgDjzPpysFrdeNkpPcmNNejKAH0p9Afnn0"
    "oUhV1dF9jaqKuAKL7tsdSQdht9mGlj9MQ8L4lnAddk3QpQiyrHVUcSrygkK7/0WpqRkgnPyg1x7pETMt9fAC/x37KvLDSCQquSzY"
    "1SsVzAJei/HBO9/b+WwSPz17tHeBx9klS3h+TtY6MOvAwSuvDp/GJj+EWdgm52D3CRxaCUr+fhTO9sI9tXXU1Fq68AlWEz/iJsKo"
    "spmQaL8YbwXxd9bjQ+Hj8FDHnhWfM3XA6UGGd++4TdhtfSdrjzgBTd/2rBbEuzJDmNSDI3qkXCrxRYLtASYdTpTKz0HPoaHlJdke"
    "hB/kv8bJ8ENJr5sp6npd/wCA/nRG"
)
FIRST_DELTA = (
    "eF5tj8sOwiAQRf9l1sRAqqbtrzTEDDCtxj60lLgw/LsXo67ccc8M92Se9FjWa6T2mRVFzyOvJRBv1BqtDzsN7s88D/Lm9yRJArVd"
    "R56swmKha5pPF1Ak9S7Es2bHchTfsJOm8hqTmNx02TYJp1LfaL3Tijh82LQEwb9VQvJQKLpxjMVa5ay6DquOIPy5kL4uzce+rsUc"
    "DDe1cfv/rmytRQn767gM6MUNvcCEMyCwNucXDmxVCw=="
)
