"""Sensors: what has landed is taken in, and the history is filled in backwards."""

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final

import dagster as dg

from flights.assets.history import flight_history
from flights.assets.landed import departures, weather
from flights.backlog import Waiting, waiting, write_status
from flights.deliveries import TABLES
from flights.feed_state import read_state
from flights.history import missing_days
from flights.hours import hour_key, stamp
from flights.landing import quarantine_foreign, quarantined_count
from flights.resources import FlightsData

HOURS_TAG: Final = "flights/hours"
"""First and last hour that a run takes in: ``2013-07-01T08Z/2013-07-01T08Z``."""
HISTORY_TAG: Final = "flights/history"
RUNS_AT_ONCE: Final = 2
HOURS_A_RUN: Final = 48
MOST_TRIES: Final = 3
"""Runs that may fail over one delivery before it is left for people to look at."""
DAYS_A_RUN: Final = 7

UNFINISHED: Final = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dg.sensor(
    target=[departures, weather],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def landing_sensor(context: dg.SensorEvaluationContext, data: FlightsData) -> dg.SensorResult:
    """Requests a run for each hour that has landed; sets aside what is not a delivery.

    While `RUNS_AT_ONCE` of them are not done, hours collect in the landing folder, and are then taken in by
    one run together: after a pause, the backlog is not a queue of hundreds of runs.  A delivery stays in the
    folder until it is stored: a run that fails is tried again, and nothing is lost while the daemon is down.
    """
    folder, now = data.folder, time.time()
    for file in quarantine_foreign(folder, now):
        context.log.warning(f"{file.path.name} is in quarantine: {file.reason}")
    by_hour: dict[datetime, list[Waiting]] = {}
    for wait in waiting(folder):
        by_hour.setdefault(wait.delivery.hour, []).append(wait)
    at_work = [run.tags[HOURS_TAG] for run in _runs(context, UNFINISHED) if HOURS_TAG in run.tags]
    free = [hour for hour in by_hour if not any(_covers(hours, hour) for hours in at_work)]
    requests: list[dg.RunRequest] = []
    for hours in _shares(free, RUNS_AT_ONCE - len(at_work)):
        request = _request(context, hours, [wait for hour in hours for wait in by_hour[hour]])
        if request is not None:
            requests.append(request)
    write_status(folder, now)
    return dg.SensorResult(run_requests=requests, skip_reason=None if requests else _idle(data, len(by_hour)))


def _shares(hours: Sequence[datetime], runs: int) -> list[Sequence[datetime]]:
    """Share hours out among so many runs: one hour each, or all of them to one run if they are more."""
    if runs <= 0 or not hours:
        return []
    return [hours[:HOURS_A_RUN]] if len(hours) > runs else [[hour] for hour in hours]


def _covers(hours: str, hour: datetime) -> bool:
    first, _, last = hours.partition("/")
    return first <= stamp(hour) <= (last or first)


def _request(
    context: dg.SensorEvaluationContext, hours: Sequence[datetime], waits: Sequence[Waiting]
) -> dg.RunRequest | None:
    """Ask for a run, once for each set of files; again, a few times, after failures."""
    files = sha256("+".join(f"{w.path.name}@{w.landed_at:.3f}" for w in waits).encode()).hexdigest()[:16]
    first, last = hours[0], hours[-1]
    tags = {HOURS_TAG: f"{stamp(first)}/{stamp(last)}", "flights/files": files}
    failed = context.instance.get_runs_count(
        dg.RunsFilter(tags=tags, statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
    )
    if failed >= MOST_TRIES:
        context.log.warning(
            f"{failed} runs have failed over {waits[0].path.name} to {waits[-1].path.name}: look at their "
            f"logs, and materialize {hour_key(first)} to {hour_key(last)} when the cause is gone"
        )
        return None
    tables = {w.delivery.table for w in waits}
    in_a_range = {
        "dagster/asset_partition_range_start": hour_key(first),
        "dagster/asset_partition_range_end": hour_key(last),
    }
    return dg.RunRequest(
        run_key=f"{stamp(first)}/{files}/{failed}",
        partition_key=hour_key(first) if first == last else None,
        asset_selection=[dg.AssetKey(table) for table in TABLES if table in tables],
        tags=tags if first == last else {**tags, **in_a_range},
    )


def _idle(data: FlightsData, hours: int) -> str:
    quarantined = quarantined_count(data.folder)
    aside = f"; {quarantined} files are in {data.folder.quarantine}" if quarantined else ""
    return (
        f"{hours} landed hours wait for the runs that take them in" if hours else "nothing new has landed"
    ) + aside


@dg.sensor(
    target=[flight_history],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def history_sensor(context: dg.SensorEvaluationContext, data: FlightsData) -> dg.SensorResult | dg.SkipReason:
    """Requests the newest missing week of the history, a week at a time: the work for quiet hours."""
    if read_state(data.folder) is None:
        return dg.SkipReason("no feed has replayed anything yet")
    if any(HISTORY_TAG in run.tags for run in _runs(context, UNFINISHED)):
        return dg.SkipReason("the week asked for last is not done yet")
    days = _newest_stretch(missing_days(data.known()))
    if not days:
        return dg.SkipReason("the history is complete up to now")
    failed = context.instance.get_runs_count(
        dg.RunsFilter(tags={HISTORY_TAG: days[0].isoformat()}, statuses=[dg.DagsterRunStatus.FAILURE])
    )
    if failed >= MOST_TRIES:
        raise RuntimeError(
            f"{failed} runs have failed over the history from {days[0]} to {days[-1]}; look at their logs"
        )
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                asset_selection=[dg.AssetKey("flight_history")],
                tags={
                    HISTORY_TAG: days[0].isoformat(),
                    "dagster/asset_partition_range_start": days[0].isoformat(),
                    "dagster/asset_partition_range_end": days[-1].isoformat(),
                },
            )
        ]
    )


def _newest_stretch(days: Sequence[date]) -> list[date]:
    """Return the newest days that follow one another without a gap, a week of them at most, oldest first."""
    stretch: list[date] = []
    for day in reversed(days):
        if len(stretch) == DAYS_A_RUN or (stretch and stretch[0] - day != timedelta(days=1)):
            break
        stretch.insert(0, day)
    return stretch


def _runs(
    context: dg.SensorEvaluationContext, statuses: Sequence[dg.DagsterRunStatus]
) -> Sequence[dg.DagsterRun]:
    return context.instance.get_runs(dg.RunsFilter(statuses=list(statuses)))
