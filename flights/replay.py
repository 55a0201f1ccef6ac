"""What is delivered when: the year as a provider would send it, with the faults that chaos asks for.

Everything here is a function of the hour, the rates and the seed.  So the feed needs to remember nothing
but how far it has got, and two replays with the same settings are the same, restarts included.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from flights.data import DEPARTURE_COLUMNS, WEATHER_COLUMNS, Archive
from flights.deliveries import TABLES, Delivery
from flights.hours import HOUR, stamp

if TYPE_CHECKING:
    import pandas as pd

MOST_HOURS_LATE: Final = 3
CORRECTED_AFTER: Final = 2
"""Hours after which a broken or wrong delivery is sent again as it should have been."""


class Content(StrEnum):
    """What a delivered file holds."""

    WHOLE = "whole"
    BROKEN = "broken"
    """Something that cannot be read as the table."""
    WRONG = "wrong"
    """The table, with a value in it that cannot be true."""
    DOUBLED = "doubled"
    """The table, with every row in it twice."""


@dataclass(frozen=True, slots=True)
class Chaos:
    """How often something goes wrong with a delivery: shares from 0 to 1, and the seed of the dice."""

    late: float = 0.0
    """Arrives one to three hours late, after hours that follow it."""
    duplicated: float = 0.0
    """Arrives a second time, with every row doubled."""
    broken: float = 0.0
    """Arrives unreadable first, and as it should an hour or two later."""
    wrong: float = 0.0
    """Arrives with an impossible value first, and corrected an hour or two later."""
    seed: int = 2013

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self) if f.name != "seed"):
            rate = getattr(self, name)
            if not 0.0 <= rate <= 1.0:
                raise ValueError(
                    f"the chaos rate `{name}` is {rate}; a share from 0 to 1 is right, such as 0.05"
                )


CHAOS: Final = {
    "none": Chaos(),
    "mild": Chaos(late=0.05, duplicated=0.05, broken=0.03, wrong=0.04),
    "wild": Chaos(late=0.3, duplicated=0.2, broken=0.15, wrong=0.15),
}
"""Chaos by name, as the command line takes it."""


@dataclass(frozen=True, slots=True, order=True)
class Planned:
    """A delivery, the instant at which it is made, and what it holds."""

    due: datetime
    delivery: Delivery
    content: Content = Content.WHOLE


def deliveries_of(table: str, hour: datetime, chaos: Chaos) -> tuple[Planned, ...]:
    """Return every delivery there will be of one hour of one table."""
    dice = _dice(chaos, table, hour)
    # All dice fall, in the same order, whatever the rates: turning one up leaves other faults where they are.
    late, fault, lateness = dice.random(), dice.random(), dice.randint(1, MOST_HOURS_LATE)
    due = hour + HOUR * (1 + (lateness if late < chaos.late else 0))
    first = Delivery(hour, table, 1)
    second = Delivery(hour, table, 2)
    if fault < chaos.broken:
        return (Planned(due, first, Content.BROKEN), Planned(due + CORRECTED_AFTER * HOUR, second))
    if fault < chaos.broken + chaos.wrong:
        return (Planned(due, first, Content.WRONG), Planned(due + CORRECTED_AFTER * HOUR, second))
    if fault < chaos.broken + chaos.wrong + chaos.duplicated:
        return (Planned(due, first), Planned(due + HOUR, second, Content.DOUBLED))
    return (Planned(due, first),)


def deliveries_due(position: datetime, start: datetime, chaos: Chaos) -> Iterator[Planned]:
    """Yield the deliveries to make when the replay reaches ``position``, of the hours since ``start``."""
    farthest = 1 + MOST_HOURS_LATE + CORRECTED_AFTER
    for back in range(farthest, 0, -1):
        hour = position - back * HOUR
        if hour < start:
            continue
        for table in TABLES:
            yield from (p for p in deliveries_of(table, hour, chaos) if p.due == position)


def render(planned: Planned, archive: Archive, chaos: Chaos) -> bytes | None:
    """Return the bytes of a delivery's file.

    ``None`` when there is nothing to deliver: an hour without any weather observation.  An hour without
    departures is delivered all the same, as a table without rows: silence would look like a late file.
    """
    delivery = planned.delivery
    if delivery.table == "weather":
        frame = archive.weather(delivery.hour, delivery.hour + HOUR)[list(WEATHER_COLUMNS)]
        if frame.empty:
            return None
    else:
        frame = archive.departures(delivery.hour, delivery.hour + HOUR)[list(DEPARTURE_COLUMNS)]
    dice = _dice(chaos, "content", delivery.table, delivery.hour)
    if planned.content is Content.WRONG and len(frame):
        frame = _with_wrong_value(delivery.table, frame, dice)
    if planned.content is Content.DOUBLED:
        frame = frame.loc[frame.index.repeat(2)]
    text = frame.to_csv(index=False, na_rep="NA").encode()
    return _break(text, dice) if planned.content is Content.BROKEN else text


def _dice(chaos: Chaos, *what: object) -> random.Random:
    named = [stamp(w) if isinstance(w, datetime) else str(w) for w in what]
    return random.Random("/".join([str(chaos.seed), *named]))


def _with_wrong_value(table: str, frame: "pd.DataFrame", dice: random.Random) -> "pd.DataFrame":
    """Return the frame with one value in it that is of the right type and cannot be true."""
    frame = frame.copy()
    row = dice.randrange(len(frame))
    lies: tuple[tuple[str, Any], ...]
    if table == "weather":
        lies = (("temp", 999.0), ("visib", -5.0), ("humid", 400.0))
    else:
        lies = (
            ("dep_delay", 99999.0),
            ("origin", "XXX"),
            # An hour in UTC where New York's belongs.
            ("hour", (int(frame["hour"].iloc[row]) + 5) % 24),
        )
    column, value = dice.choice(lies)
    frame[column] = frame[column].where(frame.index != row, value)
    return frame


def _break(text: bytes, dice: random.Random) -> bytes:
    """Return something that cannot be read as the table any more."""
    header, _, body = text.partition(b"\n")
    return dice.choice(
        (
            header.replace(b"origin", b"departure_airport", 1) + b"\n" + body,  # another schema
            text[: max(len(header) + 1, len(text) - 20)] + b',"',  # cut off inside a row
            dice.randbytes(512),  # not text at all
            header.replace(b",", b";") + b"\n" + body,  # another dialect
        )
    )
