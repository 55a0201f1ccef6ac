"""Frames on disk, in versions: readers only ever see whole files, and the last good version stays.

Every asset has a folder, every partition of it a folder inside whose name begins with ``@``, and every
materialization adds one file, ``v<number>-<run id>.parquet`` (or ``.pickle``). A version is written apart,
synced and renamed (see `publication`), so a run that is killed leaves no torn version behind. It is a
candidate until the event log has its materialization and passing evaluations of its blocking checks (see
`audit`); other runs read the newest version that is published so. Older ones are removed in time, but never
the newest good one, which is also what the mode ``last_good`` serves.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
from pydantic import Field, field_validator
from typing_extensions import override

from adaptive_assets.assets import frames, system_errors
from adaptive_assets.assets.audit import audit, newest_good
from adaptive_assets.assets.object_store import as_folder, publish, read, versions_in
from adaptive_assets.assets.publication import ABANDONED_AFTER, sweep
from adaptive_assets.assets.versions import Version, file_name

if TYPE_CHECKING:
    from upath import UPath

_ATTEMPTS: Final = 3
_HOUR: Final = 3600.0
_SHOWN: Final = 3
"""How many of the versions that did not pass a message names."""


class FrameIOManager(dg.ConfigurableIOManager, dg.UPathIOManager):
    """Stores pandas and Polars frames as parquet and everything else as pickle, in versions.

    A loaded value has the type that the input's annotation asks for (``pandas.DataFrame``,
    ``polars.DataFrame``, ``polars.LazyFrame``) and, without one, the type that was stored. An input that
    spans several partitions is a dict by partition key; with the input metadata
    ``{"allow_missing_partitions": True}`` it leaves out those that are not stored.

    Metadata of each materialization: ``path`` (its folder), ``version`` (its file), ``size_bytes`` and, for
    frames, ``dagster/row_count``.
    """

    base_dir: str
    """A local folder, created when needed, or the URL of any fsspec file system (``s3://bucket/assets``). A
    relative folder starts at the working directory of the process."""
    keep_versions: int = Field(default=3, ge=1)
    """How many of the newest versions to keep; the newest good one is kept besides."""
    keep_for_hours: float = Field(default=0.0, ge=0.0)
    """Versions younger than this are kept too, however many there are."""
    audit: bool = True
    """Whether other runs see a version only when its blocking checks have passed; else, as soon as it is
    stored."""

    @field_validator("base_dir")
    @classmethod
    def _understood(cls, base_dir: str) -> str:
        scheme, separator, rest = base_dir.partition("://")
        if not separator:
            return base_dir
        if scheme in ("file", "local"):
            return rest
        from fsspec import available_protocols  # type: ignore[import-untyped]  # it has no types

        if scheme not in available_protocols():
            close = get_close_matches(scheme, available_protocols(), 1)
            hint = f"; did you mean `{close[0]}`?" if close else ""
            raise ValueError(
                f"base_dir is a local folder, such as `data/assets`, or an fsspec URL, such as "
                f"`s3://bucket/assets`; no file system has the scheme `{scheme}`{hint}"
            )
        return base_dir

    @property
    @override
    def _base_path(self) -> "UPath":  # type: ignore[override]  # Dagster documents it so
        from upath import UPath

        return UPath(self.base_dir) if "://" in self.base_dir else UPath(Path(self.base_dir).expanduser())

    @override
    def get_asset_relative_path(self, context: dg.InputContext | dg.OutputContext) -> "UPath":
        """The folder of an asset below ``base_dir``."""
        from upath import UPath

        return UPath(*(file_name(part) for part in context.asset_key.path))

    @override
    def make_safe_partition_path(self, base_path: "UPath", partition: str) -> "UPath":
        """The folder of a partition; no key, whatever is in it, leads out of ``base_path``."""
        return base_path / f"@{file_name(partition)}"

    @override
    def _get_paths_for_partitions(self, context: dg.InputContext | dg.OutputContext) -> dict[str, "UPath"]:
        # Dagster joins the keys of several dimensions with `/`: one path for `a/b` + `c` and `a` + `b/c`.
        folder = self._get_path_without_extension(context)
        return {key: self.make_safe_partition_path(folder, key) for key in context.asset_partition_keys}

    @override
    def path_exists(self, path: "UPath") -> bool:
        """True when a version is stored in the folder ``path``."""
        return bool(versions_in(as_folder(path)))

    @override
    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store a value as a version.

        Raises:
            dagster.Failure: parquet or pickle cannot hold the value, or the system refused it (a full disk,
                no permission, …).
        """
        try:
            super().handle_output(context, obj)
        except OSError as error:
            raise _refused(context, error, as_folder(self._base_path)) from error

    @override
    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: "UPath") -> None:
        """Add a version to the folder ``path``, and remove those that nobody needs any more.

        Raises:
            dagster.Failure: parquet or pickle cannot hold the value.
            OSError: The system refused.
        """
        folder = as_folder(path)
        base = as_folder(self._base_path)
        # Where partial files lie: in a folder that later runs look into, whatever partition they make.
        home = as_folder(self._get_path(context)) if context.has_asset_key else base
        suffix = frames.suffix_of(obj)
        metadata: dict[str, Any] = {}

        def write(partial: Path) -> None:
            frames.write(obj, partial)
            metadata["size_bytes"] = partial.stat().st_size
            if suffix == "parquet":
                metadata["dagster/row_count"] = frames.row_count(partial)

        try:
            version, stored = publish(home, folder, context.run_id, suffix, write)
        except frames.StoredValueError as error:
            raise _failure(context, str(error)) from error
        context.add_output_metadata({"version": version.path.name, **metadata})
        self._tidy(context, {base, home, folder}, stored)

    def _tidy(self, context: dg.OutputContext, folders: set[Any], stored: Sequence[Version]) -> None:
        """Remove what nobody needs any more; the version is stored, whatever comes of this."""
        try:
            if context.has_asset_key:
                self._prune(context, stored)
            # On a store an upload that was cut short is no object, and the store's own to discard.
            local = {folder for folder in folders if isinstance(folder, Path)}
            sweep(local, lambda run_id: _is_over(context.step_context.instance, run_id))
        except Exception as error:  # noqa: BLE001  the next version tries again
            context.log.warning(
                "%s: what nobody needs in %s could not be removed; the next version tries again: %s: %s",
                _described(context),
                max(map(str, folders)),
                type(error).__name__,
                error,
            )

    def _prune(self, context: dg.OutputContext, stored: Sequence[Version]) -> None:
        """Remove the versions that policy does not keep; never the last good one, nor one being audited."""
        instance, now = context.step_context.instance, time.time()
        candidates = [
            version
            for version in stored[: max(len(stored) - self.keep_versions + 1, 0)]
            if now - version.written_at >= self.keep_for_hours * _HOUR
        ]
        # Asked before anything is removed, and only when something could be: it reads the event log.
        partition = context.asset_partition_key if context.has_asset_partitions else None
        good = newest_good(instance, context.asset_key, partition, stored) if candidates else None
        for version in candidates:
            settled = _is_over(instance, version.run_id) or now - version.written_at > ABANDONED_AFTER
            if version != good and settled:
                version.path.unlink(missing_ok=True)

    @override
    def load_from_path(self, context: dg.InputContext, path: "UPath") -> Any:
        """Load the version in the folder ``path`` that the run of the input may see.

        Raises:
            FileNotFoundError: Nothing is stored there.
            dagster.Failure: No version has passed its checks, or the file is damaged.
        """
        return self._load_current(context, as_folder(path), None)

    @override
    def load_partitions(self, context: dg.InputContext) -> Any:
        """Load one partition, or several as a dict by their keys."""
        paths = self._get_paths_for_partitions(context)
        if len(paths) == 1:
            ((key, path),) = paths.items()
            return self._load_partition(context, key, path)
        loaded = {key: self._load_partition(context, key, path) for key, path in paths.items()}
        return {key: value for key, value in loaded.items() if value is not None}

    def _load_partition(self, context: dg.InputContext, key: str, path: "UPath") -> Any:
        try:
            return self._load_current(context, as_folder(path), key)
        except FileNotFoundError:
            if not (context.definition_metadata or {}).get("allow_missing_partitions", False):
                raise
            context.log.warning(self.get_missing_partition_log_message(key))
            return None

    def _load_current(self, context: dg.InputContext, folder: Path, partition: str | None) -> Any:
        choose = _visible if self.audit and context.has_asset_key else _current
        return _load(context, folder, partition, choose)

    def load_last_good(self, context: dg.InputContext) -> Any:
        """Load the last good version (see `newest_good`) of the asset, or of the one partition, of the input.

        Raises:
            dagster.Failure: There is none, or its file is damaged.
        """
        partition: str | None = None
        if context.has_asset_partitions:
            ((partition, path),) = self._get_paths_for_partitions(context).items()
        else:
            path = self._get_path(context)
        return _load(context, as_folder(path), partition, _last_good)


def load_last_good(context: dg.AssetExecutionContext, asset_key: dg.AssetKey | None = None) -> Any:
    """Load the last good version of the asset (and partition) that the step makes, by its IO manager.

    From any IO manager but `FrameIOManager` it is what that has stored.

    Raises:
        dagster.Failure: There is none; or the step makes several assets and ``asset_key`` is not given, or
            several partitions.
    """
    key = asset_key or _only_asset(context)
    asset = context.assets_def
    if context.has_partition_key_range and not context.has_partition_key:
        raise dg.Failure(
            f"`{key.to_user_string()}` cannot serve the last good version of several partitions at once: "
            "let each run make one.",
            allow_retries=False,
        )
    partition = context.partition_key if context.has_partition_key else None
    output = asset.node_def.output_def_named(asset.get_output_name_for_asset_key(key))
    partitions = asset.partitions_def if partition else None
    # Made by hand, because what Dagster offers for this would make resources and an instance of its own.
    wanted = dg.InputContext(
        name=output.name,
        job_name=context.job_name,
        asset_key=key,
        upstream_output=dg.OutputContext(
            name=output.name,
            asset_key=key,
            definition_metadata=asset.specs_by_key[key].metadata,
            resources=context.resources,
        ),
        dagster_type=output.dagster_type,
        log_manager=context.log,
        resources=context.resources,
        partition_key=partition,
        asset_partitions_def=partitions,
        asset_partitions_subset=partitions.subset_with_partition_keys([partition]) if partitions else None,
        instance=context.instance,
    )
    io_manager = getattr(context.resources, asset.get_io_manager_key_for_asset_key(key))
    if isinstance(io_manager, FrameIOManager):
        return io_manager.load_last_good(wanted)
    return io_manager.load_input(wanted)


def _stored(context: dg.InputContext, folder: Path) -> list[Version]:
    if stored := versions_in(folder):
        return stored
    raise FileNotFoundError(
        f"{_described(context)} is not stored yet: there is no version in {folder}; materialize it"
    )


def _current(context: dg.InputContext, folder: Path, _: str | None) -> Version:
    return _stored(context, folder)[-1]


def _visible(context: dg.InputContext, folder: Path, partition: str | None) -> Version:
    """The version that a step of a run may see: its run's own, else the newest that is published.

    A check reads what it is to judge: the newest version that Dagster has recorded, published or not.
    """
    stored = _stored(context, folder)
    run_id, judges = _reader(context)
    own = [version for version in stored if version.run_id == run_id]
    if own:
        return own[-1]
    judged = audit(context.instance, context.asset_key, partition, stored)
    if judges:
        return judged[0].version
    for each in judged:
        if not each.problem:
            if each is not judged[0]:
                told = (
                    f"{_described(context)}: {each.version.path.name} is read, the newest version that passed"
                )
                context.log.warning("%s; of %s, %s", told, judged[0].version.path.name, judged[0].problem)
            return each.version
    shown = "; ".join(f"{each.version.path.name}: {each.problem}" for each in judged[:_SHOWN])
    which = f"[{partition}]" if partition else ""
    raise dg.Failure(
        f"No version of `{context.asset_key.to_user_string()}{which}` has passed its checks: {shown}. "
        "Materialize it again, or run its checks again.",
        allow_retries=False,
    )


def _reader(context: dg.InputContext) -> tuple[str, bool]:
    """The run that reads, and whether the step is one that judges the asset that it reads."""
    try:
        step = context.step_context
    except dg.DagsterInvariantViolationError:
        # Read from outside of runs, as `Definitions.load_asset_value` does.
        return "", False
    definition = step.assets_def
    checks = definition.check_keys if definition else ()
    return step.run_id, any(key.asset_key == context.asset_key for key in checks)


def _last_good(context: dg.InputContext, folder: Path, partition: str | None) -> Version:
    stored = versions_in(folder)
    good = newest_good(context.instance, context.asset_key, partition, stored)
    if good:
        return good
    why = f"none of {len(stored)} in {folder} passed all checks that block" if stored else "nothing is stored"
    raise _failure(context, f"it has no last good version to serve: {why}; materialize it once in full")


def _load(
    context: dg.InputContext,
    folder: Path,
    partition: str | None,
    choose: Callable[[dg.InputContext, Path, str | None], Version],
) -> Any:
    wanted = frames.kind_wanted(context.dagster_type.typing_type)
    try:
        for _ in range(_ATTEMPTS):
            version = choose(context, folder, partition)
            # Another run may just have removed it, because newer ones follow: take the one chosen now.
            with suppress(FileNotFoundError):
                return read(version.path, wanted)
    except frames.StoredValueError as error:
        raise _failure(context, str(error)) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refused(context, error, folder) from error
    raise _failure(context, f"its versions in {folder} are removed faster than they can be read")


def _is_over(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is None or run.is_finished


def _only_asset(context: dg.AssetExecutionContext) -> dg.AssetKey:
    keys: list[dg.AssetKey] = sorted(context.selected_asset_keys)
    if len(keys) == 1:
        return keys[0]
    names = ", ".join(f"`{key.to_user_string()}`" for key in keys)
    raise dg.Failure(
        f"This step makes {len(keys)} assets ({names}): say whose last good version is meant, "
        "as in `run_mode.last_good(context, asset_key)`.",
        allow_retries=False,
    )


def _failure(context: dg.InputContext | dg.OutputContext, what: str) -> dg.Failure:
    # None of these gets better by trying again.
    return dg.Failure(f"{_described(context)}: {what}.", allow_retries=False)


def _refused(context: dg.InputContext | dg.OutputContext, error: OSError, folder: Path) -> dg.Failure:
    what = system_errors.told(error, folder)
    return dg.Failure(f"{_described(context)}: {what}.", allow_retries=system_errors.is_passing(error))


def _described(context: dg.InputContext | dg.OutputContext) -> str:
    if context.has_asset_key:
        return f"the asset `{context.asset_key.to_user_string()}`"
    return f"the output `{'.'.join(context.get_identifier())}`"
