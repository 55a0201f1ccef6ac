"""The data folder, as a Dagster resource."""

from pathlib import Path

import dagster as dg

from flights.folder import FlightsFolder
from flights.known import Known, NothingKnownError


class FlightsData(dg.ConfigurableResource[None]):
    """Where the feed lands its files and the pipeline keeps its own."""

    root: str

    @property
    def folder(self) -> FlightsFolder:
        """The folder, by its places."""
        return FlightsFolder(Path(self.root))

    def known(self) -> Known:
        """Return what is known at this instant of the replay.

        Raises:
            dagster.Failure: Nothing has been replayed, or the feed's state is damaged; it says what to do.
        """
        try:
            return Known.of(self.folder)
        except (NothingKnownError, ValueError) as error:
            raise dg.Failure(str(error), allow_retries=False) from error
