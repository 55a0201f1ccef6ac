"""Reading and writing one file: pandas and Polars frames as parquet, everything else as a pickle.

Neither library is imported before a frame of its own kind has been seen.
"""

import os
import pickle
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args, get_origin

from adaptive_assets.assets.system_errors import number_of

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
        StoredValueError: parquet or pickle cannot hold the value, or the lazy frame cannot be collected.
        OSError: The system refused; its ``errno`` says why.
    """
    kind = kind_of(value)
    if kind == "polars_lazy":
        value = _collected(value)
    try:
        if kind == "pandas":
            value.to_parquet(path, engine="pyarrow")
        elif kind:
            value.write_parquet(path)
        else:
            path.write_bytes(_pickled(value))
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except StoredValueError:
        raise
    except Exception as error:
        if number := number_of(error):
            raise OSError(number, os.strerror(number), os.fspath(path)) from error
        raise _unstorable(value, error, "give each column a text name and one type") from error


def read(path: Path, wanted: Kind | None = None) -> Any:
    """Read what `write` wrote, as the kind of frame that is wanted or else the kind that was stored.

    A lazy frame holds the file open, and reads it even when it is removed meanwhile. The file is closed when
    the last frame that is made of it is gone. Such a frame cannot be serialized.

    Raises:
        StoredValueError: The file is damaged.
        OSError: The system refused; `FileNotFoundError` where there is no such file.
    """
    with path.open("rb") as file:
        try:
            if path.suffix == ".pickle":
                return _unpickled(file.read())
            # Reads the footer, so that a damaged file is noticed here for a lazy frame too.
            stored = _stored_kind(file)
            return _read_parquet(file, wanted or stored)
        except Exception as error:
            # pyarrow says of some damaged files that the disk failed; an error of the system has a number.
            if number := number_of(error):
                raise OSError(number, os.strerror(number), os.fspath(path)) from error
            raise _damaged(path, error.__cause__ or error) from error


def row_count(path: Path) -> int:
    """The number of rows of a parquet file."""
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


def _collected(value: Any) -> Any:
    try:
        return value.collect()
    except Exception as error:
        raise StoredValueError(f"its lazy frame cannot be collected: {_in_short(error)}") from error


def _pickled(value: object) -> bytes:
    try:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        # An error of the system is here one of the value's own code, and not the disk's.
        raise _unstorable(value, error, "return a value that pickles") from error


def _unpickled(content: bytes) -> Any:
    try:
        return pickle.loads(content)  # noqa: S301  only our own runs write here
    except Exception as error:
        raise StoredValueError from error


def _unstorable(value: object, error: Exception, cure: str) -> StoredValueError:
    return StoredValueError(f"it cannot be stored as {suffix_of(value)}: {_in_short(error)}; {cure}")


def _stored_kind(file: BinaryIO) -> Kind:
    """Which library wrote a parquet file: pandas leaves an entry of its own in the schema's metadata."""
    from pyarrow import parquet

    kind: Kind = "pandas" if b"pandas" in (parquet.read_schema(file).metadata or {}) else "polars"
    file.seek(0)
    return kind


def _read_parquet(file: BinaryIO, kind: Kind) -> Any:
    if kind == "pandas":
        import pandas as pd

        return pd.read_parquet(file, engine="pyarrow")
    import polars as pl

    if kind == "polars":
        return pl.read_parquet(file)
    _make_room_for_files(file)
    return pl.scan_parquet(file)


def _make_room_for_files(file: BinaryIO) -> None:
    """Let the process open more files, as far as it may: a reader of many partitions holds each of them.

    Polars opens each once more when it collects them.
    """
    # The system gives the lowest number that is free: so it tells how many files are open.
    opened = os.dup(file.fileno())
    os.close(opened)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or 4 * opened < soft:
        return
    wanted = 4 * soft if hard == resource.RLIM_INFINITY else min(4 * soft, hard)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _damaged(path: Path, error: BaseException) -> StoredValueError:
    return StoredValueError(
        f"the file {path} cannot be read: {_in_short(error)}; "
        "materialize it again, or remove the file to go back to the version before it"
    )


def _in_short(error: BaseException) -> str:
    first = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
