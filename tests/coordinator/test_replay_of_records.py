"""Hundreds of cycles of a made-up deployment, recorded as a coordinator does, and planned again."""

import math
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from adaptive_assets.cli.replay_cycles import replayed
from adaptive_assets.coordinator.recording import Recorder
from adaptive_assets.ledger import Ledger, database, sqlite_ledger_url
from adaptive_assets.planning.decisions import Plan, Verdict
from adaptive_assets.planning.isolation import plan_the_rest
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.snapshot import (
    Action,
    ActiveRun,
    CheckOutcome,
    CheckState,
    DataState,
    Freshness,
    MachineReading,
    Pressure,
    QueuedRun,
    RunState,
    Snapshot,
    Work,
)
from adaptive_assets.policy import DeclaredEstimate, Gates, Objective, Policy, PolicyBook, Rung, Tier

GIB = 2**30
NOON = 1_781_524_800.0
TOOK = DeclaredEstimate(cpu=1.0, memory=GIB, duration=60.0)
WORKS = tuple(
    Work(f"{policy}-{name}", policy, "shop", (name,), reads)
    for policy in ("urgent", "reports", "other")
    for name, reads in (("a", ()), ("b", ("table",)))
)
ODD = WORKS[-1]
READS = Gates.model_validate({"checks": "pass", "wait_at_most": "5m", "then": "launch"})


def book_with(memory: int) -> PolicyBook:
    """A book that lets one tier make way for another."""
    return PolicyBook(
        version=1,
        tiers=(
            Tier(name="critical", preempts=("standard", "batch")),
            Tier(name="standard", preempts=("batch",), preemption="suspend"),
            Tier(name="batch", preemption="requeue"),
        ),
        policies=(
            Policy(
                name="urgent",
                jobs=("urgent-a", "urgent-b"),
                tier="critical",
                objective=Objective(deadline=120.0),
                estimate=TOOK,
                degrade=(
                    Rung(mode="brief", estimate=DeclaredEstimate(cpu=0.5, memory=GIB // 4, duration=10.0)),
                ),
            ),
            Policy(
                name="reports",
                jobs=("reports-a", "reports-b"),
                tier="batch",
                gates=READS,
                estimate=DeclaredEstimate(cpu=1.0, memory=memory, duration=90.0),
            ),
        ),
        default=Policy(name="default", tier="critical", estimate=TOOK),
    )


class OddError(Exception):
    """What a kind of work causes."""


def careful(snapshot: Snapshot, book: PolicyBook, *, odd: bool) -> tuple[Plan, tuple[str, ...]]:
    """A plan as a cycle makes it, where one kind of work may be ``odd``."""

    def planner(part: Snapshot) -> Plan:
        if odd and any(run.work == ODD for run in part.queued):
            raise OddError
        return plan(part, book)

    try:
        return planner(snapshot), ()
    except OddError as error:
        decided, left_out = plan_the_rest(snapshot, planner, error)
        return decided, tuple(each.key for each in left_out)


class Deployment:
    """Runs that come, are let go, launched, suspended and end, by lot."""

    def __init__(self, seed: int) -> None:
        self.lot = random.Random(seed)
        self.now = NOON
        self.queued: dict[str, QueuedRun] = {}
        self.active: dict[str, ActiveRun] = {}
        self.promoted_at: float | None = None
        self.submitted = 0

    def observed(self) -> Snapshot:
        """The snapshot of the next cycle."""
        lot = self.lot
        self.now += lot.choice((1.0, 5.0, 5.0, 30.0))
        for _ in range(lot.choice((0, 0, 1, 1, 3))):
            self.submitted += 1
            run = QueuedRun(
                f"run-{self.submitted}", lot.choice(WORKS), self.now, priority=lot.choice((0, 0, 1))
            )
            self.queued[run.run_id] = run
        for run_id in list(self.active):
            if lot.random() < 0.1:
                del self.active[run_id]
        checks = lot.choice(((), (), (CheckOutcome("x", CheckState.FAIL),)))
        used = GIB * (1 + sum(run.state is not RunState.LEAVING for run in self.active.values()))
        return Snapshot(
            at=self.now,
            queued=tuple(self.queued.values()),
            active=tuple(self.active.values()),
            machine=None
            if lot.random() < 0.05
            else MachineReading(
                self.now, 4.0, lot.random() * 4, 8 * GIB, min(used, 8 * GIB), Pressure(cpu=lot.random() / 4)
            ),
            data={"table": DataState("table", self.now - 60.0, Freshness.PASS, checks)},
            actions=tuple(Action),
            promoted_at=self.promoted_at,
        )

    def enact(self, decided: Plan) -> None:
        """Do some of what was decided: Dagster may launch a run that was let go only later, or never."""
        self.promoted_at = decided.promoted_at
        for decision in decided.decisions:
            for run in decision.runs:
                if decision.verdict.admits and self.lot.random() < 0.7:
                    del self.queued[run.run_id]
                    self.active[run.run_id] = ActiveRun(
                        run.run_id,
                        run.work,
                        decision.mode,
                        self.now,
                        self.now,
                        1.0,
                        GIB,
                        submitted_at=run.submitted_at,
                        actions=tuple(Action),
                    )
                elif decision.verdict.admits:
                    self.queued[run.run_id] = replace(run, admitted_mode=decision.mode)
                elif decision.verdict is Verdict.FAIL:
                    del self.queued[run.run_id]
        states = {Verdict.SUSPEND: RunState.SUSPENDED, Verdict.RESUME: RunState.RUNNING}
        states[Verdict.REQUEUE] = RunState.LEAVING
        for change in decided.running:
            for active in change.runs:
                if change.verdict in states:
                    state = states[change.verdict]
                    self.active[active.run_id] = replace(active, state=state, acted_at=self.now)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger in a SQLite file."""
    ledger = Ledger.open(sqlite_ledger_url(tmp_path / "storage"))
    yield ledger
    ledger.dispose()


def recorder_of(ledger: Ledger, folder: Path) -> Recorder:
    """The recorder of a daemon that has just begun."""
    return Recorder(ledger, node="a", source="p", retention_s=None, outbox=folder / "outbox")


@pytest.mark.parametrize("seed", [3, 5])
def test_hundreds_of_cycles_are_identical(
    ledger: Ledger, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restarts, new books, a kind that cannot be planned for, and a ledger that is locked for a while."""
    monkeypatch.setattr(database, "WAIT_S", 0.01)
    deployment, books = Deployment(seed), (book_with(GIB), book_with(3 * GIB), book_with(900 * GIB))
    recorder, book = recorder_of(ledger, tmp_path), books[0]
    assert ledger.latest_status().at is None  # which makes the file
    for number in range(300):
        if number % 70 == 69:
            recorder.close()
            recorder = recorder_of(ledger, tmp_path)
        if number % 45 == 44:
            book = deployment.lot.choice(books)
        snapshot = deployment.observed()
        decided, left_out = careful(snapshot, book, odd=100 <= number < 150)
        away = 200 <= number < 210
        with closing(sqlite3.connect(str(ledger.file), isolation_level=None)) as other:
            if away:
                other.execute("BEGIN IMMEDIATE")
            recorder.begin()
            changed = recorder.changes(decided)
            recorder.cycle(snapshot.at, book, snapshot, decided, changed, left_out)
            assert (recorder.waiting > 0) is away or not changed
        deployment.enact(decided)
    recorder.begin()
    assert recorder.waiting == 0
    found = replayed(ledger, -math.inf, math.inf)
    assert found.shown == []
    assert found.is_identical
    assert found.missing == 0
    assert found.decisions == found.identical > 200
    assert found.cycles.count > 100
    recorded = list(ledger.recorded_cycles())
    assert any(cycle.planned.left_out for cycle in recorded)
    assert len({cycle.revision for cycle in recorded}) > 1
    verdicts = {decision.verdict for cycle in recorded for decision in cycle.decisions}
    assert {"launch", "degrade", "defer", "suspend"} <= verdicts
