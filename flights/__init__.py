"""The reference pipeline: New York's flights of 2013, replayed as if they were happening now.

`flights_definitions` builds it.  The rest is found by module: `feed` replays, `dev` starts everything,
`squeeze` presses on the machine.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flights.definitions import flights_definitions

__all__ = ["flights_definitions"]


def __getattr__(name: str) -> Any:
    """Load the pipeline only for those who ask for it: the feed and the squeeze do without Dagster."""
    if name == "flights_definitions":
        from flights.definitions import flights_definitions

        return flights_definitions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
