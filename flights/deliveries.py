"""A delivery: one file that brings one hour of one table.

A provider sends an hour again when it was late, broken or wrong; each time under the next number.  Every
delivery is the whole hour as known then, so the one with the highest number is the truth about it,
whatever order they arrive in.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flights.hours import hour_named, stamp

TABLES: Final = ("departures", "weather")

_NAME: Final = re.compile(
    rf"(?P<table>{'|'.join(TABLES)})_(?P<hour>\d{{4}}-\d{{2}}-\d{{2}}T\d{{2}}Z)_(?P<number>[1-9]\d{{0,3}})\.csv"
)


@dataclass(frozen=True, slots=True, order=True)
class Delivery:
    """Which hour of which table, and the how-manieth time it is sent."""

    hour: datetime
    table: str
    number: int = 1

    @property
    def file_name(self) -> str:
        """The file's name, such as ``departures_2013-07-01T08Z_1.csv``."""
        return f"{self.table}_{stamp(self.hour)}_{self.number}.csv"

    @classmethod
    def named(cls, file_name: str) -> "Delivery | None":
        """Return the delivery that a file's name says it is, or ``None`` for any other name."""
        match = _NAME.fullmatch(file_name)
        if match is None:
            return None
        try:
            hour = hour_named(match["hour"])
        except ValueError:  # the shape of an hour, but not one: month 13
            return None
        return cls(hour, match["table"], int(match["number"]))
