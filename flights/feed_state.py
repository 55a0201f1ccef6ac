"""How far a replay has got: the one thing that the feed remembers."""

from dataclasses import dataclass
from datetime import datetime

from flights.folder import FlightsFolder, read_json, write_json
from flights.hours import YEAR_END


@dataclass(frozen=True, slots=True)
class FeedState:
    """The first hour that is replayed, and the replay's clock: what was due before it has been delivered."""

    start: datetime
    position: datetime

    @property
    def finished(self) -> bool:
        """True when the year is over."""
        return self.position > YEAR_END


def write_state(folder: FlightsFolder, state: FeedState) -> None:
    """Write the state to ``feed.json``, atomically."""
    write_json(folder.feed_state, {"start": state.start.isoformat(), "position": state.position.isoformat()})


def read_state(folder: FlightsFolder) -> FeedState | None:
    """Return the state of the folder's replay; ``None`` before there is one.

    Raises:
        ValueError: The state file is damaged; the message names it.
    """
    value = read_json(folder.feed_state)
    if value is None:
        return None
    try:
        start, position = (datetime.fromisoformat(value[key]) for key in ("start", "position"))
        if start.tzinfo is None or position.tzinfo is None:
            raise ValueError("a time without a zone")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder.feed_state} is not the state of a feed ({type(error).__name__}: {error}); "
            f"remove it to replay from the start"
        ) from error
    return FeedState(start, position)
