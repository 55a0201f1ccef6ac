"""``adaptive explain``: what was decided about a run, when, and why."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adaptive_assets.cli.explain_text import as_json, as_text
from adaptive_assets.cli.explanation import Asked, ExplainedRun, Explanation
from adaptive_assets.cli.installation import Installation, home_option, opened
from adaptive_assets.cli.runs import find_run, unknown
from adaptive_assets.cli.text import emit_json

if TYPE_CHECKING:
    import dagster as dg

    from adaptive_assets.cli.expected_start import ExpectedStart
    from adaptive_assets.dagster_compat.runs import RunRecord
    from adaptive_assets.ledger import DecisionRow, RunUsageRow
    from adaptive_assets.planning.snapshot import Work
    from adaptive_assets.policy import PolicyBook


@click.command()
@click.argument("run_id")
@home_option
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def explain(run_id: str, home: Path | None, json_wanted: bool) -> None:
    """Tell what was decided about a run, when, and why. RUN_ID may be the beginning of an id."""
    with opened(home) as installation:
        found = gather(installation, run_id, time.time())
    if json_wanted:
        emit_json(as_json(found))
    else:
        click.echo(as_text(found))


def gather(installation: Installation, given: str, now: float) -> Explanation:
    """Collect all that is known of the decisions on one run.

    Raises:
        CliError: no run, or more than one, is meant by ``given``.
        LedgerError: the ledger cannot be read.
    """
    from adaptive_assets.assets.policy_assignment import facts_of

    record = find_run(installation.instance, given)
    if record is None:
        run_id = given.strip().lower()
        decisions = installation.ledger.decisions_for_run(run_id) if installation.ledger else []
        if not decisions:
            raise unknown(installation.instance, given)
        gone, observed = "Dagster does not hold this run any more.", _observed(installation, decisions)
        return Explanation(now, run_id, None, tuple(decisions), gone, observed=observed)
    run = record.dagster_run
    assignment = installation.assignment()
    work = assignment.work_of(facts_of(run))
    decisions = _decisions(installation, run, work, assignment.book)
    remark = "" if decisions else _why_nothing(installation, run)
    facts = _facts(record, work, assignment.book)
    start = None if installation.observes else _start(installation, run, assignment.book, now)
    killed, asked = _out_of_memory(installation, run, work, facts.submitted_at)
    observed = _observed(installation, decisions)
    return Explanation(now, run.run_id, facts, tuple(decisions), remark, start, killed, asked, observed)


def _observed(installation: Installation, decisions: Iterable["DecisionRow"]) -> frozenset[int]:
    """The decisions that were not acted on, by id: those made while the coordinator only observed."""
    from adaptive_assets.coordinator.coordinator_mode import CoordinatorMode, periods

    if installation.ledger is None:
        return frozenset()
    times = [each for each in periods(installation.ledger) if each.mode is CoordinatorMode.OBSERVE]
    return frozenset(row.id for row in decisions if any(each.has(row.at) for each in times))


def _out_of_memory(
    installation: Installation, run: "dg.DagsterRun", work: "Work", submitted_at: float
) -> "tuple[RunUsageRow | None, Asked | None]":
    """Its own end, if that was for want of memory, and what it asked for because others had ended so."""
    from adaptive_assets.coordinator.experience import ended_run
    from adaptive_assets.learning import LEARNING, Attempts

    if installation.ledger is None:
        return None, None
    root = run.root_run_id or run.run_id
    killed, attempts, last = None, Attempts(LEARNING), None
    for usage in installation.ledger.out_of_memory(root):
        if usage.run_id == run.run_id:
            killed = usage
        elif usage.ended_at <= submitted_at:
            attempts.observe(ended_run(work, usage))
            last = usage
    memory = attempts.asked(root)
    return killed, Asked(memory, last) if memory and last else None


def _start(
    installation: Installation, run: "dg.DagsterRun", book: "PolicyBook", now: float
) -> "ExpectedStart | None":
    """When it will start, if it waits and the last recorded snapshot has it."""
    import dagster as dg

    from adaptive_assets.assets import tags
    from adaptive_assets.cli.expected_start import expected_starts

    held = run.status is dg.DagsterRunStatus.QUEUED and tags.read(run.tags, tags.ADMISSION) == tags.HELD
    cycle = installation.ledger.latest_status().cycle_id if installation.ledger and held else None
    if cycle is None or installation.ledger is None:
        return None
    ledger = installation.ledger
    return expected_starts(ledger, ledger.snapshot(cycle), book, [run.run_id], now).get(run.run_id)


def _decisions(
    installation: Installation, run: "dg.DagsterRun", work: "Work", book: "PolicyBook"
) -> "list[DecisionRow]":
    import dagster as dg

    from adaptive_assets.assets import tags
    from adaptive_assets.cli.own_reasons import told_of_run
    from adaptive_assets.planning.work_key import work_key

    if installation.ledger is None:
        return []
    # A run that joins others of its kind in waiting changes nothing, so no cycle records that it has come.
    held = installation.observes or tags.read(run.tags, tags.ADMISSION) == tags.HELD
    waits = run.status is dg.DagsterRunStatus.QUEUED and held
    ledger = installation.ledger
    rows = ledger.decisions_for_run(run.run_id, work_key(work) if waits else None)
    return list(told_of_run(rows, run.run_id, run.tags.get(tags.REASON, ""), ledger, book))


def _facts(record: "RunRecord", work: "Work", book: "PolicyBook") -> ExplainedRun:
    from adaptive_assets.assets import tags

    run = record.dagster_run
    would = run.tags.get(tags.WOULD, "")
    # a run that was only observed carries no policy of its own
    policy = tags.read(run.tags, tags.POLICY) or (work.policy if would else "")
    objective = book.policy(policy).objective if policy else None
    admission = tags.read(run.tags, tags.ADMISSION)
    held = admission == tags.HELD
    return ExplainedRun(
        name=work.name,
        status=run.status.value,
        policy=policy,
        tier=tags.read(run.tags, tags.TIER) or (book.policy(policy).tier if policy else ""),
        mode="" if held else run.tags.get(tags.MODE) or (tags.FULL if admission else ""),
        reason=f"only observed: would {would}" if would else tags.read(run.tags, tags.LAUNCH_REASON) or "",
        submitted_at=record.create_timestamp.timestamp(),
        started_at=record.start_time,
        ended_at=record.end_time,
        deadline_s=objective.deadline if objective else None,
        inputs_degraded=_modes(run.tags.get(tags.INPUTS_DEGRADED, "")),
    )


def _modes(text: str) -> dict[str, str]:
    """What the tag says; nothing where it was written by hand and is no object."""
    try:
        modes = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(name): str(mode) for name, mode in modes.items()} if isinstance(modes, dict) else {}


def _why_nothing(installation: Installation, run: "dg.DagsterRun") -> str:
    """Why nothing was decided about a run that exists."""
    import dagster as dg

    from adaptive_assets.assets import tags

    queued = run.status is dg.DagsterRunStatus.QUEUED
    if installation.settings is None:
        return (
            "Nothing was decided about it: the run coordinator of this instance is"
            f" {installation.coordinator}, not AdaptiveRunCoordinator."
        )
    if queued:
        return "No cycle has decided about it yet. `adaptive status` says whether the daemon is at work."
    if installation.observes or tags.WOULD in run.tags:
        return (
            "The ledger holds no decision on it. In mode `observe` a run may be launched before a cycle has"
            " seen it; or the decision was forgotten with what is older than the retention."
        )
    if tags.read(run.tags, tags.ADMISSION) is None:
        return (
            "Nothing was decided about it: it ran before AdaptiveRunCoordinator was installed here, or it was"
            " started without the queue."
        )
    return (
        "The ledger holds no decision on it: it was forgotten with what is older than the retention, or the"
        " ledger could not be written at the time. What the run carries is all there is."
    )
