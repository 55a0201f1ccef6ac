"""`FrameIOManager`: what goes in comes out, whole, under every key, and older versions go in time."""

import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pandera.typing as pat
import pandera.typing.polars as pplt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from adaptive_assets import FrameIOManager
from adaptive_assets.assets.frames import kind_wanted
from adaptive_assets.assets.versions import file_name, versions_in

PANDAS = pd.DataFrame(
    {"hour": [5, 6], "carrier": ["AA", None], "at": pd.to_datetime(["2013-01-01", "2013-06-01"])}
)
POLARS = pl.DataFrame({"hour": [5, 6], "carrier": ["AA", None], "tags": [["a"], []]})


@pytest.fixture
def store(tmp_path: Path) -> FrameIOManager:
    """Storage of the test's own."""
    return FrameIOManager(base_dir=str(tmp_path / "assets"))


def folder(store: FrameIOManager, *parts: str) -> Path:
    """The folder of an asset or of a partition."""
    return Path(store.base_dir, *parts)


def asset_of(value: Any) -> dg.AssetsDefinition:
    """An asset named ``stored`` that is ``value``."""

    @dg.asset
    def stored() -> Any:
        return value

    return stored


def reader(annotation: Any, got: list[Any], **options: Any) -> dg.AssetsDefinition:
    """An asset that reads ``stored`` as ``annotation`` and puts what it got into ``got``."""

    def read(stored: Any) -> None:
        got.append(stored)

    read.__annotations__["stored"] = annotation
    asset: dg.AssetsDefinition = dg.asset(**options)(read)
    return asset


def materialize(store: FrameIOManager, *assets: Any, **options: Any) -> dg.ExecuteInProcessResult:
    """Materialize with a storage."""
    return dg.materialize(assets, resources={"io_manager": store}, **options)


def roundtrip(store: FrameIOManager, value: Any, annotation: Any = Any) -> Any:
    """What an input annotated so is given of a stored value."""
    got: list[Any] = []
    materialize(store, asset_of(value), reader(annotation, got))
    return got[0]


@pytest.mark.parametrize("annotation", [Any, pd.DataFrame])
def test_pandas_frames_come_back(store: FrameIOManager, annotation: Any) -> None:
    """Values, types and the index of a pandas frame survive."""
    stored = PANDAS.set_index("hour")
    pd.testing.assert_frame_equal(roundtrip(store, stored, annotation), stored)


@pytest.mark.parametrize("annotation", [Any, pl.DataFrame])
@pytest.mark.parametrize("value", [POLARS, POLARS.lazy()], ids=["eager", "lazy"])
def test_polars_frames_come_back(store: FrameIOManager, value: Any, annotation: Any) -> None:
    """A Polars frame comes back eager, a lazy one collected, unless an annotation says otherwise."""
    got = roundtrip(store, value, annotation)
    assert isinstance(got, pl.DataFrame)
    assert got.equals(POLARS)


def test_the_annotation_decides(store: FrameIOManager) -> None:
    """What one library stored another can read, lazily too."""
    assert isinstance(roundtrip(store, PANDAS, pl.DataFrame), pl.DataFrame)
    assert isinstance(roundtrip(store, POLARS, pd.DataFrame), pd.DataFrame)
    lazy = roundtrip(store, PANDAS, pl.LazyFrame)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.select(pl.col("hour").sum()).collect().item() == 11


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (pat.DataFrame[Any], "pandas"),
        (pplt.DataFrame[Any], "polars"),
        (pplt.LazyFrame[Any], "polars_lazy"),
        (dict[str, pl.LazyFrame], "polars_lazy"),
        (Mapping[str, pd.DataFrame], "pandas"),
        (Any, None),
        (int, None),
        (list[pl.DataFrame], None),
    ],
)
def test_annotations_of_every_style_are_understood(annotation: Any, kind: str | None) -> None:
    """pandera's typed frames, and mappings by partition, ask for a kind of frame as plain classes do."""
    assert kind_wanted(annotation) == kind


@pytest.mark.parametrize("value", [{"rows": 3}, [1, 2], "text", None, pl.Series([1]), PANDAS["hour"]])
def test_everything_else_is_pickled(store: FrameIOManager, value: Any) -> None:
    """Models, numbers, series: what is no frame comes back by pickle."""
    got = roundtrip(store, value)
    assert pickle.dumps(got) == pickle.dumps(value)
    assert [version.path.suffix for version in versions_in(folder(store, "stored"))] == [".pickle"]


def test_a_materialization_says_what_was_stored(store: FrameIOManager) -> None:
    """Rows, bytes, folder and file are in the metadata."""
    result = materialize(store, asset_of(POLARS))
    (made,) = result.asset_materializations_for_node("stored")
    (version,) = versions_in(folder(store, "stored"))
    assert {name: value.value for name, value in made.metadata.items()} == {
        "path": str(folder(store, "stored")),
        "version": f"v00000001-{result.run_id}.parquet",
        "size_bytes": version.path.stat().st_size,
        "dagster/row_count": 2,
    }


HOURS = dg.StaticPartitionsDefinition(["05", "06", "07"])


def hourly() -> dg.AssetsDefinition:
    """Hours of departures."""

    @dg.asset(name="stored", partitions_def=HOURS)
    def stored(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return pl.DataFrame({"hour": [context.partition_key]})

    return stored


def test_a_reader_of_many_partitions_gets_them_by_key(store: FrameIOManager) -> None:
    """All partitions are one dict, of the kind of frame that its annotation names."""
    for hour in HOURS.get_partition_keys():
        materialize(store, hourly(), partition_key=hour)
    got: list[dict[str, pd.DataFrame]] = []
    materialize(store, hourly(), reader(dict[str, pd.DataFrame], got), selection=["read"])
    assert {hour: list(frame["hour"]) for hour, frame in got[0].items()} == {
        h: [h] for h in ("05", "06", "07")
    }


def test_missing_partitions_are_an_error_unless_allowed(store: FrameIOManager) -> None:
    """The error names the asset and where it looked; the input's metadata can allow it."""
    materialize(store, hourly(), partition_key="05")
    got: list[dict[str, Any]] = []
    with pytest.raises(FileNotFoundError, match=r"the asset `stored` is not stored yet: .*@0[67]"):
        materialize(store, hourly(), reader(Any, got), selection=["read"])
    lenient = {"stored": dg.AssetIn(metadata={"allow_missing_partitions": True})}
    materialize(store, hourly(), reader(Any, got, ins=lenient), selection=["read"])
    assert list(got[0]) == ["05"]


def test_dimensions_do_not_run_into_each_other(store: FrameIOManager) -> None:
    """`a/b` + `c` and `a` + `b/c` are two partitions and two folders."""
    grid = dg.MultiPartitionsDefinition(
        {"x": dg.StaticPartitionsDefinition(["a/b", "a"]), "y": dg.StaticPartitionsDefinition(["c", "b/c"])}
    )

    @dg.asset(partitions_def=grid)
    def cell(context: dg.AssetExecutionContext) -> str:
        return str(context.partition_key)

    with dg.DagsterInstance.ephemeral() as instance:
        for x, y in [("a/b", "c"), ("a", "b/c")]:
            key = dg.MultiPartitionKey({"x": x, "y": y})
            materialize(store, cell, partition_key=key, instance=instance)
    stored = [pickle.loads(next(each.iterdir()).read_bytes()) for each in folder(store, "cell").iterdir()]
    assert sorted(stored) == ["a/b|c", "a|b/c"]


@pytest.mark.parametrize(
    "key", ["../../evil", "/etc/passwd", "..", ".", "a/../../b", "nul\0byte", "x" * 900, "ü|%2F"]
)
def test_no_partition_key_leads_out_of_the_folder(store: FrameIOManager, key: str) -> None:
    """Whatever a partition is called, it is one folder inside its asset's."""

    @dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="any"))
    def inside() -> int:
        return 1

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("any", [key])
        materialize(store, inside, partition_key=key, instance=instance)
    (only,) = folder(store, "inside").iterdir()
    assert only.name.startswith("@")
    assert len(versions_in(only)) == 1
    assert [each.name for each in Path(store.base_dir).iterdir()] == ["inside"]
    assert sorted(each.name for each in Path(store.base_dir).parent.iterdir()) == ["assets"]


@given(st.text(min_size=1), st.text(min_size=1))
def test_file_names_are_safe_and_tell_keys_apart(one: str, other: str) -> None:
    """Any text is one name of a bearable length without a separator, and two texts are two names."""
    name = file_name(one)
    assert name.isascii()
    assert "/" not in name
    assert name not in (".", "..", "")
    assert len(name) <= 200
    assert (name == file_name(other)) is (one == other)


def test_a_partition_and_an_asset_of_its_name_are_two(store: FrameIOManager) -> None:
    """The partition `05` of `stored` and the asset `stored/05` do not share a folder."""

    @dg.asset(key=["stored", "05"])
    def nested() -> str:
        return "nested"

    materialize(store, hourly(), partition_key="05")
    materialize(store, nested)
    assert len(versions_in(folder(store, "stored", "@05"))) == 1
    assert len(versions_in(folder(store, "stored", "05"))) == 1


def test_old_versions_go_in_time(store: FrameIOManager) -> None:
    """Readers get the newest version; as many are kept as asked for."""
    keeps_two = FrameIOManager(base_dir=store.base_dir, keep_versions=2)
    with dg.DagsterInstance.ephemeral() as instance:
        for value in range(5):
            materialize(keeps_two, asset_of(value), instance=instance)
        got: list[int] = []
        materialize(keeps_two, asset_of(None), reader(Any, got), instance=instance, selection=["read"])
    assert got == [4]
    assert [version.number for version in versions_in(folder(store, "stored"))] == [4, 5]


def damaged_parquet(path: Path) -> None:
    """Cut off the footer."""
    path.write_bytes(path.read_bytes()[:-40])


def damaged_pickle(path: Path) -> None:
    """Leave the first bytes."""
    path.write_bytes(path.read_bytes()[:3])


def not_parquet(path: Path) -> None:
    """Put something else in its place."""
    path.write_bytes(b"<html>")


@pytest.mark.parametrize(
    ("value", "damage", "annotation"),
    [
        (PANDAS, damaged_parquet, Any),
        (POLARS, damaged_parquet, pl.DataFrame),
        (POLARS, not_parquet, pl.LazyFrame),
        ({"rows": 1}, damaged_pickle, Any),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(
    store: FrameIOManager, value: Any, damage: Callable[[Path], None], annotation: Any
) -> None:
    """The failure names asset and file and says how to go on; removing the file goes back one version."""
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            materialize(store, asset_of(value), instance=instance)
        newest = versions_in(folder(store, "stored"))[-1].path
        damage(newest)
        got: list[Any] = []
        read = reader(annotation, got)
        with pytest.raises(dg.Failure) as failure:
            materialize(store, asset_of(value), read, instance=instance, selection=["read"])
        told = str(failure.value.description)
        assert told.startswith(f"the asset `stored`: the file {newest} cannot be read: ")
        assert told.endswith("remove the file to go back to the version before it.")
        newest.unlink()
        materialize(store, asset_of(value), read, instance=instance, selection=["read"])
        assert len(got) == 1


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (pd.DataFrame({"a": [1, "x", object()]}), "cannot be stored as parquet"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "cannot be stored as parquet"),
        (lambda: None, "cannot be stored as pickle"),
    ],
)
def test_what_cannot_be_stored_leaves_the_old_version(store: FrameIOManager, value: Any, told: str) -> None:
    """The failure names the asset and says what would help; what was stored before is still there, alone."""
    with dg.DagsterInstance.ephemeral() as instance:
        materialize(store, asset_of(PANDAS), instance=instance)
        with pytest.raises(dg.Failure) as failure:
            materialize(store, asset_of(value), instance=instance)
    assert str(failure.value.description).startswith(f"the asset `stored`: it {told}")
    assert len(os.listdir(folder(store, "stored"))) == 1


def test_what_a_dead_run_left_half_written_is_swept(store: FrameIOManager) -> None:
    """A partial file of a run that has ended goes with the next version; one of a running run stays."""
    with dg.DagsterInstance.ephemeral() as instance:
        dead = dg.materialize([asset_of(1)], instance=instance, resources={"io_manager": store}).run_id
        alive = instance.create_run_for_job(
            dg.job(name="alive")(lambda: None), status=dg.DagsterRunStatus.STARTED
        ).run_id
        for run_id in (dead, "a-run-that-was-deleted", alive):
            (folder(store, "stored") / f".partial-{run_id}-0123abcd").write_bytes(b"half")
        materialize(store, asset_of(2), instance=instance)
    assert [each.name for each in folder(store, "stored").glob(".partial-*")] == [
        f".partial-{alive}-0123abcd"
    ]


def test_outputs_of_plain_ops_are_stored_too(store: FrameIOManager) -> None:
    """Runs of jobs without assets pass their values through the same storage."""

    @dg.op
    def make() -> pl.DataFrame:
        return POLARS

    @dg.op
    def take(frame: pl.DataFrame) -> int:
        return frame.height

    @dg.job(resource_defs={"io_manager": store})
    def plain() -> None:
        take(make())

    assert plain.execute_in_process().output_for_node("take") == 2


def test_a_scheme_that_no_file_system_has_is_told() -> None:
    """The error names the scheme and what it may have meant."""
    with pytest.raises(ValueError, match=r"no file system has the scheme `s33`; did you mean `s3`\?"):
        FrameIOManager(base_dir="s33://bucket/assets")


def test_a_file_url_is_the_folder(tmp_path: Path) -> None:
    """`file://` and `local://` name a local folder, with its locks and syncs."""
    for scheme in ("file", "local"):
        materialize(FrameIOManager(base_dir=f"{scheme}://{tmp_path}/{scheme}"), asset_of(1))
        assert [each.number for each in versions_in(tmp_path / scheme / "stored")] == [1]


@pytest.mark.parametrize("value", [PANDAS, POLARS, {"rows": 3}], ids=["pandas", "polars", "pickle"])
def test_any_file_system_of_fsspec_will_do(tmp_path: Path, value: Any) -> None:
    """What goes in comes out, in another run too; old versions are removed there as well."""
    store = FrameIOManager(base_dir=f"memory://{tmp_path.name}-{type(value).__module__}", keep_versions=2)
    got: list[Any] = []
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(4):
            materialize(store, asset_of(value), instance=instance)
        materialize(store, asset_of(value), reader(Any, got), instance=instance, selection=["read"])
    assert pickle.dumps(got[0]) == pickle.dumps(value) or got[0].equals(value)
    assert len(list(UPath(store.base_dir, "stored").iterdir())) == 2


def test_a_lazy_frame_of_a_store_needs_no_copy_that_stays(tmp_path: Path) -> None:
    """It reads a copy that has no name any more."""
    lazy = roundtrip(FrameIOManager(base_dir=f"memory://{tmp_path.name}"), POLARS, pl.LazyFrame)
    assert lazy.collect().equals(POLARS)


def test_nothing_stored_on_a_store_is_told(tmp_path: Path) -> None:
    """As on a local disk."""
    with pytest.raises(FileNotFoundError, match="the asset `stored` is not stored yet"):
        materialize(
            FrameIOManager(base_dir=f"memory://{tmp_path.name}"),
            asset_of(1),
            reader(Any, []),
            selection=["read"],
        )


def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the home folder, as everywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    materialize(FrameIOManager(base_dir="~/assets"), asset_of(1))
    assert len(versions_in(tmp_path / "assets" / "stored")) == 1
