"""What is known at this instant of the replay, and nothing after it.

Before the replay's start that is the archive; since then it is what has landed and was taken in.  Everything
that the pipeline reads of the past comes from here, so that no table and no model can know the future.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flights.data import Archive
from flights.feed_state import read_state
from flights.folder import FlightsFolder
from flights.hours import FIRST_HOUR, HOUR, hour_named, stamp
from flights.tables import airport_hours, clean_departures, clean_weather

if TYPE_CHECKING:
    import pandas as pd


class NothingKnownError(RuntimeError):
    """No feed has replayed anything into the folder yet."""


@dataclass(frozen=True, slots=True)
class Known:
    """A view of a folder, cut off at ``until``: the end of the newest hour of departures taken in."""

    folder: FlightsFolder
    start: datetime
    until: datetime

    @classmethod
    def of(cls, folder: FlightsFolder) -> "Known":
        """Return what is known in a folder now.

        Raises:
            NothingKnownError: There has been no feed.
            ValueError: The feed's state is damaged.
        """
        state = read_state(folder)
        if state is None:
            raise NothingKnownError(
                f"nothing has been replayed into {folder.root}; start the feed with "
                f"`python -m flights.feed --data {folder.root}`"
            )
        newest = folder.hours("departures").newest()
        return cls(folder, state.start, hour_named(newest) + HOUR if newest else state.start)

    def departures(self, first: datetime = FIRST_HOUR) -> "pd.DataFrame":
        """Return the clean departures known since ``first``."""
        return clean_departures(self._raw("departures", first))

    def weather(self, first: datetime = FIRST_HOUR) -> "pd.DataFrame":
        """Return the clean observations since ``first``."""
        return clean_weather(self._raw("weather", first))

    def airport_hours(self, departures: "pd.DataFrame", first: datetime = FIRST_HOUR) -> "pd.DataFrame":
        """Return the hours of the airports since ``first``, of departures that were read here."""
        return airport_hours(departures, self.weather(first), first, self.until)

    def schedule(self, first: datetime, until: datetime) -> "pd.DataFrame":
        """Return the flights scheduled in [``first``, ``until``): timetables are known ahead."""
        return Archive(self.folder.archive).schedule(first, until)

    def _raw(self, table: str, first: datetime) -> "pd.DataFrame":
        import pandas as pd

        archive = Archive(self.folder.archive)
        read = archive.departures if table == "departures" else archive.weather
        past = read(first, max(first, min(self.start, self.until))).drop(columns="known_at")
        store = self.folder.hours(table)
        landed = store.read(store.names(stamp(max(first, self.start)), before=stamp(self.until)))
        if landed is None or landed.empty:
            return past
        landed = landed.drop(columns="delivery")
        return pd.concat([past, landed], ignore_index=True) if len(past) else landed
