"""Retention forgets what is old, but nothing that what stays is rebuilt or explained from."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_assets.ledger import Ledger, LedgerError, sqlite_ledger_url
from adaptive_assets.planning.snapshot import Snapshot
from tests.ledger.conftest import OpenLedger
from tests.ledger.examples import FORECAST, READING, REPORT, deferral, launch, queued, snapshot_of, usage
from tests.ledger.test_ledger_snapshots import BALLAST, record


def chained(at: float, name: str = "x") -> Snapshot:
    """A snapshot that is stored as a delta when it can be."""
    return replace(snapshot_of(queued(name), at=at), active=BALLAST)


def gone(ledger: Ledger, cycle_ids: list[int]) -> list[int]:
    """Which of the cycles cannot be read any more."""
    found = []
    for cycle_id in cycle_ids:
        try:
            ledger.snapshot(cycle_id)
        except LedgerError:
            found.append(cycle_id)
    return found


def test_old_rows_are_forgotten_and_counted(ledger: Ledger) -> None:
    """Of every kind; what is newer stays."""
    for number, at in enumerate((1000.0, 9000.0)):
        run = queued(f"r{number}", submitted_at=at)
        ledger.record_revision(at=at, revision=f"rev{number}", source="x", content={"text": f"# {number}"})
        ledger.record_catalogue(at=at, location="flights", digest=str(number), body=f"body {number}")
        ledger.record_cycle(
            at=at, node="a", revision="rev", snapshot=snapshot_of(run, at=at), decisions=[launch(run)]
        )
        ledger.record_reading(at=at, node="a", reading=replace(READING, at=at))
        ledger.record_usage(usages=[usage(f"r{number}", ended_at=at)])
        ledger.record_fault(at=at, node="a", part="policy", message=f"fault {number}")
    # Decision, arrival, reading, usage, fault and catalogue; the newer snapshot needs the older one.
    assert ledger.prune(before=5000.0) == 6
    assert [row.run_id for row in ledger.recent_decisions()] == ["r1"]
    assert [row.run_id for row in ledger.usages()] == ["r1"]
    assert ledger.catalogues() == {"flights": "body 1"}
    status = ledger.latest_status(minutes=10_000)
    assert [fault.message for fault in status.faults] == ["fault 1"]
    assert status.reading == replace(READING, at=9000.0)
    assert ledger.prune(before=5000.0) == 0


def test_what_is_in_force_is_never_forgotten(ledger: Ledger) -> None:
    """However old the last policy book, the last catalogue of a location and the last cycle are."""
    ledger.record_revision(at=1.0, revision="rev", source="x", content={"version": 1})
    ledger.record_catalogue(at=1.0, location="flights", digest="a", body="{}")
    (cycle_id,) = record(ledger, [chained(1.0)])
    ledger.prune(before=10**9)
    assert json.loads(ledger.active_policy_book() or "") == {"version": 1}
    assert ledger.catalogues() == {"flights": "{}"}
    assert ledger.latest_status().cycle_id == cycle_id
    assert ledger.snapshot(cycle_id) == chained(1.0)


def test_a_checkpoint_stays_as_long_as_a_delta_needs_it(ledger: Ledger) -> None:
    """And so do the deltas between; those after the last one that is needed go."""
    told = [chained(10.0, "a"), chained(20.0, "b"), chained(30.0, "c")]
    first = record(ledger, told)
    second = record(ledger, [Snapshot(at=40.0), chained(50.0, "d")], node="b")
    ledger.prune(before=30.0)
    assert gone(ledger, first + second) == []
    assert [ledger.snapshot(cycle_id) for cycle_id in first] == told
    ledger.prune(before=31.0)
    assert gone(ledger, first + second) == first


def test_the_process_that_records_goes_on_after_pruning(url: str, open_ledger: OpenLedger) -> None:
    """Another process may prune everything up to now while it runs."""
    ledger, other = open_ledger(url), open_ledger(url)
    record(ledger, [chained(10.0, "a"), chained(20.0, "b")])
    other.prune(before=10**9)
    (cycle_id,) = record(ledger, [chained(30.0, "c")])
    assert other.snapshot(cycle_id) == chained(30.0, "c")


def test_what_explains_present_runs_stays(ledger: Ledger) -> None:
    """A run may wait, or be at work, for longer than the ledger's memory reaches."""
    waiting, gone_on, running = queued("w"), queued("g", REPORT), queued("running", REPORT)
    ledger.record_cycle(
        at=10.0,
        node="a",
        revision="rev",
        snapshot=snapshot_of(waiting, gone_on, running, at=10.0),
        decisions=[
            deferral(FORECAST, waiting, sentence="at first"),
            deferral(REPORT, gone_on),
            launch(running),
        ],
    )
    ledger.record_cycle(
        at=20.0,
        node="a",
        revision="rev",
        snapshot=snapshot_of(waiting, at=20.0),
        decisions=[
            deferral(FORECAST, queued("x"), sentence="no CPU"),
            deferral(FORECAST, waiting, sentence="still"),
            launch(gone_on),
        ],
    )
    ledger.prune(before=1000.0)
    assert [row.sentence for row in reversed(ledger.recent_decisions())] == ["fits", "no CPU", "still"]
    assert [row.sentence for row in ledger.decisions_for_run("w")] == ["still"]
    assert [row.verdict for row in ledger.decisions_for_run("running")] == ["launch"]
    assert ledger.decisions_for_run("g") == []


def test_many_rows_are_forgotten_in_batches(ledger: Ledger) -> None:
    """More than any database takes in one statement by name."""
    runs = [queued(f"r{number}") for number in range(2500)]
    ledger.record_cycle(
        at=10.0,
        node="a",
        revision="rev",
        snapshot=snapshot_of(*runs),
        decisions=[launch(run) for run in runs],
    )
    record(ledger, [Snapshot(at=5000.0)])
    assert ledger.prune(before=1000.0) == 2500 + 2500, "decisions and arrivals"
    assert ledger.recent_decisions() == []


@settings(max_examples=12, deadline=None)
@given(
    cycles=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.booleans()), min_size=1, max_size=12
    ),
    before=st.integers(0, 10),
)
def test_whatever_stays_can_be_restored(
    cycles: list[tuple[str, int, bool]], before: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On two nodes, with restarts and a clock that goes to and fro: all since ``before``, and the newest."""
    url = sqlite_ledger_url(tmp_path_factory.mktemp("pruned"))
    ledger = Ledger.open(url)
    told: dict[int, Snapshot] = {}
    for number, (node, at, restart) in enumerate(cycles):
        if restart:
            ledger.dispose()
            ledger = Ledger.open(url)
        snapshot = chained(float(at), str(number))
        (cycle_id,) = record(ledger, [snapshot], node)
        told[cycle_id] = snapshot
    ledger.prune(before=float(before))
    ids = list(told)
    left = [cycle_id for cycle_id in ids if cycle_id not in gone(ledger, ids)]
    assert {cycle_id for cycle_id in ids if told[cycle_id].at >= before} | {ids[-1]} <= set(left)
    assert all(ledger.snapshot(cycle_id) == told[cycle_id] for cycle_id in left)
    ledger.dispose()
