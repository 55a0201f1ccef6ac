"""The daily history, filled in backwards while the machine has nothing better to do."""

from datetime import date
from typing import Final

import dagster as dg

from flights.history import day_summary, is_over
from flights.metadata import local
from flights.resources import FlightsData

DAYS: Final = dg.DailyPartitionsDefinition(
    start_date="2013-01-01", end_date="2014-01-01", timezone="America/New_York"
)


@dg.asset(
    partitions_def=DAYS,
    group_name="history",
    kinds={"parquet"},
    owners=["team:flight-data"],
)
def flight_history(context: dg.AssetExecutionContext, data: FlightsData) -> dg.MaterializeResult[None]:
    """What became of each day's flights by route and carrier, arrivals included.

    A day is history when its last flight has arrived; a day that the replay has not reached is refused.
    """
    known = data.known()
    days = [date.fromisoformat(key) for key in context.partition_keys]
    early = [day for day in days if not is_over(day, known)]
    if early:
        raise dg.Failure(
            f"{early[0]} is not over yet ({len(early)} of {len(days)} days): it is {local(known.until)} "
            f"in the replay, and a day is history when its last flight has arrived",
            allow_retries=False,
        )
    flights = 0
    for day in days:
        summary = day_summary(data.folder, day)
        flights += int(summary["flights"].sum())
        data.folder.history.write(day.isoformat(), summary)
    return dg.MaterializeResult(metadata={"days": len(days), "flights": flights})
