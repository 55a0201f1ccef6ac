"""What is recorded is read back as it was, on both databases."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from adaptive_assets.ledger import ActivationRow, FaultRow, Ledger, LedgerError, LedgerStatus, OutOfMemory
from adaptive_assets.planning.work_key import work_key
from tests.ledger.conftest import OpenLedger
from tests.ledger.examples import (
    FORECAST,
    READING,
    REPORT,
    deferral,
    degrade,
    fail,
    launch,
    queued,
    snapshot_of,
    usage,
)


def test_a_new_ledger_is_empty(ledger: Ledger) -> None:
    """Reading before anything was written is no error."""
    assert ledger.latest_status() == LedgerStatus()
    assert ledger.recent_decisions() == []
    assert ledger.decisions_for_run("nobody") == []
    assert ledger.decisions_for_run("nobody", kind="nothing") == []
    assert ledger.usages() == []
    assert ledger.catalogues() == {}
    assert ledger.catalogue_digests() == {}
    assert ledger.active_policy_book() is None
    assert ledger.prune(before=10**10) == 0


def test_a_decision_on_a_run_is_read_back_whole(ledger: Ledger) -> None:
    """An admission says who, when, under which policy revision, why, and in which mode with what."""
    run = queued("r1")
    ids = ledger.record_cycle(
        at=1000.0, node="a", revision="rev1", snapshot=snapshot_of(run), decisions=[degrade(run)]
    )
    (row,) = ledger.recent_decisions()
    assert ids == {"r1": row.id}
    assert (row.at, row.node, row.revision) == (1000.0, "a", "rev1")
    assert (row.verdict, row.run_id, row.runs, row.run_ids) == ("degrade", "r1", 1, ("r1",))
    assert (row.policy, row.tier, row.mode, row.parameters) == (
        "delay-forecast",
        "critical",
        "reduced",
        {"sample": 0.25},
    )
    assert (row.reason, row.sentence) == ("deadline", "would end 40 s late in full")
    assert row.reasons == ({"code": "deadline", "sentence": row.sentence, "numbers": {"late": 40.0}},)
    assert row.work_key == work_key(FORECAST)
    assert row.work == {
        "name": "forecast",
        "policy": "delay-forecast",
        "location": "flights",
        "assets": ["delay_forecast"],
        "reads": ["departures", "delay_model"],
        "degradable": True,
        "composable": False,
        "gated_by": "",
        "undefined": [],
    }


def test_a_deferral_is_one_row_however_many_wait(ledger: Ledger) -> None:
    """The row counts the runs, names the first twenty, and keeps every rule that blocks them."""
    runs = [queued(f"r{number:03}") for number in range(150)]
    ids = ledger.record_cycle(
        at=1.0, node="a", revision="rev", snapshot=snapshot_of(*runs), decisions=[deferral(FORECAST, *runs)]
    )
    assert ids == {}
    (row,) = ledger.recent_decisions()
    assert (row.verdict, row.run_id, row.runs) == ("defer", None, 150)
    assert row.run_ids == tuple(run.run_id for run in runs[:20])
    assert [reason["code"] for reason in row.reasons] == ["memory", "cpu"]
    assert row.reasons[1]["numbers"] == {"needs": 2.0, "guard": "85%", "seen": None}


def test_each_run_of_an_admission_gets_an_id_of_its_own(ledger: Ledger) -> None:
    """Ids are given in the order of the decisions, failures included, deferrals not."""
    runs = [queued(f"r{number}") for number in range(5)]
    both = replace(launch(runs[1]), runs=(runs[1], runs[2]))
    decisions = [launch(runs[0]), both, deferral(FORECAST, runs[3]), fail(runs[4])]
    ids = ledger.record_cycle(
        at=1.0, node="a", revision="rev", snapshot=snapshot_of(*runs), decisions=decisions
    )
    assert list(ids) == ["r0", "r1", "r2", "r4"]
    rows = {row.id: row for row in ledger.recent_decisions()}
    assert {run_id: rows[id_].run_id for run_id, id_ in ids.items()} == {run_id: run_id for run_id in ids}
    assert rows[ids["r4"]].verdict == "fail"
    assert list(ids.values()) == sorted(ids.values())


def test_recent_decisions_come_newest_first_and_limited(ledger: Ledger) -> None:
    """The newest by recording, not by a clock that may be set back."""
    for at in (3000.0, 2000.0, 1000.0):
        run = queued(f"at {at:.0f}")
        ledger.record_cycle(
            at=at, node="a", revision="rev", snapshot=snapshot_of(run), decisions=[launch(run)]
        )
    assert [row.run_id for row in ledger.recent_decisions(limit=2)] == ["at 1000", "at 2000"]


def test_a_revision_is_kept_once_and_each_activation_is_a_row(ledger: Ledger) -> None:
    """Coming back to an older policy book is an activation; saying the same one twice is not."""
    for at, revision in ((1.0, "one"), (2.0, "two"), (3.0, "one"), (3.0, "one")):
        ledger.record_revision(
            at=at, revision=revision, source="policies/flights.yaml", content={"text": f"# {revision}"}
        )
    status = ledger.latest_status()
    assert status.activation == ActivationRow(3.0, "one", "policies/flights.yaml")
    assert json.loads(ledger.active_policy_book() or "") == {"text": "# one"}


def test_the_newest_catalogue_of_each_location_holds(ledger: Ledger) -> None:
    """Going back to an earlier digest counts as new; repeating the last one does not."""
    for at, digest in ((1.0, "a"), (2.0, "b"), (3.0, "a"), (4.0, "a")):
        ledger.record_catalogue(at=at, location="flights", digest=digest, body=f"{digest} at {at}")
    ledger.record_catalogue(at=5.0, location="other", digest="c", body="ünï")
    assert ledger.catalogues() == {"flights": "a at 3.0", "other": "ünï"}
    assert ledger.catalogue_digests() == {"flights": "a", "other": "c"}


def test_usage_is_recorded_once_for_a_run(ledger: Ledger) -> None:
    """A second row of the same run changes nothing, so that a collector may start over."""
    first = usage("r1")
    ledger.record_usage(usages=[first, usage("r2", policy="other", ended_at=1050.0)])
    ledger.record_usage(usages=[replace(first, status="FAILURE"), usage("r3", ended_at=1200.0)])
    ledger.record_usage(usages=[])
    assert [row.run_id for row in ledger.usages()] == ["r2", "r1", "r3"]
    assert ledger.usages(policy="delay-forecast", since=1100.0) == [first, usage("r3", ended_at=1200.0)]
    assert ledger.usages(policy="other") == [usage("r2", policy="other", ended_at=1050.0)]


def test_evidence_of_want_of_memory_is_found_by_the_root_run(ledger: Ledger) -> None:
    """Of all attempts at the same thing, those that were killed for it, in the order of their ends."""
    seen = OutOfMemory(killed_at=1099.5, counter="/proc/vmstat", kills=2, since=1098.75, until=1099.75)
    first = replace(usage("r1", ended_at=1100.0), status="FAILURE", out_of_memory=seen)
    second = replace(usage("r2", ended_at=1300.0), status="FAILURE", root_run_id="r1", out_of_memory=seen)
    failed = replace(usage("r3", ended_at=1200.0), status="FAILURE", root_run_id="r1")
    ledger.record_usage(usages=[second, failed, first, replace(first, run_id="other")])
    assert ledger.out_of_memory("r1") == [first, second]
    assert ledger.out_of_memory("r2") == [second]
    assert ledger.usages(since=1200.0) == [failed, second]


def test_the_status_tells_the_last_of_everything(ledger: Ledger) -> None:
    """Queue, active runs and counts are those of the last cycle; decisions those of the hour before it."""
    long_ago, launched, waiting = queued("r1"), queued("r2"), queued("r3", REPORT)
    admitted = replace(queued("r4"), admitted_mode="full")
    ledger.record_cycle(
        at=1000.0, node="a", revision="one", snapshot=snapshot_of(long_ago), decisions=[launch(long_ago)]
    )
    ledger.record_cycle(
        at=9000.0,
        node="b",
        revision="two",
        snapshot=snapshot_of(launched, waiting, admitted),
        decisions=[launch(launched), deferral(REPORT, waiting)],
    )
    ledger.record_reading(at=9001.0, node="b", reading=READING)
    status = ledger.latest_status()
    assert (status.at, status.node, status.revision) == (9000.0, "b", "two")
    assert (status.queued, status.active) == (3, 1)
    assert status.counts == {"launch": 1, "defer": 1}
    assert (status.reading, status.reading_node) == (READING, "b")
    assert ledger.latest_status(now=15_000.0).counts == {"defer": 1}
    assert status.cycle_id is not None
    assert ledger.snapshot(status.cycle_id).queued == (launched, waiting, admitted)


def test_recent_faults_are_told_once_each(ledger: Ledger) -> None:
    """The same fault again and again is one line with a count; old ones drop out of sight."""
    ledger.record_fault(at=100.0, node="a", part="policy", message="long gone")
    for at in (5000.0, 5060.0, 5120.0):
        ledger.record_fault(at=at, node="a", part="policy", message="line 3: `5` has no unit")
    ledger.record_fault(at=5090.0, node="a", part="cycle", message="no such table")
    policy = FaultRow(5120.0, 5000.0, "a", "policy", "line 3: `5` has no unit", 3)
    cycle = FaultRow(5090.0, 5090.0, "a", "cycle", "no such table", 1)
    assert ledger.latest_status().faults == (policy, cycle)
    assert ledger.latest_status(now=5100.0, minutes=0.5).faults == (
        FaultRow(5120.0, 5120.0, "a", "policy", policy.message, 1),
        cycle,
    )
    assert ledger.latest_status(now=9000.0).faults == ()


def test_a_fault_may_hold_any_text(ledger: Ledger) -> None:
    """Messages quote files and drivers: NUL and broken Unicode must not lose them."""
    ledger.record_fault(at=1.0, node="a", part="policy", message="a\x00b \udcff ünï 'quoted' %s :x")
    (fault,) = ledger.latest_status().faults
    assert fault.message == "a\\x00b \\udcff ünï 'quoted' %s :x"


def test_text_of_any_language_survives(ledger: Ledger) -> None:
    """Names and sentences are people's own."""
    work = replace(FORECAST, name="прогноз 🛫", assets=("ключ/二",))
    run = queued("r1", work)
    snapshot = snapshot_of(run)
    decision = deferral(work, run, sentence="ждёт 二 GiB ‽")
    ledger.record_cycle(at=1.0, node="ノード", revision="rev", snapshot=snapshot, decisions=[decision])
    (row,) = ledger.recent_decisions()
    assert (row.sentence, row.work["name"], row.node) == ("ждёт 二 GiB ‽", "прогноз 🛫", "ノード")
    assert ledger.snapshot(row.cycle_id) == snapshot


def test_what_json_cannot_hold_is_refused_and_leaves_nothing(ledger: Ledger) -> None:
    """A decision that cannot be written must not leave its cycle half recorded."""
    run = queued("r1")
    strange = replace(degrade(run), parameters={"when": object()})
    with pytest.raises(
        LedgerError, match=r"cannot record a cycle in .*there is no JSON for a value of type obj"
    ):
        ledger.record_cycle(at=1.0, node="a", revision="rev", snapshot=snapshot_of(run), decisions=[strange])
    assert ledger.latest_status() == LedgerStatus()


def test_two_ledgers_see_one_another(url: str, open_ledger: OpenLedger) -> None:
    """The daemon writes, the webserver and the command line read."""
    writer, reader = open_ledger(url), open_ledger(url)
    assert reader.recent_decisions() == []
    run = queued("r1")
    writer.record_cycle(at=1.0, node="a", revision="rev", snapshot=snapshot_of(run), decisions=[launch(run)])
    assert [row.run_id for row in reader.recent_decisions()] == ["r1"]
    reader.record_catalogue(at=2.0, location="flights", digest="a", body="{}")
    assert writer.catalogues() == {"flights": "{}"}


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    """More of them than there are connections, and all before the tables are there."""

    def work(thread: int) -> None:
        for number in range(5):
            run = queued(f"{thread}/{number}")
            ledger.record_cycle(
                at=1.0,
                node=f"n{thread % 2}",
                revision="rev",
                snapshot=snapshot_of(run),
                decisions=[launch(run)],
            )
            ledger.record_reading(at=1.0, node="a", reading=READING)
            ledger.latest_status()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    rows = ledger.recent_decisions(limit=100)
    assert len({row.run_id for row in rows}) == 40
    assert all(ledger.snapshot(row.cycle_id).queued == (queued(row.run_id or ""),) for row in rows)
