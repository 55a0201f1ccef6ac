"""Reading and writing one file: pandas and Polars frames as parquet, everything else as a pickle.

Neither library is imported before a frame of its own kind has been seen.
"""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

__all__ = ["Kind", "StoredValueError", "kind_of", "kind_wanted", "read", "row_count", "suffix_of", "write"]

Kind = Literal["pandas", "polars", "polars_lazy"]


class StoredValueError(Exception):
    """A value that cannot be written, or a file that cannot be read back, and what would help."""


def kind_of(value: object) -> Kind | None:
    """The kind of frame that a value is; ``None`` for anything else."""
    return next((kind for kind in map(_kind_of_type, type(value).__mro__) if kind), None)


def kind_wanted(annotation: object) -> Kind | None:
    """The kind of frame that an annotation asks for; of a mapping by partition, the kind of its values."""
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return kind_wanted(get_args(annotation)[1])
    return _kind_of_type(origin or annotation)


def suffix_of(value: object) -> str:
    """The suffix of the file that `write` makes of a value: ``parquet`` or ``pickle``."""
    return "parquet" if kind_of(value) else "pickle"


def write(value: Any, path: Path) -> None:
    """Write a value to ``path`` and wait until the disk has it. A Polars lazy frame is collected.

    Raises:
        StoredValueError: parquet or pickle cannot hold the value.
        OSError: The disk refused.
    """
    kind = kind_of(value)
    try:
        if kind == "pandas":
            value.to_parquet(path, engine="pyarrow")
        elif kind == "polars":
            value.write_parquet(path)
        elif kind == "polars_lazy":
            value.collect().write_parquet(path)
        else:
            path.write_bytes(pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))
    except OSError:
        raise
    except Exception as error:
        cure = "give each column a text name and one type" if kind else "return a value that pickles"
        what = f"it cannot be stored as {suffix_of(value)}: {_in_short(error)}; {cure}"
        raise StoredValueError(what) from error
    with path.open("rb") as file:
        os.fsync(file.fileno())


def read(path: Path, wanted: Kind | None = None) -> Any:
    """Read what `write` wrote, as the kind of frame that is wanted or else the kind that was stored.

    Raises:
        StoredValueError: The file is damaged.
        OSError: The disk refused; `FileNotFoundError` where there is no such file.
    """
    try:
        if path.suffix == ".pickle":
            return pickle.loads(path.read_bytes())  # noqa: S301  only our own runs write here
        # Reads the footer, so that a damaged file is noticed here for a lazy frame too.
        stored = _stored_kind(path)
        return _read_parquet(path, wanted or stored)
    except OSError as error:
        # pyarrow says of some damaged files that the disk failed; an error of the system has a number.
        if error.errno is not None:
            raise
        raise _damaged(path, error) from error
    except Exception as error:
        raise _damaged(path, error) from error


def row_count(path: Path) -> int | None:
    """The number of rows of a parquet file; ``None`` for a pickle."""
    if path.suffix != ".parquet":
        return None
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


def _kind_of_type(cls: object) -> Kind | None:
    # By name, because a library must not be imported to learn that a value is not one of its own.
    modules = str(getattr(cls, "__module__", "")).split(".")
    match modules[0], "polars" in modules, getattr(cls, "__name__", ""):
        case "polars" | "pandera", True, "DataFrame":
            return "polars"
        case "polars" | "pandera", True, "LazyFrame":
            return "polars_lazy"
        case "pandas" | "pandera", False, "DataFrame":
            return "pandas"
    return None


def _stored_kind(path: Path) -> Kind:
    """Which library wrote a parquet file: pandas leaves an entry of its own in the schema's metadata."""
    from pyarrow import parquet

    return "pandas" if b"pandas" in (parquet.read_schema(path).metadata or {}) else "polars"


def _read_parquet(path: Path, kind: Kind) -> Any:
    if kind == "pandas":
        import pandas as pd

        return pd.read_parquet(path, engine="pyarrow")
    import polars as pl

    return pl.read_parquet(path) if kind == "polars" else pl.scan_parquet(path)


def _damaged(path: Path, error: Exception) -> StoredValueError:
    return StoredValueError(
        f"the file {path} cannot be read: {_in_short(error)}; "
        "materialize it again, or remove the file to go back to the version before it"
    )


def _in_short(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
