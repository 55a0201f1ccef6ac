"""What goes wrong with files: each fault is told as what it is, with path and cure."""

import errno
import gc
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import pandas as pd
import polars as pl
import pytest
from typing_extensions import override

from adaptive_assets import FrameIOManager
from adaptive_assets.assets import frames, system_errors
from adaptive_assets.assets.versions import versions_in

CHANCE = random.Random(7)
POLARS = pl.DataFrame({"number": range(100_000), "noise": [CHANCE.random() for _ in range(100_000)]})
VALUES = [
    pytest.param(POLARS, id="polars"),
    pytest.param(POLARS.lazy(), id="polars_lazy"),
    pytest.param(POLARS.to_pandas(), id="pandas"),
    pytest.param(list(range(100_000)), id="pickle"),
]


def asset_of(value: Any, key: list[str] | None = None) -> dg.AssetsDefinition:
    """An asset that is ``value``."""

    @dg.asset(key=key or ["stored"])
    def stored() -> Any:
        return value

    return stored


def materialize(base_dir: Path, *assets: Any, **options: Any) -> dg.ExecuteInProcessResult:
    """Materialize with a storage in ``base_dir``."""
    return dg.materialize(assets, resources={"io_manager": FrameIOManager(base_dir=str(base_dir))}, **options)


def read(base_dir: Path, key: list[str] | None = None, annotation: Any = Any) -> Any:
    """What an input is given of a stored asset."""
    got = []

    def reader(stored: Any) -> None:
        got.append(stored)

    reader.__annotations__["stored"] = annotation
    ins = {"stored": dg.AssetIn(key or ["stored"])}
    materialize(base_dir, asset_of(None, key), dg.asset(ins=ins)(reader), selection=["reader"])
    return got[0]


def failure_of(base_dir: Path, value: Any) -> dg.Failure:
    """How a run fails that stores a value."""
    with pytest.raises(dg.Failure) as failure:
        materialize(base_dir, asset_of(value))
    return failure.value


@pytest.mark.parametrize(
    "part",
    [
        "v00000001-x.parquet",
        "v99999999-x.pickle",
        ".partial-x-1",
        ".partial-x-1.locked",
        f"v{'9' * 150}-x.pickle",
    ],
)
def test_an_asset_key_may_look_like_one_of_our_files(tmp_path: Path, part: str) -> None:
    """An asset below another, named like a version or a partial file of it: both are stored and read."""
    for number in range(2):
        materialize(tmp_path, asset_of(f"child {number}", ["stored", part]))
        materialize(tmp_path, asset_of(f"parent {number}"))
        assert read(tmp_path) == f"parent {number}"
        assert read(tmp_path, ["stored", part]) == f"child {number}"


def test_versions_of_the_release_before_are_found(tmp_path: Path) -> None:
    """The names of versions and folders are as they were; the next version follows the last."""
    folder = tmp_path / "stored"
    folder.mkdir()
    frames.write(POLARS, folder / "v00000007-5b2f1c9e-0000-4000-8000-0123456789ab.parquet")
    assert read(tmp_path).equals(POLARS)
    materialize(tmp_path, asset_of(POLARS))
    assert [version.number for version in versions_in(folder)] == [7, 8]


@pytest.mark.parametrize("annotation", [pl.LazyFrame, pl.DataFrame, pd.DataFrame])
def test_a_reader_keeps_what_it_reads(tmp_path: Path, annotation: Any) -> None:
    """Five newer versions are written while an asset holds its input: it still reads all of the old one."""
    materialize(tmp_path, asset_of(POLARS))
    (old,) = versions_in(tmp_path / "stored")
    seen = []

    def reader(stored: Any) -> None:
        for _ in range(5):
            materialize(tmp_path, asset_of(POLARS.head(1)))
        assert not old.path.exists()
        for _ in range(2):
            frame = stored.collect() if annotation == pl.LazyFrame else stored
            seen.append((len(frame), frame["number"].sum()))

    reader.__annotations__["stored"] = annotation
    materialize(tmp_path, asset_of(None), dg.asset(reader), selection=["reader"])
    assert seen == [(100_000, 4_999_950_000)] * 2


def files_open() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


def test_a_lazy_frame_lets_its_file_go(tmp_path: Path) -> None:
    """With the last frame that is made of it the file is closed: a removed version takes no room for ever."""
    path = tmp_path / "v.parquet"
    frames.write(POLARS, path)
    frames.read(path, "polars_lazy").head(1).collect()
    gc.collect()
    before = files_open()
    derived = [frames.read(path, "polars_lazy").head(1) for _ in range(20)]
    assert files_open() == before + 20
    assert sum(frame.collect().height for frame in derived) == 20
    del derived
    gc.collect()
    assert files_open() == before


def test_a_reader_of_many_partitions_may_open_them_all(tmp_path: Path) -> None:
    """More lazy frames than the soft limit of open files: the limit is raised as far as it may."""
    path = tmp_path / "v.parquet"
    frames.write(POLARS.head(1), path)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[Any] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        held = [frames.read(path, "polars_lazy") for _ in range(400)]
        assert pl.concat(held).collect().height == 400
        assert sum(frame.collect().height for frame in held) == 400
    finally:
        held = []
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("value", VALUES)
def test_a_full_disk_is_an_error_of_the_system(value: Any) -> None:
    """`/dev/full` answers as a full disk does; whatever library writes, it is no fault of the data."""
    with pytest.raises(OSError, match="No space left on device") as error:
        frames.write(value, Path("/dev/full"))
    assert error.value.errno == errno.ENOSPC
    told = system_errors.told(error.value, Path("/dev/full"))
    assert told.startswith("the disk of /dev/full is full (")
    assert "bytes are free" in told


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    try:
        done = subprocess.run(mount, check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("value", VALUES)
def test_a_full_disk_is_told_and_leaves_the_version_before(tmp_path: Path, value: Any) -> None:
    """The failure names asset, disk and free bytes; trying again may help; no partial file is left."""
    with small_disk(tmp_path / "disk") as disk:
        materialize(disk, asset_of("small"))
        failure = failure_of(disk, value)
        assert str(failure.description).startswith(f"the asset `stored`: the disk of {disk}/stored/")
        assert "bytes are free); make room and run it again." in str(failure.description)
        assert failure.allow_retries
        assert len(os.listdir(disk / "stored")) == 1
        assert read(disk) == "small"


LIMITED = """
import resource, sys
import dagster as dg, polars as pl
from adaptive_assets import FrameIOManager

@dg.asset
def stored():
    frame = pl.DataFrame({"number": range(100_000)})
    return {"polars": frame, "pandas": frame.to_pandas(), "pickle": list(range(100_000))}[sys.argv[2]]

with dg.DagsterInstance.ephemeral() as instance:
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        store = FrameIOManager(base_dir=sys.argv[1])
        dg.materialize([stored], resources={"io_manager": store}, instance=instance)
    except dg.Failure as failure:
        sys.exit(f"told: {failure.description}")
"""


@pytest.mark.parametrize("kind", ["polars", "pandas", "pickle"])
def test_a_limit_on_the_size_of_files_is_told(tmp_path: Path, kind: str) -> None:
    """A process that may write no larger file is told of `ulimit`, and leaves no partial file."""
    order = [sys.executable, "-c", LIMITED, str(tmp_path), kind]
    done = subprocess.run(order, check=False, capture_output=True, text=True, timeout=120)
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("told: ")]
    assert told.startswith(f"told: the asset `stored`: {tmp_path}/stored/.partial-")
    assert told.endswith("the file is larger than the file system or `ulimit -f` allows; raise the limit.")
    assert os.listdir(tmp_path / "stored") == []


def test_a_lazy_frame_that_fails_is_told_as_that(tmp_path: Path) -> None:
    """A file that the user's own lazy frame cannot find is no fault of the storage."""
    failure = failure_of(tmp_path, pl.scan_parquet(tmp_path / "not_there.parquet"))
    assert "the asset `stored`: its lazy frame cannot be collected: FileNotFoundError: " in str(
        failure.description
    )
    assert os.listdir(tmp_path / "stored") == []


class NotPicklable:
    """Fails while it is pickled, and notes what is half written then."""

    seen: ClassVar[list[str]] = []

    def __init__(self, base_dir: Path) -> None:
        self.base_dir = base_dir

    @override
    def __reduce__(self) -> Any:
        self.seen.extend(path.name for path in self.base_dir.glob(".partial-*"))
        raise TypeError("not this one")


class NeedsFile:
    """A value that needs a file of its own when it is read back."""

    @override
    def __reduce__(self) -> Any:
        return open, ("/not/there",)


def test_a_pickle_that_needs_a_missing_file_is_told_as_that(tmp_path: Path) -> None:
    """The error is the value's, and not that its version is gone."""
    materialize(tmp_path, asset_of(NeedsFile()))
    with pytest.raises(dg.Failure, match=r"the file .* cannot be read: FileNotFoundError: .*/not/there"):
        read(tmp_path)


def test_something_else_in_the_place_of_a_folder(tmp_path: Path) -> None:
    """A file that lies where the asset's folder belongs is named."""
    (tmp_path / "stored").write_text("mine")
    failure = failure_of(tmp_path, 1)
    assert f"{tmp_path}/stored cannot be used" in str(failure.description)
    assert (tmp_path / "stored").read_text() == "mine"


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder and, where the tests run as root, a user for whom permissions count."""
    with tempfile.TemporaryDirectory() as name:
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(name, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            if is_root:
                os.seteuid(0)


def test_a_folder_without_rights_is_told() -> None:
    """Reading and writing without permission names the asset, the path, and whose rights are missing."""
    with unprivileged() as base_dir, dg.DagsterInstance.ephemeral() as instance:
        materialize(base_dir, asset_of(1), instance=instance)
        folder = base_dir / "stored"
        try:
            folder.chmod(0o500)
            written = failure_of(base_dir, 2)
            folder.chmod(0)
            with pytest.raises(dg.Failure) as unread:
                read(base_dir)
        finally:
            folder.chmod(0o700)
        (version,) = versions_in(folder)
        version.path.chmod(0)
        with pytest.raises(dg.Failure) as unread_file:
            read(base_dir)
    for failure, path in ((written, folder), (unread.value, folder), (unread_file.value, version.path)):
        told = str(failure.description)
        assert told.startswith(f"the asset `stored`: there is no permission for {path}")
        assert "give the user with the id" in told
        assert not failure.allow_retries


@pytest.mark.parametrize("partition", [None, "05"])
def test_a_storage_without_rights_is_told_before_the_first_version(partition: str | None) -> None:
    """Where not even the asset's folder can be made or looked at, the failure says the same."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["05"]) if partition else None)
    def stored() -> int:
        return 1

    with unprivileged() as base_dir, dg.DagsterInstance.ephemeral() as instance:
        for mode in (0o500, 0):
            base_dir.chmod(mode)
            try:
                with pytest.raises(dg.Failure, match=rf"`stored`: there is no permission for {base_dir}"):
                    materialize(base_dir, stored, partition_key=partition, instance=instance)
            finally:
                base_dir.chmod(0o700)


def test_versions_that_were_removed_by_hand(tmp_path: Path) -> None:
    """Without the newest file readers get the one before; without any the asset is not stored."""
    for value in range(2):
        materialize(tmp_path, asset_of(value))
    old, new = versions_in(tmp_path / "stored")
    new.path.unlink()
    assert read(tmp_path) == 0
    old.path.unlink()
    with pytest.raises(FileNotFoundError, match=r"`stored` is not stored yet: .*stored; materialize it"):
        read(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that its writers may not remove")
def test_what_cannot_be_removed_keeps_no_version_from_being_stored() -> None:
    """Another user's versions in a folder with the sticky bit: the run succeeds, and a warning says so."""
    with unprivileged() as base_dir, dg.DagsterInstance.ephemeral() as instance:
        materialize(base_dir, asset_of(1), instance=instance)
        os.seteuid(0)
        folder = base_dir / "stored"
        os.chown(folder, 0, 0)
        folder.chmod(0o1777)
        os.chown(versions_in(folder)[0].path, 0, 0)
        os.seteuid(65534)
        results = [materialize(base_dir, asset_of(value), instance=instance) for value in range(2, 6)]
        assert read(base_dir) == 5
        said = [entry.user_message for entry in instance.all_logs(results[-1].run_id)]
    assert all(result.success for result in results)
    (warning,) = [text for text in said if "could not be removed" in text]
    assert warning.startswith(f"the asset `stored`: what nobody needs in {folder} could not be removed")


@pytest.mark.parametrize("annotation", [pd.DataFrame, pl.DataFrame, pl.LazyFrame])
def test_a_partition_key_with_an_equals_sign_adds_no_column(tmp_path: Path, annotation: Any) -> None:
    """`region=eu` is a partition's key, and no column of its frame, whichever library reads it."""
    path = tmp_path / "@region=eu" / "v.parquet"
    path.parent.mkdir()
    frames.write(pd.DataFrame({"hour": [5]}), path)
    frame = frames.read(path, frames.kind_wanted(annotation))
    assert list((frame.collect() if annotation == pl.LazyFrame else frame).columns) == ["hour"]


def test_a_key_that_is_too_long_for_a_path(tmp_path: Path) -> None:
    """An asset key of thirty long parts is a longer path than the system takes: told as that."""
    with pytest.raises(
        dg.Failure, match=r"`: the path is too long: /.*x…; shorten the asset's key or `base_dir`"
    ):
        materialize(tmp_path, asset_of(1, ["x" * 190] * 30))


@pytest.mark.parametrize(
    ("number", "told", "passes"),
    [
        (
            errno.EDQUOT,
            "/data/x was refused: the quota of the user who runs this is used up; make room",
            True,
        ),
        (errno.EROFS, "/data/x was refused: the file system is read-only; mount it writable", False),
        (errno.EIO, "/data/x was refused: Input/output error", True),
        (errno.EPERM, "there is no permission for /data/x; give the user with the id", False),
    ],
)
def test_what_the_system_says_is_told_with_a_cure(number: int, told: str, passes: bool) -> None:
    """By its number, wherever the library has put it: into the exception, or into its text alone."""
    for error in (
        OSError(number, os.strerror(number), "/data/x"),
        OSError(f"parquet: underlying IO error: {os.strerror(number)} (os error {number})"),
        pl.exceptions.ComputeError(
            f"parquet: underlying IO error: {os.strerror(number)} (os error {number})"
        ),
    ):
        assert system_errors.told(error, Path("/data/x")).startswith(told)
        assert system_errors.is_passing(error) is passes
    assert system_errors.number_of(ValueError(f"(os error {number})")) is None


def test_what_a_killed_op_left_goes_with_any_asset(tmp_path: Path) -> None:
    """Outputs of plain ops have a folder for each run: their partial files are where later runs look."""

    @dg.op
    def make() -> NotPicklable:
        return NotPicklable(tmp_path)

    @dg.job(resource_defs={"io_manager": FrameIOManager(base_dir=str(tmp_path))})
    def plain() -> None:
        make()

    assert not plain.execute_in_process(raise_on_error=False).success
    (left,) = NotPicklable.seen
    assert left.startswith(".partial-")
    assert left.endswith(".locked")
    (tmp_path / left).write_bytes(b"half")
    materialize(tmp_path, asset_of(1))
    assert os.listdir(tmp_path / "stored") == [versions_in(tmp_path / "stored")[0].path.name]
    assert not (tmp_path / left).exists()
