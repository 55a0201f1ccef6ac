"""The landed hours: what the feed has delivered, one partition an hour."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from flights.hours import FIRST_HOUR, YEAR_END, hour_key, hour_of_key
from flights.landing import Intake, take_in
from flights.resources import FlightsData

HOURS: Final = dg.HourlyPartitionsDefinition(
    start_date=hour_key(FIRST_HOUR), end_date=hour_key(YEAR_END), timezone="UTC"
)
"""The hours of 2013, in UTC: New York's own clock skips one in March and repeats one in November."""

_FRESH: Final = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(minutes=2), fail_window=timedelta(minutes=5)
)
_OWNERS: Final = ["team:flight-data"]


@dg.asset(
    partitions_def=HOURS,
    output_required=False,
    group_name="landed",
    kinds={"csv", "parquet"},
    owners=_OWNERS,
    freshness_policy=_FRESH,
)
def departures(context: dg.AssetExecutionContext, data: FlightsData) -> Iterator[dg.MaterializeResult[None]]:
    """The flights that left, or were cancelled, in one hour, as the feed delivered them.

    A file that cannot be read is set aside in the quarantine, with the reason beside it; the hour then stays
    missing until it is delivered again.
    """
    yield from _take_in(context, data)


@dg.asset(
    partitions_def=HOURS,
    output_required=False,
    group_name="landed",
    kinds={"csv", "parquet"},
    owners=_OWNERS,
    freshness_policy=_FRESH,
)
def weather(context: dg.AssetExecutionContext, data: FlightsData) -> Iterator[dg.MaterializeResult[None]]:
    """The weather at the three airports in one hour; some hours have no observation."""
    yield from _take_in(context, data)


def _take_in(context: dg.AssetExecutionContext, data: FlightsData) -> Iterator[dg.MaterializeResult[None]]:
    """Take in the run's hour; or, after a pause, what has landed between the first and last of its hours."""
    keys = context.partition_keys
    for key in keys:
        metadata = _take_in_hour(context, data, key, alone=len(keys) == 1)
        if metadata is None:
            continue
        if len(keys) == 1:
            yield dg.MaterializeResult(metadata=metadata)
        else:
            # A result would be one of all hours of the range, those that did not land among them.
            context.log_event(
                dg.AssetMaterialization(asset_key=context.asset_key, partition=key, metadata=metadata)
            )


def _take_in_hour(
    context: dg.AssetExecutionContext, data: FlightsData, key: str, *, alone: bool
) -> dict[str, Any] | None:
    """Take in an hour, and return what there is to say of it; ``None`` when nothing of it could be stored."""
    table = context.asset_key.to_user_string()
    intake = take_in(data.folder, table, hour_of_key(key), time.time())
    _report_quarantine(context, key, intake)
    if intake.rows is not None and (alone or intake.deliveries):
        return {
            "dagster/partition_row_count": intake.rows,
            "deliveries_taken_in": ", ".join(map(str, intake.deliveries)) or "none new",
            "quarantined": len(intake.quarantined),
        }
    if alone and not intake.quarantined:
        raise dg.Failure(
            f"{table} of {key} (UTC) has not landed: there is no file of that hour in {data.folder.landing}, "
            f"and none was taken in before",
            allow_retries=False,
        )
    return None


def _report_quarantine(context: dg.AssetExecutionContext, key: str, intake: Intake) -> None:
    for file in intake.quarantined:
        context.log.warning(f"{file.path.name} is in quarantine: {file.reason}")
        context.log_event(
            dg.AssetObservation(
                asset_key=context.asset_key,
                partition=key,
                description=f"set aside: {file.reason}",
                metadata={"file": dg.MetadataValue.path(str(file.path)), "reason": file.reason},
            )
        )
