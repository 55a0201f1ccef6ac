"""``adaptive report``: what would have been different, had the coordinator acted while it only observed."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from adaptive_assets.cli.errors import PROBLEMS, CliError, note
from adaptive_assets.cli.installation import Installation, home_option, opened
from adaptive_assets.cli.replay import instant
from adaptive_assets.cli.text import clock, emit_json

if TYPE_CHECKING:
    from adaptive_assets.ledger import Ledger
    from adaptive_assets.reporting.observation.counterfactual import Counterfactual
    from adaptive_assets.reporting.observation.trial import Trial

STOCK_LIMIT: Final = 10
"""Dagster's own ``max_concurrent_runs`` where none is given."""
LONGEST_S: Final = 7 * 86_400.0
"""How much of a trial is told of, unless it is asked for more: its last week."""
MANY: Final = 500
"""Runs of which the simulations take long enough to be told of."""


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to tell; ``open_runs`` were submitted in the time and have not ended yet."""

    trial: "Trial"
    played: "Counterfactual"
    open_runs: int


@click.command()
@home_option
@click.option(
    "--since",
    type=instant,
    metavar="TIME",
    help="Runs submitted from this time on: 2026-11-27T18:30, or 2h ago. Without it, the last week's.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def report(home: Path | None, since: float | None, json_wanted: bool) -> None:
    """Say what would have been different, had the coordinator acted while it only observed.

    The runs of the trial are simulated twice, under stock Dagster's queue and under our planner.
    """
    from adaptive_assets.cli.report_text import as_json, as_text

    with opened(home) as installation:
        found = gather(installation, since, time.time())
    emit_json(as_json(found)) if json_wanted else click.echo(as_text(found))


def gather(installation: Installation, since: float | None, now: float) -> Report:
    """Read the last trial, and simulate it.

    Raises:
        CliError: there was no trial, or nothing came of it yet.
        LedgerError: the ledger cannot be read.
    """
    from adaptive_assets.reporting.observation.counterfactual import NoMachineError, play
    from adaptive_assets.reporting.observation.trial import read_trial

    if installation.settings is None or installation.ledger is None:
        raise _no_trial(installation)
    observed_since, until = _last_period(installation, installation.ledger, now)
    begin = max(observed_since, until - LONGEST_S if since is None else since)
    if begin > until:
        raise CliError(
            f"The trial ended at {clock(until)}, before {clock(begin)}.", "Take an earlier time for --since."
        )
    trial = read_trial(installation.ledger, begin, until, observed_since)
    if not trial.workload.runs:
        raise CliError(
            f"No run that was submitted since {clock(begin)} has ended with success yet.",
            "Let some runs end, a day's if possible, and ask again.",
            exit_code=PROBLEMS,
        )
    if len(trial.workload.runs) >= MANY:
        note(f"Simulating {len(trial.workload.runs):,} runs twice; this may take minutes.")
    given = installation.settings.run_limit
    try:
        played = play(
            trial,
            stock_limit=STOCK_LIMIT if given is None else _limit(given),
            our_limit=_limit(given),
            cycle_s=_cycle_s(installation),
        )
    except NoMachineError:
        raise CliError(
            "No reading of the machine is recorded, so nothing can be simulated.",
            "`adaptive status` says whether the daemon is at work.",
            exit_code=PROBLEMS,
        ) from None
    return Report(trial, played, _open_runs(installation, begin, until))


def _limit(given: int | None) -> int | None:
    return None if given in (None, -1) else given


def _last_period(installation: Installation, ledger: "Ledger", now: float) -> tuple[float, float]:
    """From when to when the coordinator last observed."""
    from adaptive_assets.coordinator.coordinator_mode import CoordinatorMode, periods

    noted = periods(ledger)
    observed = [each for each in noted if each.mode is CoordinatorMode.OBSERVE]
    if not observed:
        raise _no_trial(installation)
    return observed[-1].since, observed[-1].until or now


def _no_trial(installation: Installation) -> CliError:
    nothing = f"The coordinator has not observed anything in {installation.home} yet"
    if installation.observes:
        return CliError(
            f"{nothing}: no cycle has run in `mode: observe`.",
            "Start `dagster-daemon run`, or restart it; `adaptive status` says whether it is at work.",
            exit_code=PROBLEMS,
        )
    if installation.settings is None:
        return CliError(
            f"The run coordinator of {installation.home} is {installation.coordinator}: without the"
            " settings of AdaptiveRunCoordinator no trial can be simulated.",
            "Name AdaptiveRunCoordinator in dagster.yaml while you read the report.",
        )
    return CliError(
        f"{nothing}.",
        "Write `mode: observe` into `run_coordinator.config` of dagster.yaml, restart daemon and webserver,"
        " and let some runs end.",
    )


def _cycle_s(installation: Installation) -> float:
    from adaptive_assets.coordinator.run_coordinator import AdaptiveRunCoordinator

    coordinator = installation.instance.run_coordinator
    if not isinstance(coordinator, AdaptiveRunCoordinator):
        return 5.0
    return float(max(1, coordinator.dequeue_interval_seconds))


def _open_runs(installation: Installation, since: float, until: float) -> int:
    from datetime import UTC, datetime

    import dagster as dg

    from adaptive_assets.dagster_compat.runs import ACTIVE_RUN_STATUSES

    return installation.instance.get_runs_count(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.QUEUED, *ACTIVE_RUN_STATUSES],
            created_after=datetime.fromtimestamp(since, tz=UTC),
            created_before=datetime.fromtimestamp(until, tz=UTC),
        )
    )
