"""Frames on disk, in versions: readers only ever see whole files, and the last good version stays.

Every asset has a folder, every partition of it a folder inside that begins with ``@``, and every
materialization adds one file, named ``v<number>-<run id>.parquet`` (or ``.pickle``).  A version is written
beside its final name, synced and renamed, so a run that is killed leaves no torn version behind.  The highest
number is the current version.  Older ones are removed in time, but never the newest good one, which is
what the mode ``last_good`` serves.
"""

import os
import pickle
import re
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin
from urllib.parse import quote

import dagster as dg

if TYPE_CHECKING:
    from upath import UPath

__all__ = ["FrameIOManager", "load_last_good"]

Kind = Literal["pandas", "polars", "polars_lazy"]

_VERSION_NAME: Final = re.compile(r"v(?P<number>\d{8,})-(?P<run_id>[^.]+)\.(?P<format>parquet|pickle)")
_PARTIAL_PREFIX: Final = ".partial-"
_LONGEST_NAME: Final = 200

_serves_last_good: ContextVar[bool] = ContextVar("adaptive_assets_serves_last_good", default=False)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One stored version of an asset or of one of its partitions."""

    number: int
    run_id: str
    path: Path


class FrameIOManager(dg.ConfigurableIOManager, dg.UPathIOManager):
    """Stores pandas and Polars frames as parquet and everything else as pickle, in versions.

    A loaded value has the type that the input's annotation asks for (``pandas.DataFrame``,
    ``polars.DataFrame``, ``polars.LazyFrame``) and, without one, the type that was stored.  An input that
    spans several partitions is a dict by partition key; with the input metadata
    ``{"allow_missing_partitions": True}`` it leaves out those that are not stored.

    Metadata of each materialization: ``path`` (folder), ``version`` (file), ``size_bytes`` and, for frames,
    ``dagster/row_count``.
    """

    base_dir: str
    """A local folder, created when needed.  A relative one starts at the working directory of the process."""
    keep_versions: int = 3
    """How many of the newest versions to keep, besides the newest good one."""

    @property
    def _base_path(self) -> "UPath":
        from upath import UPath

        if "://" in self.base_dir:
            scheme = self.base_dir.partition("://")[0]
            raise dg.DagsterInvalidDefinitionError(
                f"FrameIOManager(base_dir=...) has the scheme `{scheme}`; it takes a local folder, such as `data/assets`"
            )
        return UPath(self.base_dir)

    def get_asset_relative_path(self, context: dg.InputContext | dg.OutputContext) -> "UPath":
        """Return the folder of an asset below ``base_dir``."""
        from upath import UPath

        return UPath(*(_file_name(part) for part in context.asset_key.path))

    def make_safe_partition_path(self, base_path: "UPath", partition: str) -> "UPath":
        """Return the folder of a partition; no key, whatever is in it, leads out of ``base_path``."""
        return base_path / ("@" + _file_name(partition))

    def path_exists(self, path: "UPath") -> bool:
        """True when a version is stored in the folder."""
        return bool(_versions(Path(str(path))))

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: "UPath") -> None:
        """Add a version to the folder ``path`` and remove those that nobody needs any more."""
        folder = Path(str(path))
        folder.mkdir(parents=True, exist_ok=True)
        before = _versions(folder)
        number = before[-1].number + 1 if before else 1
        suffix = "parquet" if _kind_of(obj) else "pickle"
        final = folder / f"v{number:08d}-{_file_name(context.run_id)}.{suffix}"
        partial = folder / f"{_PARTIAL_PREFIX}{uuid.uuid4().hex}"
        try:
            _write(obj, partial, of=_described(context))
            _sync(partial)
            partial.replace(final)
        finally:
            partial.unlink(missing_ok=True)
        _sync(folder)
        metadata: dict[str, Any] = {"version": final.name, "size_bytes": final.stat().st_size}
        if _kind_of(obj) == "pandas":
            metadata["dagster/row_count"] = len(obj)
        elif suffix == "parquet":
            metadata["dagster/row_count"] = _parquet_rows(final)
        context.add_output_metadata(metadata)
        self._prune(context, before)

    def load_from_path(self, context: dg.InputContext, path: "UPath") -> Any:
        """Load the current version in the folder ``path`` (the last good one inside `load_last_good`).

        Raises:
            FileNotFoundError: Nothing is stored there.
            dagster.Failure: The file is damaged; or no version is good, where a good one is asked for.
        """
        versions = _versions(Path(str(path)))
        if _serves_last_good.get():
            good = _newest_good(context.instance, context.asset_key, versions)
            if good is None:
                raise dg.Failure(
                    f"{_described(context)} has no good version to serve: {_count(versions)} stored in {path}, "
                    "and none whose blocking checks all passed. Materialize it once in full.",
                    allow_retries=False,
                )
            return _read(good.path, None, of=_described(context))
        if not versions:
            raise FileNotFoundError(f"{_described(context)} is not stored yet: there is no version in {path}")
        return _read(versions[-1].path, _wanted(context.dagster_type.typing_type), of=_described(context))

    def _prune(self, context: dg.OutputContext, before: list[Version]) -> None:
        # `before` is without the version just written; that one's checks have yet to run.
        spare = max(self.keep_versions, 1) - 1
        candidates = before[: len(before) - spare] if spare else before
        if not candidates:
            return
        good = (
            _newest_good(context.step_context.instance, context.asset_key, before)
            if context.has_asset_key
            else None
        )
        for version in candidates:
            if version != good:
                version.path.unlink(missing_ok=True)


def load_last_good(context: dg.AssetExecutionContext, asset_key: dg.AssetKey | None = None) -> Any:
    """Load the last good version of the asset (and partition) that the step materializes.

    A version is good when every check planned in the run that made it was evaluated and no blocking one
    failed, there or in a later run of the check.  With another IO manager than `FrameIOManager` this is
    whatever it has stored.

    Raises:
        dagster.Failure: There is none, or the step makes several assets and ``asset_key`` is not given.
    """
    key = asset_key or _only_asset(context)
    partition = context.partition_key if context.has_partition_key else None
    token = _serves_last_good.set(True)
    try:
        return context.load_asset_value(key, partition_key=partition)
    except FileNotFoundError as error:
        raise dg.Failure(
            f"`{key.to_user_string()}` was told to serve its last good version, and nothing is stored: {error}. "
            "Materialize it once in full.",
            allow_retries=False,
        ) from error
    finally:
        _serves_last_good.reset(token)


def _only_asset(context: dg.AssetExecutionContext) -> dg.AssetKey:
    keys = sorted(context.selected_asset_keys)
    if len(keys) == 1:
        return keys[0]
    names = ", ".join(f"`{key.to_user_string()}`" for key in keys)
    raise dg.Failure(
        f"This step makes {len(keys)} assets ({names}): say which one's last good version is meant, "
        "as in `run_mode.last_good(context, asset_key)`.",
        allow_retries=False,
    )


def _newest_good(instance: dg.DagsterInstance, key: dg.AssetKey, versions: list[Version]) -> Version | None:
    return next((v for v in reversed(versions) if _is_good(instance, key, v.run_id)), None)


def _is_good(instance: dg.DagsterInstance, key: dg.AssetKey, run_id: str) -> bool:
    planned: set[str] = set()
    evaluated: dict[str, dg.AssetCheckEvaluation] = {}
    of_type = {
        dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    }
    for entry in instance.all_logs(run_id, of_type=of_type):
        data = entry.get_dagster_event().event_specific_data
        if data.asset_key != key:
            continue
        if isinstance(data, dg.AssetCheckEvaluation):
            evaluated[data.check_name] = data
        else:
            planned.add(data.check_name)
    failed = any(
        not e.passed and e.blocking is not False and e.severity is dg.AssetCheckSeverity.ERROR
        for e in evaluated.values()
    )
    return not failed and planned <= evaluated.keys()


def _versions(folder: Path) -> list[Version]:
    """Return what is stored in a folder, oldest first."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    matches = ((name, _VERSION_NAME.fullmatch(name)) for name in names)
    return sorted(Version(int(m["number"]), m["run_id"], folder / name) for name, m in matches if m)


def _file_name(text: str) -> str:
    """Turn any text into one file name; different texts give different names."""
    name = quote(text, safe=" +,:=").replace("~", "%7E")
    if name.strip(".") == "":
        name = name.replace(".", "%2E") or "%"
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 33]}~{sha256(text.encode()).hexdigest()[:32]}"
    return name


def _kind_of(obj: Any) -> Kind | None:
    """Say which kind of frame a value is, without importing a library that the value does not come from."""
    for cls in type(obj).__mro__:
        kind = _kind_of_type(cls)
        if kind:
            return kind
    return None


def _kind_of_type(cls: Any) -> Kind | None:
    module, name = getattr(cls, "__module__", ""), getattr(cls, "__name__", "")
    library = "polars" if "polars" in module.split(".") else module.split(".")[0]
    if library == "polars" and name in ("DataFrame", "LazyFrame"):
        return "polars" if name == "DataFrame" else "polars_lazy"
    if library in ("pandas", "pandera") and name == "DataFrame":
        return "pandas"
    return None


def _wanted(annotation: Any) -> Kind | None:
    """Read the kind of frame out of an input's annotation; of a dict by partition, out of its values' type."""
    origin = get_origin(annotation)
    if origin in (dict, Mapping):
        return _wanted(get_args(annotation)[1])
    return _kind_of_type(origin or annotation)


def _write(obj: Any, path: Path, *, of: str) -> None:
    kind = _kind_of(obj)
    try:
        if kind == "pandas":
            obj.to_parquet(path, engine="pyarrow")
        elif kind == "polars":
            obj.write_parquet(path)
        elif kind == "polars_lazy":
            obj.collect().write_parquet(path)
        else:
            path.write_bytes(pickle.dumps(obj, protocol=pickle.HIGHEST_PROTOCOL))
    except OSError:
        raise
    except Exception as error:
        what = "as parquet" if kind else "as a pickle"
        raise dg.Failure(
            f"{of} cannot be stored {what}: {type(error).__name__}: {error}. "
            + (
                "Give every column one type and a text name."
                if kind
                else "Return a value that pickle can write."
            ),
            allow_retries=False,
        ) from error


def _read(path: Path, wanted: Kind | None, *, of: str) -> Any:
    try:
        if path.suffix == ".pickle":
            return pickle.loads(path.read_bytes())
        return _read_parquet(path, wanted or _stored_kind(path))
    except OSError:
        raise
    except Exception as error:
        raise dg.Failure(
            f"{of}: the file {path} cannot be read ({type(error).__name__}: {error}). "
            "Materialize it again, or remove the file to go back to the version before it.",
            allow_retries=False,
        ) from error


def _read_parquet(path: Path, kind: Kind) -> Any:
    if kind == "pandas":
        import pandas as pd

        return pd.read_parquet(path, engine="pyarrow")
    import polars as pl

    return pl.read_parquet(path) if kind == "polars" else pl.scan_parquet(path)


def _stored_kind(path: Path) -> Kind:
    """Say which library wrote a parquet file: pandas leaves its own entry in the schema's metadata."""
    from pyarrow import parquet

    return "pandas" if b"pandas" in (parquet.read_schema(path).metadata or {}) else "polars"


def _parquet_rows(path: Path) -> int:
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _described(context: dg.InputContext | dg.OutputContext) -> str:
    if not context.has_asset_key:
        return f"The output `{'.'.join(context.get_identifier())}`"
    return f"The asset `{context.asset_key.to_user_string()}`"


def _count(versions: list[Version]) -> str:
    return "1 version is" if len(versions) == 1 else f"{len(versions)} versions are"
