import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adaptive_assets.signals import Limits, read_limits

if TYPE_CHECKING:
    from tests.signals.conftest import FakeRoot

GIB = 1024**3
V1_UNLIMITED = 9223372036854771712


def test_v2_limits_and_use_of_our_own_group(root: "FakeRoot") -> None:
    """A quota becomes cores, its usage seconds; file cache, touched or not, is not used memory."""
    root.in_v2("/app")
    root.write("sys/fs/cgroup/app/cpu.max", "150000 100000")
    root.write("sys/fs/cgroup/app/cpu.stat", "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000")
    root.write("sys/fs/cgroup/app/memory.max", 4 * GIB)
    root.write("sys/fs/cgroup/app/memory.current", 3 * GIB)
    root.write("sys/fs/cgroup/app/memory.stat", f"anon {GIB}\ninactive_file {GIB}\nactive_file 17")

    limits = read_limits(root.path)

    (cpu,) = limits.cpu
    assert (cpu.cores, cpu.used_s) == (1.5, 2.5)
    (memory,) = limits.memory
    assert (memory.limit, memory.used) == (4 * GIB, 2 * GIB - 17)
    assert memory.group == root.path / "sys/fs/cgroup/app"


def in_box(root: "FakeRoot", version: int, held: int, **counts: int) -> int:
    """The memory used by a group of 8 GiB that holds ``held`` bytes, with ``counts`` in its memory.stat."""
    if version == 2:
        root.in_v2("/box")
        box, limit, usage, names = "sys/fs/cgroup/box", "memory.max", "memory.current", V2_NAMES
    else:
        root.member_of("4:memory:/box")
        root.mount("cgroup", "/sys/fs/cgroup/memory", options="rw,memory")
        box, limit, usage = "sys/fs/cgroup/memory/box", "memory.limit_in_bytes", "memory.usage_in_bytes"
        names = V1_NAMES
    root.write(f"{box}/{limit}", 8 * GIB)
    root.write(f"{box}/{usage}", held)
    root.write(f"{box}/memory.stat", "\n".join(f"{names[name]} {size}" for name, size in counts.items()))
    return read_limits(root.path).memory[0].used


V2_NAMES = {
    "anon": "anon",
    "cache": "file",
    "shmem": "shmem",
    "active": "active_file",
    "inactive": "inactive_file",
    "dirty": "file_dirty",
    "writeback": "file_writeback",
    "slab": "slab_reclaimable",
    "hard_slab": "slab_unreclaimable",
}
V1_NAMES = {
    "anon": "total_rss",
    "cache": "total_cache",
    "shmem": "total_shmem",
    "active": "total_active_file",
    "inactive": "total_inactive_file",
    "dirty": "total_dirty",
    "writeback": "total_writeback",
}

either_version = pytest.mark.parametrize("version", [1, 2])


@either_version
def test_file_cache_can_be_had(root: "FakeRoot", version: int) -> None:
    """A run that reads a large file again and again does not make the machine full."""
    used = in_box(root, version, 7 * GIB, anon=GIB, cache=6 * GIB, active=4 * GIB, inactive=2 * GIB)
    assert used == GIB


@either_version
def test_shared_memory_cannot_be_had(root: "FakeRoot", version: int) -> None:
    """The kernel counts it as file cache, and has no file to read it from again."""
    used = in_box(root, version, 7 * GIB, anon=GIB, cache=6 * GIB, shmem=5 * GIB, active=GIB)
    assert used == 6 * GIB


@either_version
def test_what_is_not_written_yet_cannot_be_had(root: "FakeRoot", version: int) -> None:
    """Dirty pages, and those on their way to the disk, are used until they are there."""
    counts = {"anon": GIB, "cache": 4 * GIB, "active": 4 * GIB, "dirty": GIB, "writeback": 2 * GIB}
    assert in_box(root, version, 5 * GIB, **counts) == 4 * GIB


def test_reclaimable_slab_can_be_had(root: "FakeRoot") -> None:
    """Dentries and inodes are dropped on demand; the rest of the slab is not."""
    assert in_box(root, 2, 4 * GIB, anon=GIB, slab=2 * GIB, hard_slab=GIB) == 2 * GIB


@either_version
def test_use_is_never_below_what_has_no_file(root: "FakeRoot", version: int) -> None:
    """The files are read one after the other: cache may grow between the two readings."""
    used = in_box(root, version, 4 * GIB, anon=2 * GIB, shmem=GIB, cache=5 * GIB, active=4 * GIB)
    assert used == 3 * GIB


def test_v2_max_is_no_limit(root: "FakeRoot") -> None:
    """The word `max` and files that the top of the tree does not have mean that nothing is limited."""
    root.in_v2("/app")
    root.write("sys/fs/cgroup/app/cpu.max", "max 100000")
    root.write("sys/fs/cgroup/app/memory.max", "max")
    root.write("sys/fs/cgroup/app/memory.high", "max")
    assert read_limits(root.path) == Limits()


def test_the_tightest_limit_may_be_further_up(root: "FakeRoot") -> None:
    """Limits of every level are read, and the tightest rules, wherever it is."""
    root.in_v2("/pod/container/app")
    root.write("sys/fs/cgroup/pod/memory.max", 2 * GIB)
    root.write("sys/fs/cgroup/pod/memory.current", GIB)
    root.write("sys/fs/cgroup/pod/container/memory.max", 8 * GIB)
    root.write("sys/fs/cgroup/pod/cpu.max", "400000 100000")
    root.write("sys/fs/cgroup/pod/container/app/cpu.max", "50000 100000")

    limits = read_limits(root.path)

    assert [limit.limit for limit in limits.memory] == [8 * GIB, 2 * GIB]
    assert limits.tightest_memory == limits.memory[1]
    assert limits.tightest_cpu is not None
    assert limits.tightest_cpu.group.name == "app"
    assert limits.tightest_cpu.cores == 0.5


def test_of_equal_limits_the_outermost_rules(root: "FakeRoot") -> None:
    """It counts what our neighbours use as well."""
    root.in_v2("/pod/app")
    for group in ("pod", "pod/app"):
        root.write(f"sys/fs/cgroup/{group}/memory.max", GIB)
        root.write(f"sys/fs/cgroup/{group}/cpu.max", "100000 100000")
    limits = read_limits(root.path)
    assert limits.tightest_memory is not None
    assert limits.tightest_memory.group.name == "pod"
    assert limits.tightest_cpu is not None
    assert limits.tightest_cpu.group.name == "pod"


def test_memory_high_is_a_limit(root: "FakeRoot") -> None:
    """Work that is throttled above memory.high does not finish, so there is no room above it."""
    root.in_v2()
    root.write("sys/fs/cgroup/memory.max", 4 * GIB)
    root.write("sys/fs/cgroup/memory.high", 3 * GIB)
    (memory,) = read_limits(root.path).memory
    assert memory.limit == 3 * GIB


def test_the_working_set_is_never_negative(root: "FakeRoot") -> None:
    """Both files are read one after the other and need not fit together."""
    root.in_v2()
    root.write("sys/fs/cgroup/memory.max", GIB)
    root.write("sys/fs/cgroup/memory.current", 100)
    root.write("sys/fs/cgroup/memory.stat", "inactive_file 200")
    assert read_limits(root.path).memory[0].used == 0


def test_v1_limits_and_use(root: "FakeRoot") -> None:
    """Version 1 spells everything differently, and usually mounts cpu and cpuacct together."""
    root.member_of("5:memory:/docker/a", "4:cpu,cpuacct:/docker/a", "1:name=systemd:/docker/a")
    root.mount("cgroup", "/sys/fs/cgroup/cpu,cpuacct", options="rw,cpu,cpuacct")
    root.mount("cgroup", "/sys/fs/cgroup/memory", options="rw,memory")
    group = "sys/fs/cgroup/cpu,cpuacct/docker/a"
    root.write(f"{group}/cpu.cfs_quota_us", 250000)
    root.write(f"{group}/cpu.cfs_period_us", 100000)
    root.write(f"{group}/cpuacct.usage", 7_000_000_000)
    root.write("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", -1)
    root.write("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", 100000)
    group = "sys/fs/cgroup/memory/docker/a"
    root.write(f"{group}/memory.limit_in_bytes", 2 * GIB)
    root.write(f"{group}/memory.usage_in_bytes", GIB)
    root.write(f"{group}/memory.stat", "inactive_file 1\ntotal_inactive_file 1024")
    root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", V1_UNLIMITED)

    limits = read_limits(root.path)

    (cpu,) = limits.cpu
    assert cpu.cores == 2.5
    assert cpu.used_s == pytest.approx(7.0)
    (memory,) = limits.memory
    assert (memory.limit, memory.used) == (2 * GIB, GIB - 1024)


def test_v1_default_is_no_limit(root: "FakeRoot") -> None:
    """The largest number of pages is how version 1 says that there is no limit."""
    root.member_of("5:memory:/")
    root.mount("cgroup", "/sys/fs/cgroup/memory", options="rw,memory")
    root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", V1_UNLIMITED)
    root.write("sys/fs/cgroup/memory/memory.stat", f"hierarchical_memory_limit {V1_UNLIMITED}")
    assert read_limits(root.path) == Limits()


def test_v1_names_a_limit_that_is_out_of_sight(root: "FakeRoot") -> None:
    """A group above the mount cannot be read, but the kernel tells its limit at our own level."""
    root.member_of("5:memory:/pod/app")
    root.mount("cgroup", "/sys/fs/cgroup/memory", shown="/pod/app", options="rw,memory")
    root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", V1_UNLIMITED)
    root.write("sys/fs/cgroup/memory/memory.usage_in_bytes", 5000)
    root.write(
        "sys/fs/cgroup/memory/memory.stat", f"hierarchical_memory_limit {GIB}\ntotal_inactive_file 1000"
    )
    (memory,) = read_limits(root.path).memory
    assert (memory.limit, memory.used) == (GIB, 4000)


@pytest.mark.parametrize(("counted_in", "used_s"), [("app", 3.0), ("", 4.0)])
def test_v1_accounting_may_be_a_tree_of_its_own(root: "FakeRoot", counted_in: str, used_s: float) -> None:
    """Usage comes from the same group of the other tree, else from our own group there."""
    root.member_of("2:cpuacct:/", "1:cpu:/app")
    root.mount("cgroup", "/sys/fs/cgroup/cpu", options="rw,cpu")
    root.mount("cgroup", "/sys/fs/cgroup/cpuacct", options="rw,cpuacct")
    root.write("sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", 100000)
    root.write("sys/fs/cgroup/cpu/app/cpu.cfs_period_us", 100000)
    root.write("sys/fs/cgroup/cpuacct/cpuacct.usage", 4_000_000_000)
    root.write(f"sys/fs/cgroup/cpuacct/{counted_in}/cpuacct.usage", int(used_s * 1e9))
    assert read_limits(root.path).cpu[0].used_s == pytest.approx(used_s)


def test_a_quota_whose_use_nothing_counts(root: "FakeRoot") -> None:
    """Without cpuacct the quota is known and its use is not."""
    root.member_of("1:cpu:/")
    root.mount("cgroup", "/sys/fs/cgroup/cpu", options="rw,cpu")
    root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", 100000)
    root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", 100000)
    assert read_limits(root.path).cpu[0].used_s is None


def test_hybrid_takes_each_controller_from_its_own_tree(root: "FakeRoot") -> None:
    """Memory is in version 1 here, CPU in version 2."""
    root.member_of("3:memory:/old", "1:name=systemd:/x", "0::/new")
    root.mount("cgroup", "/sys/fs/cgroup/memory", options="rw,memory")
    root.mount("cgroup2", "/sys/fs/cgroup/unified")
    root.write("sys/fs/cgroup/memory/old/memory.limit_in_bytes", GIB)
    root.write("sys/fs/cgroup/unified/new/cpu.max", "300000 100000")
    root.write("sys/fs/cgroup/unified/new/memory.max", 1)
    limits = read_limits(root.path)
    assert [limit.cores for limit in limits.cpu] == [3.0]
    assert [limit.limit for limit in limits.memory] == [GIB]


def test_a_mount_that_shows_only_our_container(root: "FakeRoot") -> None:
    """Without a cgroup namespace the path is the host's, and the mount shows the tree from our group down."""
    root.member_of("0::/docker/abc/worker")
    root.mount("cgroup2", "/sys/fs/cgroup", shown="/docker/abc")
    root.write("sys/fs/cgroup/cpu.max", "200000 100000")
    root.write("sys/fs/cgroup/worker/cpu.max", "100000 100000")
    assert [limit.cores for limit in read_limits(root.path).cpu] == [1.0, 2.0]


def test_of_several_mounts_the_one_that_shows_most(root: "FakeRoot") -> None:
    """A bind mount of a part of the tree must not hide the limits above that part."""
    root.member_of("0::/pod/app")
    root.mount("cgroup2", "/mnt/part", shown="/pod/app")
    root.mount("cgroup2", "/sys/fs/cgroup")
    root.write("sys/fs/cgroup/pod/cpu.max", "200000 100000")
    assert [limit.cores for limit in read_limits(root.path).cpu] == [2.0]


@pytest.mark.parametrize(("group", "shown"), [("/../outside", "/"), ("/elsewhere", "/docker/abc")])
def test_a_group_out_of_sight_is_read_at_the_top(root: "FakeRoot", group: str, shown: str) -> None:
    """A process that was moved out of its namespace still has the limits of what it can see."""
    root.member_of(f"0::{group}")
    root.mount("cgroup2", "/sys/fs/cgroup", shown=shown)
    root.write("sys/fs/cgroup/cpu.max", "200000 100000")
    root.write("sys/fs/outside/cpu.max", "100000 100000")
    assert [limit.cores for limit in read_limits(root.path).cpu] == [2.0]


def test_mount_points_with_blanks(root: "FakeRoot") -> None:
    """The kernel escapes them in octal."""
    root.member_of("0::/")
    root.mount("cgroup2", "/sys/control\\040groups")
    root.write("sys/control groups/cpu.max", "200000 100000")
    assert [limit.cores for limit in read_limits(root.path).cpu] == [2.0]


def test_our_own_group_may_be_gone(root: "FakeRoot") -> None:
    """The levels above it still limit us."""
    root.in_v2("/pod/gone")
    root.write("sys/fs/cgroup/pod/memory.max", GIB)
    assert [limit.limit for limit in read_limits(root.path).memory] == [GIB]


def test_no_cgroups_no_limits(root: "FakeRoot") -> None:
    """Neither a system without cgroups nor a membership without a mount is an error."""
    assert read_limits(root.path) == Limits()
    assert Limits().tightest_cpu is None
    assert Limits().tightest_memory is None
    root.member_of("1:cpu:/", "0::/")
    root.write("proc/self/mountinfo", "25 1 8:1 / / rw - ext4 /dev/sda1 rw")
    assert read_limits(root.path) == Limits()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("sys/fs/cgroup/cpu.max", "lots 100000"),
        ("sys/fs/cgroup/cpu.max", "100000"),
        ("sys/fs/cgroup/cpu.max", "100000 0"),
        ("sys/fs/cgroup/cpu.stat", "usage_usec much"),
        ("sys/fs/cgroup/memory.max", "4G"),
        ("sys/fs/cgroup/memory.max", ""),
        ("proc/self/cgroup", "0:/"),
        ("proc/self/mountinfo", "nonsense"),
    ],
)
def test_garbled_files_are_named(root: "FakeRoot", path: str, content: str) -> None:
    """A limit that is there and cannot be understood is an error that names the file, never no limit."""
    root.in_v2()
    root.write("sys/fs/cgroup/cpu.max", "100000 100000")
    file = root.write(path, content)
    with pytest.raises(ValueError, match="expected") as caught:
        read_limits(root.path)
    assert str(file) in str(caught.value)


@given(levels=st.lists(st.none() | st.integers(1, 1 << 40), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_the_tightest_is_the_minimum_of_any_chain(root: "FakeRoot", levels: list[int | None]) -> None:
    """Whatever levels have limits, the smallest one is found."""
    groups = ["/".join(f"level{n}" for n in range(depth)) for depth in range(len(levels))]
    root.in_v2(f"/{groups[-1]}")
    for group, limit in zip(groups, levels, strict=True):
        root.write(f"sys/fs/cgroup/{group}/memory.max", "max" if limit is None else limit)
    tightest = read_limits(root.path).tightest_memory
    found = math.inf if tightest is None else tightest.limit
    assert found == min((limit for limit in levels if limit is not None), default=math.inf)


def test_the_real_tree_can_be_read() -> None:
    """Whatever this machine has, it is understood."""
    limits = read_limits()
    assert all(limit.cores > 0 for limit in limits.cpu)
    assert all(limit.limit >= 0 and limit.used >= 0 for limit in limits.memory)
