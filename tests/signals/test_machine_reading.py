import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_assets.signals import HostCounters, MachineReader, read_host
from adaptive_assets.signals.smoothing import smoothed

if TYPE_CHECKING:
    from tests.signals.conftest import FakeHost, FakeRoot

GIB = 1024**3


def machine_on(root: "FakeRoot", host: "FakeHost", cores: float = 0.0) -> MachineReader:
    """A machine that has taken its first reading, with ``cores`` busy meanwhile."""
    machine = MachineReader(root.path, host=host, wait=lambda seconds: host.advance(seconds, cores))
    machine.read(0.0)
    return machine


def test_rates_are_measured_between_readings(root: "FakeRoot", host: "FakeHost") -> None:
    """Cores for CPU, bytes per second for the rest, over the time between two readings."""
    host.disk, host.network = {"sda": 1000, "sdb": 0}, {"eth0": 500}
    machine = machine_on(root, host)
    host.advance(2.0, cores=3.0)
    host.disk, host.network = {"sda": 5000, "sdb": 600}, {"eth0": 700}
    reading = machine.read(2.0)
    assert reading.at == 2.0
    assert reading.cpu_used == pytest.approx(3.0)
    assert (reading.disk_read, reading.disk_write) == (2300.0, 2300.0)
    assert (reading.network_received, reading.network_sent) == (100.0, 100.0)


def test_the_first_reading_measures_too(root: "FakeRoot", host: "FakeHost") -> None:
    """It waits a moment, rather than call a busy machine idle."""
    machine = MachineReader(
        root.path, host=host, settle_s=0.25, wait=lambda seconds: host.advance(seconds, 4.0)
    )
    assert machine.read(0.0).cpu_used == pytest.approx(4.0)
    assert host.at == 1000.25


def test_after_a_long_gap_the_rates_are_measured_anew(root: "FakeRoot", host: "FakeHost") -> None:
    """The average over an hour in which nobody looked says nothing of now."""
    machine = machine_on(root, host, cores=5.0)
    host.advance(3600.0, cores=0.0)
    assert machine.read(3600.0).cpu_used == pytest.approx(5.0)


def test_without_limits_the_host_is_what_there_is(root: "FakeRoot", host: "FakeHost") -> None:
    """All CPUs that we may run on, and memory that is not available is used."""
    reading = machine_on(root, host).read(1.0)
    assert reading.cpu_capacity == 8.0
    assert (reading.memory_capacity, reading.memory_used) == (64 * GIB, 16 * GIB)


def test_under_limits_the_cgroup_is_what_there_is(root: "FakeRoot", host: "FakeHost") -> None:
    """Capacity, use and pressure are the group's; what the rest of the host does is not our business."""
    root.in_v2("/app")
    root.write("sys/fs/cgroup/app/cpu.max", "200000 100000")
    stat = root.write("sys/fs/cgroup/app/cpu.stat", "usage_usec 1000000")
    root.write("sys/fs/cgroup/app/memory.max", 4 * GIB)
    root.write("sys/fs/cgroup/app/memory.current", GIB)
    root.write("sys/fs/cgroup/app/memory.pressure", "some avg10=30.00 avg60=0.00 avg300=0.00 total=0")
    root.write("sys/fs/cgroup/app/cpu.pressure", "some avg10=20.00 avg60=0.00 avg300=0.00 total=0")
    root.write("sys/fs/cgroup/app/io.pressure", "some avg10=10.00 avg60=0.00 avg300=0.00 total=0")
    machine = machine_on(root, host, cores=7.0)
    host.advance(2.0, cores=7.0)
    stat.write_text("usage_usec 4000000\n")
    reading = machine.read(2.0)
    assert reading.cpu_capacity == 2.0
    assert reading.cpu_used == pytest.approx(1.5)
    assert (reading.memory_capacity, reading.memory_used) == (4 * GIB, GIB)
    assert (reading.pressure.cpu, reading.pressure.memory, reading.pressure.io) == (0.2, 0.3, 0.1)


def test_limits_wider_than_the_host_do_not_count(root: "FakeRoot", host: "FakeHost") -> None:
    """A quota of 16 cores on 8 CPUs, and 128 GiB of 64, are no limits."""
    root.in_v2("/app")
    root.write("sys/fs/cgroup/app/cpu.max", "1600000 100000")
    root.write("sys/fs/cgroup/app/cpu.stat", "usage_usec 0")
    root.write("sys/fs/cgroup/app/memory.max", 128 * GIB)
    root.write("sys/fs/cgroup/app/memory.current", GIB)
    machine = machine_on(root, host)
    host.advance(1.0, cores=6.0)
    reading = machine.read(1.0)
    assert reading.cpu_capacity == 8.0
    assert reading.cpu_used == pytest.approx(6.0)
    assert (reading.memory_capacity, reading.memory_used) == (64 * GIB, 16 * GIB)


def test_memory_that_neighbours_hold_counts_as_used(root: "FakeRoot", host: "FakeHost") -> None:
    """Under a wider limit of the pod, or on the host, they may leave less than our own limit promises."""
    root.in_v2("/pod/app")
    root.write("sys/fs/cgroup/pod/app/memory.max", 4 * GIB)
    root.write("sys/fs/cgroup/pod/app/memory.current", GIB)
    pod = root.write("sys/fs/cgroup/pod/memory.max", 8 * GIB)
    root.write("sys/fs/cgroup/pod/memory.current", 7 * GIB)
    machine = machine_on(root, host)
    reading = machine.read(1.0)
    assert (reading.memory_capacity, reading.memory_used) == (4 * GIB, 3 * GIB)
    pod.write_text("max\n")
    host.available = GIB // 2
    assert machine.read(2.0).memory_used == 4 * GIB - GIB // 2


def test_memory_over_its_limit_is_all_used(root: "FakeRoot", host: "FakeHost") -> None:
    """A limit lowered under the current use leaves nothing, not less than nothing."""
    root.in_v2()
    root.write("sys/fs/cgroup/memory.max", GIB)
    root.write("sys/fs/cgroup/memory.current", 2 * GIB)
    reading = machine_on(root, host).read(1.0)
    assert (reading.memory_capacity, reading.memory_used) == (GIB, GIB)


def test_a_limit_that_changes_is_followed(root: "FakeRoot", host: "FakeHost") -> None:
    """Containers are resized while they run; counters of different groups are never compared."""
    root.in_v2("/app")
    machine = machine_on(root, host, cores=3.0)
    root.write("sys/fs/cgroup/app/cpu.max", "200000 100000")
    root.write("sys/fs/cgroup/app/cpu.stat", "usage_usec 99000000")
    host.advance(1.0, cores=3.0)
    reading = machine.read(1.0)
    assert reading.cpu_capacity == 2.0
    assert reading.cpu_used == pytest.approx(3.0)


def test_a_wall_clock_set_back_bends_no_rate(root: "FakeRoot", host: "FakeHost") -> None:
    """Readings carry the wall clock and are measured by another."""
    machine = machine_on(root, host)
    host.advance(1.0, cores=2.0)
    machine.read(5000.0)
    host.advance(1.0, cores=4.0)
    reading = machine.read(5000.0 - 3600.0)
    assert reading.at == 1400.0
    assert reading.cpu_used == pytest.approx(4.0)


@pytest.mark.parametrize("step", [0.0, -3600.0])
def test_counters_at_no_later_time_keep_the_last_rates(
    root: "FakeRoot", host: "FakeHost", step: float
) -> None:
    """No rate can be told, so none is made up."""
    machine = machine_on(root, host)
    host.advance(1.0, cores=2.0)
    machine.read(1.0)
    host.at += step
    host.cpu["0"] += 50.0
    assert machine.read(2.0).cpu_used == pytest.approx(2.0)


def test_a_counter_that_was_reset_keeps_the_last_rate(root: "FakeRoot", host: "FakeHost") -> None:
    """And the next reading goes on from the new count."""
    machine = machine_on(root, host)
    host.cpu = {"0": 100.0}
    host.advance(1.0, cores=2.0)
    machine.read(1.0)
    host.cpu = {"0": 0.0}
    host.advance(1.0, cores=1.0)
    assert machine.read(2.0).cpu_used >= 0
    host.advance(1.0, cores=1.0)
    assert machine.read(3.0).cpu_used == pytest.approx(1.0)


def test_devices_that_come_and_go_leave_the_others_alone(root: "FakeRoot", host: "FakeHost") -> None:
    """The history of a new disk is not this second's traffic, and a lost one takes nothing away."""
    host.disk = {"sda": 1000, "usb": 10**9}
    machine = machine_on(root, host)
    host.advance(1.0)
    host.disk = {"sda": 1300, "sdb": 10**12}
    assert machine.read(1.0).disk_read == 300.0


def test_garbled_pressure_leaves_the_rest_of_the_reading(root: "FakeRoot", host: "FakeHost") -> None:
    """The reading stands, and what it lacks is told; both are right again when the file is."""
    machine = machine_on(root, host)
    file = root.write("proc/pressure/io", "?")
    reading = machine.read(1.0)
    assert reading.pressure.io is None
    assert reading.memory_capacity == 64 * GIB
    assert [str(file) in str(problem) for problem in machine.problems] == [True]
    file.write_text("some avg10=25.00 avg60=0.00 avg300=0.00 total=0\n")
    assert machine.read(2.0).pressure.io == 0.25
    assert machine.problems == ()


def test_a_garbled_limit_is_no_reading(root: "FakeRoot", host: "FakeHost") -> None:
    """A guessed capacity would be worse than none."""
    machine = machine_on(root, host)
    root.in_v2()
    root.write("sys/fs/cgroup/memory.max", "four")
    with pytest.raises(ValueError, match=r"memory\.max"):
        machine.read(1.0)


COUNTERS = st.dictionaries(st.sampled_from("abc"), st.floats(0, 1e15))


@given(looks=st.lists(st.tuples(st.floats(0, 1e6), COUNTERS, COUNTERS, COUNTERS), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_no_history_of_counters_makes_a_rate_negative(
    looks: list[tuple[float, Mapping[str, float], Mapping[str, float], Mapping[str, float]]],
) -> None:
    """Whatever counters and clocks do, jumps, resets and lost devices included."""
    after = iter([*looks, looks[-1]])  # the first reading looks twice

    def host() -> HostCounters:
        at, cpu, disk, network = next(after)
        return HostCounters(at, 4, cpu, GIB, GIB, disk, disk, network, network)

    machine = MachineReader(Path("/nonexistent"), host=host, settle_s=0, wait=lambda _: None)
    for now in range(1, len(looks)):
        try:
            reading = machine.read(now)
        except StopIteration:  # a long gap takes an extra look
            return
        rates = (reading.cpu_used, reading.disk_read, reading.disk_write, reading.network_received)
        assert all(rate >= 0 for rate in rates)


@given(values=st.lists(st.floats(0, 1e6), min_size=2), elapsed=st.floats(-10, 1e6), constant=st.floats(0, 60))
def test_smoothing_never_overshoots(values: list[float], elapsed: float, constant: float) -> None:
    """The average stays between what it was and what it is told."""
    average = values[0]
    for value in values[1:]:
        low, high = sorted((average, value))
        average = smoothed(average, value, elapsed, constant)
        assert low * (1 - 1e-9) <= average <= high * (1 + 1e-9)


def test_smoothing_follows_its_time_constant() -> None:
    """63 % of a step after one time constant, in whatever number of samples it is seen."""
    assert smoothed(0.0, 1.0, 5.0, 5.0) == pytest.approx(0.632, abs=0.001)
    average = 0.0
    for _ in range(50):
        average = smoothed(average, 1.0, 0.1, 5.0)
    assert average == pytest.approx(smoothed(0.0, 1.0, 5.0, 5.0))
    assert smoothed(0.0, 1.0, 0.1, 0.0) == 1.0


def test_the_real_machine() -> None:
    """A reading of this machine is one that can be."""
    reading = MachineReader().read(time.time())
    assert 0 < reading.cpu_capacity <= (psutil.cpu_count() or 1)
    assert reading.cpu_used >= 0
    assert 0 < reading.memory_used < reading.memory_capacity <= psutil.virtual_memory().total


def test_the_loopback_device_is_left_out() -> None:
    """What processes of this machine say to each other is not traffic of the network."""
    names = read_host().network_received.keys()
    assert not names & {"lo", "lo0"}
    assert names <= psutil.net_io_counters(pernic=True).keys()


def test_the_cpus_of_our_affinity_are_the_host() -> None:
    """Those that the process may not run on are neither capacity nor use."""
    host = read_host()
    assert host.cpus == len(psutil.Process().cpu_affinity())
    assert len(host.cpu) == host.cpus
