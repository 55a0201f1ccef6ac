"""The folder that the feed and the pipeline share: what is where in it, and how files come to be there.

Every write goes to a hidden file beside the target and is renamed into place, so that a reader sees the
old file or the new one and never half of one, whatever gets killed when.
"""

import json
import os
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class FlightsFolder:
    """Names the places under ``root``; nothing is created before something is written there."""

    root: Path

    @property
    def archive(self) -> Path:
        """The year's tables, unpacked once from the package that ships them."""
        return self.root / "archive"

    @property
    def landing(self) -> Path:
        """Deliveries that have arrived and wait to be taken in."""
        return self.root / "landing"

    @property
    def ingested(self) -> Path:
        """Deliveries that were taken in, as they came."""
        return self.root / "ingested"

    @property
    def quarantine(self) -> Path:
        """Files that could not be taken in, each with a ``.reason.json`` beside it."""
        return self.root / "quarantine"

    @property
    def tables(self) -> Path:
        """What the IO manager keeps."""
        return self.root / "tables"

    @property
    def reports(self) -> Path:
        """The pages."""
        return self.root / "reports"

    @property
    def feed_state(self) -> Path:
        """Where the replay has got to."""
        return self.root / "feed.json"

    def hours(self, table: str) -> "FrameStore":
        """The landed hours of ``departures`` or ``weather``, one frame each."""
        return FrameStore(self.root / "hours" / table)

    @property
    def forecasts(self) -> "FrameStore":
        """Every forecast that was published, by the hour it was made at."""
        return FrameStore(self.root / "forecasts")

    @property
    def history(self) -> "FrameStore":
        """The daily history, by day."""
        return FrameStore(self.root / "history")


@dataclass(frozen=True, slots=True)
class FrameStore:
    """Parquet frames in a folder, under names that sort in time."""

    folder: Path

    def write(self, name: str, frame: "pd.DataFrame") -> Path:
        """Store a frame under a name, in place of what was there."""
        target = self.folder / f"{name}.parquet"
        write_atomically(target, lambda path: frame.to_parquet(path, index=False))
        return target

    def names(self, first: str = "", before: str | None = None) -> list[str]:
        """Return the names from ``first`` on that sort before ``before``, in order."""
        try:
            entries = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        names = (entry.removesuffix(".parquet") for entry in entries if not entry.startswith("."))
        return sorted(name for name in names if name >= first and (before is None or name < before))

    def newest(self) -> str | None:
        """Return the name that sorts last, or ``None`` when the store is empty."""
        return max(self.names(), default=None)

    def read(self, names: Iterable[str]) -> "pd.DataFrame | None":
        """Return the frames of these names as one, or ``None`` where none of them is stored."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        parts = []
        for name in names:
            try:
                # Not a path: pyarrow would read `2013-07-01T08Z` as a partition of a larger data set.
                with (self.folder / f"{name}.parquet").open("rb") as file:
                    parts.append(pq.read_table(file))
            except FileNotFoundError:
                continue
        if not parts:
            return None
        frame: pd.DataFrame = pa.concat_tables(parts, promote_options="permissive").to_pandas()
        return frame


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a hidden file beside ``target``, and rename it to ``target`` when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        write(beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def write_json(target: Path, value: Any) -> None:
    """Write a JSON value atomically."""
    text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    write_atomically(target, lambda path: path.write_text(text, encoding="utf-8"))


def read_json(source: Path) -> Any:
    """Read a JSON value; ``None`` where there is no file.

    Raises:
        ValueError: The file is not JSON; the message names it.
    """
    try:
        return json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{source} is not JSON ({error}); remove it to start afresh") from error
