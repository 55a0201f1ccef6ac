"""A team's own history, from its ledger."""

from dataclasses import replace
from pathlib import Path

import pytest

from adaptive_assets.ledger import Ledger, RunUsageRow, sqlite_ledger_url
from adaptive_assets.ledger.location import FILE_NAME
from adaptive_assets.planning.decisions import Decision, Verdict
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.resource_request import PRIOR
from adaptive_assets.planning.snapshot import Declaration, QueuedRun, Snapshot, Work
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.policy import DeclaredEstimate, parse_policy_book
from adaptive_assets.simulation.traces.recorded import load_recorded, recorded_book, workload_of
from adaptive_assets.simulation.traces.trace import TracedRun, TraceError

FORECAST = Work("forecast", "delay-forecast")
KEY = work_key(FORECAST)


def usage(
    run_id: str,
    *,
    submitted_at: float = 1000.0,
    seconds: float = 50.0,
    mode: str = "full",
    status: str = "SUCCESS",
    cpu_seconds: float | None = 100.0,
    memory_peak: int | None = 2**30,
    started: bool = True,
) -> RunUsageRow:
    """A forecast that waited for ten seconds."""
    return RunUsageRow(
        run_id=run_id,
        work_key=KEY,
        policy="delay-forecast",
        mode=mode,
        node="a",
        status=status,
        submitted_at=submitted_at,
        launched_at=None,
        started_at=submitted_at + 10 if started else None,
        ended_at=submitted_at + 10 + seconds,
        cpu_seconds=cpu_seconds,
        memory_peak=memory_peak,
        input_size=7.0,
    )


def test_what_was_declared_of_a_run_is_declared_of_it_again() -> None:
    """As far as it was."""
    rows = [
        usage("a"),
        replace(usage("b", submitted_at=1001.0), declared=Declaration(cpu=2.0, duration=60.0)),
    ]
    first, second = workload_of(rows, {}, {}, "w").runs
    assert first.declared is None
    assert second.declared == DeclaredEstimate(cpu=2.0, duration=60.0)


def ledger_with(directory: Path, *usages: RunUsageRow) -> Ledger:
    """A ledger that saw one forecast launched, and these usages."""
    ledger = Ledger.open(sqlite_ledger_url(directory))
    run = QueuedRun(usages[0].run_id if usages else "none", FORECAST, 1000.0)
    decision = Decision(
        Verdict.LAUNCH, FORECAST, "critical", "full", (Reason(ReasonCode.FITS, sentence="fits"),), (run,)
    )
    ledger.record_cycle(
        at=1005.0, node="a", revision="r", snapshot=Snapshot(1005.0, (run,)), decisions=(decision,)
    )
    ledger.record_usage(usages=usages)
    return ledger


def test_runs_that_ended_well_become_a_workload(tmp_path: Path) -> None:
    """From the first submission on, with the names and tiers of the decisions; failures are left out."""
    ledger_with(
        tmp_path, usage("b", submitted_at=1030), usage("a"), usage("x", status="FAILURE", submitted_at=5)
    ).dispose()
    for where in (tmp_path, tmp_path / FILE_NAME, sqlite_ledger_url(tmp_path)):
        workload = load_recorded(where)
        assert workload.runs == (
            TracedRun(
                "a",
                "forecast",
                0.0,
                "critical",
                duration_s=50,
                cpu=2,
                memory=2**30,
                input_size=7,
                policy="delay-forecast",
            ),
            TracedRun(
                "b",
                "forecast",
                30.0,
                "critical",
                duration_s=50,
                cpu=2,
                memory=2**30,
                input_size=7,
                policy="delay-forecast",
            ),
        )
    assert [run.run_id for run in load_recorded(tmp_path, since=1090).runs] == ["b"]


def test_what_was_not_seen_is_what_is_usual() -> None:
    """Runs elsewhere have the median of their kind; a kind that was never seen has the planner's prior."""
    seen = [usage(str(number), memory_peak=number * 2**20) for number in (1, 2, 9)]
    blind = usage("blind", cpu_seconds=None, memory_peak=None)
    *_, run = workload_of([*seen, blind], {KEY: FORECAST}, {}, "w").runs
    assert (run.memory, run.cpu) == (2 * 2**20, 2)
    (alone,) = workload_of([blind], {}, {}, "w").runs
    assert (alone.memory, alone.cpu) == (PRIOR.memory, PRIOR.cpu)
    assert (alone.name, alone.tier) == (f"delay-forecast-{KEY[:6]}", None)


def test_a_degraded_run_is_given_what_its_kind_takes_in_full() -> None:
    """A simulation of a squeeze would otherwise find that there was none."""
    degraded = usage("less", mode="reduced", seconds=5, cpu_seconds=1, memory_peak=1)
    _, run = workload_of([usage("full"), degraded], {}, {}, "w").runs
    assert (run.run_id, run.duration_s, run.cpu, run.memory) == ("less", 50, 2, 2**30)
    assert workload_of([degraded], {}, {}, "w").runs == ()


def test_a_run_that_was_never_seen_to_start_is_left_out() -> None:
    """There is no telling how long it ran."""
    assert workload_of([usage("a", started=False)], {}, {}, "w").runs == ()


def test_a_name_outlives_the_decisions_on_it(tmp_path: Path) -> None:
    """A kind that waited for long has had many decisions since, and its name is still its own."""
    ledger = ledger_with(tmp_path, usage("a"))
    other = Work("other", "default")
    for number in range(10):
        run = QueuedRun(f"o{number}", other, 1000.0)
        decision = Decision(
            Verdict.LAUNCH, other, "standard", "full", (Reason(ReasonCode.FITS, sentence="fits"),), (run,)
        )
        snapshot = Snapshot(1100.0, (run,))
        ledger.record_cycle(at=1100.0, node="a", revision="r", snapshot=snapshot, decisions=(decision,))
    ledger.dispose()
    (run_of_forecast,) = load_recorded(tmp_path).runs
    assert (run_of_forecast.name, run_of_forecast.policy) == ("forecast", "delay-forecast")


def test_the_book_that_was_in_force_comes_along(tmp_path: Path) -> None:
    """So that a history can be simulated without a policy file."""
    ledger = ledger_with(tmp_path, usage("a"))
    assert recorded_book(tmp_path) is None
    book = parse_policy_book("version: 1\npolicies: [{name: delay-forecast, jobs: [forecast]}]", "p.yaml")
    ledger.record_revision(
        at=1.0, revision=book.revision, source="p.yaml", content=book.model_dump(mode="json", by_alias=True)
    )
    ledger.dispose()
    assert recorded_book(tmp_path) == book


def test_where_there_is_no_ledger_none_is_made(tmp_path: Path) -> None:
    """A slip in the path is an error, and leaves nothing behind."""
    for where in (tmp_path, tmp_path / "none.db", tmp_path / "none" / "none.db"):
        with pytest.raises(TraceError, match="there is no ledger"):
            load_recorded(where)
    assert not list(tmp_path.iterdir())


def test_what_is_no_ledger_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """Another file, an empty ledger, and a URL, whose password stays out of the message."""
    (tmp_path / "text.db").write_text("id,name\n" * 1000)
    with pytest.raises(TraceError, match="not a database"):
        load_recorded(tmp_path / "text.db")
    ledger_with(tmp_path).dispose()
    with pytest.raises(TraceError, match="no run has been recorded yet"):
        load_recorded(tmp_path)
    with pytest.raises(TraceError) as refused:
        load_recorded("mysql://me:secret@host/db")
    assert "secret" not in str(refused.value)
