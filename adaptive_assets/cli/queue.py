"""``adaptive queue``: which runs are at work, which wait, in which order, and why."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from adaptive_assets.cli.errors import note, one_line
from adaptive_assets.cli.installation import Installation, home_option, opened
from adaptive_assets.cli.text import emit_json, iso, record, short_id, shortened, table
from adaptive_assets.planning.formatting import seconds

if TYPE_CHECKING:
    import dagster as dg

    from adaptive_assets.assets.policy_assignment import PolicyAssignment
    from adaptive_assets.cli.expected_start import ExpectedStart
    from adaptive_assets.dagster_compat.runs import RunRecord
    from adaptive_assets.planning.snapshot import Snapshot

State = Literal["active", "admitted", "held", "not yet seen", "queued"]
NAME_SHOWN: Final = 32
REASON_SHOWN: Final = 250

_STATES: Final[Mapping[str, State]] = {"held": "held", "admitted": "admitted"}
"""By the value of the tag that says whether the run is held."""


@dataclass(frozen=True, slots=True)
class Line:
    """One run in the queue or at work.  What a cycle has not said of it yet is empty."""

    run_id: str
    name: str
    status: str
    state: State
    policy: str
    tier: str
    mode: str
    reason: str
    submitted_at: float
    launched_at: float | None
    start_p50_s: float | None = None
    """Seconds from now until it starts, if that is known; half of such runs start sooner."""
    start_p90_s: float | None = None
    """Nine of ten such runs start sooner."""

    def waited(self, now: float) -> float:
        """Seconds from submission to launch, or until now."""
        return max(0.0, (self.launched_at or now) - self.submitted_at)


@click.command()
@home_option
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many runs to show."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def queue(home: Path | None, limit: int, as_json: bool) -> None:
    """Show the runs at work and the runs that wait, the first in the queue first, each with its reason."""
    with opened(home) as installation:
        now = time.time()
        lines = gather(installation, limit, now)
        observes = installation.observes
    shown = lines[:limit]
    if as_json:
        runs = [{**record(line), "waited_s": round(line.waited(now), 3)} for line in shown]
        emit_json({"at": iso(now), "observes": observes, "total": len(lines), "runs": runs})
        return
    if not lines:
        click.echo("Nothing is queued, and nothing is running.")
        return
    if observes:
        click.echo("Nothing is held (mode: observe): Dagster launches the queued runs in this order.\n")
    reasons = [shortened(line.reason, REASON_SHOWN) for line in shown]
    header: tuple[str, ...] = ("run", "what", "policy", "tier", "state", "mode", "waited")
    rows: Iterable[tuple[str, ...]] = _rows(shown, now)
    if any(line.start_p90_s is not None for line in shown):
        header = (*header, "starts in")
        rows = ((*row, _start(line)) for row, line in zip(rows, shown, strict=True))
    click.echo(table(header, rows, reasons))
    if len(lines) > limit:
        click.echo(f"… and {len(lines) - limit} more; --limit {len(lines)} shows them all.")


def gather(installation: Installation, limit: int, now: float) -> list[Line]:
    """Every run that is active or queued: the active ones by age, then the queue in the planner's order.

    Of the first ``limit`` of them it is told when they will start.
    """
    import dagster as dg

    from adaptive_assets.dagster_compat.runs import ACTIVE_RUN_STATUSES

    assignment = installation.assignment()
    statuses = [dg.DagsterRunStatus.QUEUED, *ACTIVE_RUN_STATUSES]
    records = installation.instance.get_run_records(dg.RunsFilter(statuses=statuses))
    active = [record for record in records if record.dagster_run.status is not dg.DagsterRunStatus.QUEUED]
    queued = [record for record in records if record.dagster_run.status is dg.DagsterRunStatus.QUEUED]
    active.sort(key=_launched_at)
    recorded = _last_snapshot(installation)
    if installation.observes:
        queued.sort(key=_stocks_place)
        return [_line(record, assignment, observes=True) for record in (*active, *queued)]
    places = _places(queued, recorded, assignment)
    queued.sort(key=lambda record: _place(record.dagster_run, places))
    lines = [_line(record, assignment, observes=False) for record in (*active, *queued)]
    held = [line.run_id for line in lines[:limit] if line.state == "held"]
    starts = _starts(installation, recorded, assignment, held, now)
    return [
        replace(line, start_p50_s=start.p50_s, start_p90_s=start.p90_s)
        if (start := starts.get(line.run_id))
        else line
        for line in lines
    ]


def _stocks_place(record: "RunRecord") -> tuple[int, int]:
    """By priority, then as submitted."""
    from adaptive_assets.coordinator.queue_watch import priority_of

    return -priority_of(record.dagster_run), record.storage_id


def _starts(
    installation: Installation,
    recorded: "Snapshot",
    assignment: "PolicyAssignment",
    run_ids: Sequence[str],
    now: float,
) -> "Mapping[str, ExpectedStart]":
    """When those runs will start; nothing where the ledger cannot be read, which was told already."""
    from adaptive_assets.cli.expected_start import expected_starts
    from adaptive_assets.ledger import LedgerError

    if installation.ledger is None or not run_ids:
        return {}
    try:
        return expected_starts(installation.ledger, recorded, assignment.book, run_ids, now)
    except LedgerError:
        return {}
    except Exception as error:  # noqa: BLE001  one run that cannot be planned for must not hide the queue
        note(f"No start can be predicted: {one_line(error)}")
        return {}


def _places(
    queued: "Sequence[RunRecord]", recorded: "Snapshot", assignment: "PolicyAssignment"
) -> Mapping[str, int]:
    """Where each run stands by what the last recorded plan knew, with those that were submitted since."""
    from adaptive_assets.assets.policy_assignment import facts_of
    from adaptive_assets.coordinator.queue_watch import queued_run
    from adaptive_assets.planning.queue_position import queue_positions

    known = {run.run_id: run for run in recorded.queued}
    runs = []
    for waiting in queued:
        run = waiting.dagster_run
        found = known.get(run.run_id)
        submitted_at = waiting.create_timestamp.timestamp()
        runs.append(found or queued_run(run, assignment.work_of(facts_of(run)), submitted_at))
    in_line = queue_positions(replace(recorded, queued=tuple(runs)), assignment.book)
    return {run_id: place for place, run_id in enumerate(in_line)}


def _last_snapshot(installation: Installation) -> "Snapshot":
    """That of the last recorded cycle; before the first, and where none can be read, one of nothing."""
    from adaptive_assets.ledger import LedgerError
    from adaptive_assets.planning.snapshot import Snapshot

    try:
        cycle = installation.ledger.latest_status().cycle_id if installation.ledger else None
        if installation.ledger and cycle is not None:
            return installation.ledger.snapshot(cycle)
    except LedgerError as error:
        note(f"The runs that wait may stand in another order: {error}")  # what is declared is still known
    return Snapshot(time.time())


def _place(run: "dg.DagsterRun", places: Mapping[str, int]) -> tuple[bool, bool, int]:
    """Admitted runs first, and runs that no cycle has seen last."""
    from adaptive_assets.assets import tags

    admission = tags.read(run.tags, tags.ADMISSION)
    return admission is None, admission != tags.ADMITTED, places[run.run_id]


def _launched_at(record: "RunRecord") -> float:
    return record.start_time or record.update_timestamp.timestamp()


def _line(record: "RunRecord", assignment: "PolicyAssignment", observes: bool) -> Line:
    import dagster as dg

    from adaptive_assets.assets import tags
    from adaptive_assets.assets.policy_assignment import facts_of

    run = record.dagster_run
    waits = run.status is dg.DagsterRunStatus.QUEUED
    admission = "" if observes else tags.read(run.tags, tags.ADMISSION) or ""
    unheld: State = "queued" if observes else "not yet seen"
    would, work = run.tags.get(tags.WOULD, ""), assignment.work_of(facts_of(run))
    policy = tags.read(run.tags, tags.POLICY) or (work.policy if would else "")
    return Line(
        run_id=run.run_id,
        name=work.name,
        status=run.status.value,
        state=_STATES.get(admission, unheld) if waits else "active",
        policy=policy,
        tier=tags.read(run.tags, tags.TIER) or (assignment.book.policy(policy).tier if policy else ""),
        mode=_mode(run, admission) if not waits or admission == tags.ADMITTED else "",
        reason=f"only observed: would {would}" if would else tags.read(run.tags, tags.LAUNCH_REASON) or "",
        submitted_at=record.create_timestamp.timestamp(),
        launched_at=None if waits else _launched_at(record),
    )


def _mode(run: "dg.DagsterRun", admission: str) -> str:
    from adaptive_assets.assets import tags

    return run.tags.get(tags.MODE) or (tags.FULL if admission else "")


def _rows(lines: Iterable[Line], now: float) -> Iterator[tuple[str, ...]]:
    for line in lines:
        state = line.status.lower() if line.state == "active" else line.state
        yield (
            short_id(line.run_id),
            shortened(line.name, NAME_SHOWN),
            line.policy or "-",
            line.tier or "-",
            state,
            line.mode or "-",
            seconds(line.waited(now)),
        )


def _start(line: Line) -> str:
    if line.start_p50_s is None or line.start_p90_s is None:
        return "-"
    return f"{seconds(line.start_p50_s)} (p90 {seconds(line.start_p90_s)})"
