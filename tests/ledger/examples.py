"""Small values to fill a ledger with."""

from adaptive_assets.ledger import RunUsageRow
from adaptive_assets.planning.decisions import Decision, Verdict
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.snapshot import (
    ActiveRun,
    CheckOutcome,
    CheckState,
    DataState,
    Freshness,
    MachineReading,
    Pressure,
    QueuedRun,
    Snapshot,
    Work,
)

GIB = 1024**3

FORECAST = Work("forecast", "delay-forecast", "flights", ("delay_forecast",), ("departures", "delay_model"))
REPORT = Work("report", "route-reports", "flights", ("route_report",), ("departures",), degradable=False)

READING = MachineReading(
    at=1000.5,
    cpu_capacity=4.0,
    cpu_used=3.25,
    memory_capacity=16 * GIB,
    memory_used=9 * GIB,
    pressure=Pressure(cpu=0.25, io=0.0),
    network_sent=12.5,
)


def queued(run_id: str, work: Work = FORECAST, submitted_at: float = 900.0) -> QueuedRun:
    """A run in the queue."""
    return QueuedRun(run_id, work, submitted_at)


def snapshot_of(*runs: QueuedRun, at: float = 1000.0) -> Snapshot:
    """A snapshot that has something in every field."""
    return Snapshot(
        at=at,
        queued=runs,
        active=(ActiveRun("running", REPORT, "full", 800.0, cpu_used=1.5, memory_used=GIB),),
        machine=READING,
        data={
            "departures": DataState("departures", 700.0, Freshness.WARN, external=True),
            "delay_model": DataState("delay_model", outcomes=(CheckOutcome("schema", CheckState.FAIL),)),
        },
        run_limit=10,
    )


def deferral(work: Work, *runs: QueuedRun, sentence: str = "needs 2 GiB, 1 GiB is free") -> Decision:
    """A kind of work that waits for memory, and after that for CPU."""
    reasons = (
        Reason(ReasonCode.MEMORY, {"needs": 2 * GIB, "free": GIB}, sentence=sentence),
        Reason(
            ReasonCode.CPU,
            {"needs": 2.0, "guard": "85%", "seen": None},
            sentence="needs 2 cores, 0.5 are free",
        ),
    )
    return Decision(Verdict.DEFER, work, "standard", "full", reasons, runs)


def launch(run: QueuedRun) -> Decision:
    """A run that fits."""
    return Decision(
        Verdict.LAUNCH, run.work, "critical", "full", (Reason(ReasonCode.FITS, sentence="fits"),), (run,)
    )


def degrade(run: QueuedRun) -> Decision:
    """A run that would be late in full."""
    reasons = (Reason(ReasonCode.DEADLINE, {"late": 40.0}, sentence="would end 40 s late in full"),)
    return Decision(Verdict.DEGRADE, run.work, "critical", "reduced", reasons, (run,), {"sample": 0.25})


def fail(run: QueuedRun) -> Decision:
    """A run that waited longer than its policy allows."""
    reasons = (Reason(ReasonCode.WAITED, sentence="waited 10m for its data"),)
    return Decision(Verdict.FAIL, run.work, "critical", "full", reasons, (run,))


def usage(run_id: str, *, policy: str = "delay-forecast", ended_at: float = 1100.0) -> RunUsageRow:
    """What a run took, as far as it could be seen."""
    return RunUsageRow(
        run_id=run_id,
        work_key="0123456789abcdef",
        policy=policy,
        mode="full",
        node="a",
        status="SUCCESS",
        submitted_at=900.0,
        launched_at=1000.0,
        started_at=1002.5,
        ended_at=ended_at,
        cpu_seconds=35.5,
        memory_peak=3 * GIB,
        io_read=10**12,
    )
