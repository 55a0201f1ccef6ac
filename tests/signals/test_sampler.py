import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from adaptive_assets.signals import MachineReader, MachineSampler, RunProcesses

if TYPE_CHECKING:
    from tests.signals.conftest import Child, FakeHost, FakeRoot


@pytest.fixture
def machine(root: "FakeRoot", host: "FakeHost") -> MachineReader:
    """A machine whose every reading is a second and, at first, no load after the one before."""
    return MachineReader(root.path, host=host, wait=host.advance)


def is_running(sampler: MachineSampler) -> bool:
    """Asked anew each time."""
    return sampler.running


def fault(sampler: MachineSampler) -> str | None:
    """The message of the present fault."""
    present = sampler.fault
    return present.message if present else None


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait up to ten seconds for ``condition``."""
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def test_readings_arrive_in_the_background() -> None:
    """Nobody waits: there is no reading before the first sample, and one soon after."""
    sampler = MachineSampler(MachineReader(settle_s=0.01), interval_s=0.01)
    assert sampler.latest(time.time()) is None
    sampler.start()
    try:
        assert eventually(lambda: sampler.latest(time.time()) is not None)
        first = sampler.latest(time.time())
        assert eventually(lambda: sampler.latest(time.time()) != first)
    finally:
        sampler.stop()


def test_start_and_stop_as_often_as_you_like(machine: MachineReader) -> None:
    """One thread at a time, none after stop, and a new one after the next start."""
    sampler = MachineSampler(machine, interval_s=0.01)
    sampler.stop()
    for _ in range(2):
        sampler.start()
        thread = sampler._thread
        sampler.start()
        assert sampler._thread is thread
        assert is_running(sampler)
        sampler.stop()
        sampler.stop()
        assert not is_running(sampler)
        assert thread is not None
        assert not thread.is_alive()


def test_old_readings_are_not_given_out(machine: MachineReader) -> None:
    """Nor those from before the clock was set back, whose age nobody can tell."""
    sampler = MachineSampler(machine, clock=lambda: 1000.0)
    sampler.sample()
    assert sampler.latest(1015.0) is not None
    assert sampler.latest(1015.1) is None
    assert sampler.latest(1005.0, max_age_s=4.0) is None
    assert sampler.latest(999.0) is not None
    assert sampler.latest(1000.0 - 3600.0) is None


def test_cpu_use_is_smoothed_and_nothing_else_is(host: "FakeHost", machine: MachineReader) -> None:
    """A step of four cores shows as 18 % after a second and as 63 % after the time constant."""
    sampler = MachineSampler(machine, clock=lambda: host.at, monotonic=lambda: host.at)
    sampler.sample()
    shown = []
    for _ in range(5):
        host.advance(1.0, cores=4.0)
        host.available -= 1024**3
        sampler.sample()
        reading = sampler.latest(host.at)
        assert reading is not None
        assert reading.memory_used == host.total - host.available
        shown.append(reading.cpu_used / 4.0)
    assert shown == sorted(shown)
    assert shown[0] == pytest.approx(0.181, abs=0.001)
    assert shown[4] == pytest.approx(0.632, abs=0.001)


def test_a_fault_is_kept_logged_once_and_got_over(
    host: "FakeHost", machine: MachineReader, caplog: pytest.LogCaptureFixture
) -> None:
    """It is there for whoever asks, does not flood the log, and goes away when a sample goes well."""
    caplog.set_level(logging.INFO)
    sampler = MachineSampler(machine, clock=lambda: host.at)
    sampler.sample()
    assert fault(sampler) is None
    well = sampler.latest(host.at)
    assert well is not None

    host.error = OSError("no /proc here")
    for _ in range(3):
        host.advance(1.0)
        sampler.sample()
    assert sampler.fault is not None
    assert (sampler.fault.type, sampler.fault.message) == ("OSError", "no /proc here")
    assert sampler.fault.at == host.at
    assert sampler.latest(host.at) == well, "the last good reading, until it is too old"
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ["Sampling failed and will be tried again: OSError: no /proc here"]

    host.error = ValueError("another one")
    sampler.sample()
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 2

    host.error = None
    sampler.sample()
    assert fault(sampler) is None
    assert "goes well again" in caplog.messages[-1]
    reading = sampler.latest(host.at)
    assert reading is not None
    assert reading.at == host.at


def test_messages_that_never_repeat_do_not_pile_up(host: "FakeHost", machine: MachineReader) -> None:
    """Memory of what was logged is bounded."""
    logging.getLogger("adaptive_assets.signals.sampler").disabled = True
    try:
        sampler = MachineSampler(machine)
        for number in range(600):
            host.error = OSError(f"failure {number}")
            sampler.sample()
    finally:
        logging.getLogger("adaptive_assets.signals.sampler").disabled = False
    assert len(sampler._faults._logged) <= 256


def test_the_thread_outlives_faults(host: "FakeHost", machine: MachineReader) -> None:
    """Sampling goes on, and readings come back when the cause is gone."""
    host.error = OSError("not yet")
    sampler = MachineSampler(machine, interval_s=0.01)
    sampler.start()
    try:
        assert eventually(lambda: sampler.fault is not None)
        assert sampler.latest(time.time()) is None
        host.error = None
        assert eventually(lambda: sampler.latest(time.time()) is not None and sampler.fault is None)
    finally:
        sampler.stop()


def test_what_a_reading_did_without_is_a_fault(root: "FakeRoot", machine: MachineReader) -> None:
    """The reading is given out all the same."""
    root.write("proc/pressure/cpu", "?")
    sampler = MachineSampler(machine, clock=lambda: 1.0)
    sampler.sample()
    assert sampler.latest(1.0) is not None
    assert sampler.fault is not None
    assert "pressure/cpu" in sampler.fault.message


def test_runs_are_swept_by_the_same_thread(
    host: "FakeHost", machine: MachineReader, child: "Callable[[str], Child]"
) -> None:
    """Also while the machine itself cannot be read."""
    host.error = OSError("no machine")
    run = child("say('ready'); hear()")
    run.hear()
    processes = RunProcesses()
    assert processes.watch("run", run.pid)
    sampler = MachineSampler(machine, interval_s=0.01, processes=processes)
    sampler.start()
    try:
        assert eventually(lambda: (usage := processes.usage("run")) is not None and usage.samples > 1)
    finally:
        sampler.stop()


def test_what_went_wrong_with_a_run_is_a_fault(
    machine: MachineReader, child: "Callable[[str], Child]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run that cannot be looked at is told, and the others are looked at."""
    runs = [child("say('ready'); hear()") for _ in range(2)]
    processes = RunProcesses()
    for name, run in zip(("bad", "good"), runs, strict=True):
        run.hear()
        assert processes.watch(name, run.pid)

    def fail() -> bool:
        raise RuntimeError("cannot look")

    monkeypatch.setattr(processes._watched["bad"].tree, "look", fail)
    sampler = MachineSampler(machine, processes=processes)
    sampler.sample()
    assert sampler.fault is not None
    assert sampler.fault.message == "cannot look"
    assert processes.usage("bad") is None
    assert processes.usage("good") is not None


@pytest.mark.parametrize(("interval_s", "smoothing_s"), [(0.0, 5.0), (-1.0, 5.0), (1.0, -0.1)])
def test_senseless_times_are_refused(machine: MachineReader, interval_s: float, smoothing_s: float) -> None:
    """A sampler that never waits, or an average that looks ahead."""
    with pytest.raises(ValueError, match=r"interval_s must be positive"):
        MachineSampler(machine, interval_s, smoothing_s=smoothing_s)


FORK = """
    import os, threading, time
    from adaptive_assets.signals import MachineReader, MachineSampler, RunProcesses, read_host

    parent, caught = os.getpid(), threading.Event()

    def host():
        if os.getpid() == parent and sampler.latest(time.time()) is not None:
            caught.set()
            time.sleep(60)  # the fork finds the parent's thread in the middle of its second sample
        return read_host()

    def until(condition):
        end = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.005)

    processes = RunProcesses()
    processes.watch("run", parent)
    sampler = MachineSampler(MachineReader(host=host, settle_s=0.01), 0.01, processes=processes)
    sampler.start()
    until(caught.is_set)
    assert sampler._sampling.locked()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert not sampler.running
            sampler.latest(time.time())
            assert processes.usage("run") is None
            sampler.stop()
            sampler.sample()
            sampler.start()
            until(lambda: sampler.latest(time.time()) is not None)
            assert sampler.running
            sampler.stop()
            assert not sampler.running
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0, "the child failed"
    assert sampler.running
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_knows_that_it_has_no_thread() -> None:
    """It is stopped there, no lock is left locked, it watches no runs, and it may be started."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORK)], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_importing_signals_stays_light() -> None:
    """It is loaded with the coordinator, by every process of Dagster."""
    code = "import sys, adaptive_assets.signals; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "psutil" in loaded
    assert not loaded & {
        "dagster",
        "sqlalchemy",
        "pandas",
        "numpy",
        "polars",
        "pandera",
        "sklearn",
        "pyarrow",
    }


def test_a_reading_tells_what_part_of_the_cpu_is_our_runs(
    child: "Callable[[str], Child]", machine: MachineReader
) -> None:
    """Unknown without runs to watch; otherwise what their processes use, smoothed like the whole."""
    without = MachineSampler(machine)
    without.sample()
    reading = without.latest(time.time())
    assert reading is not None
    assert reading.our_cpu is None
    processes = RunProcesses()
    sampler = MachineSampler(machine, processes=processes)
    run = child("while time.process_time() < 0.3: pass\nsay('spun'); hear()")
    run.hear()
    assert processes.watch("run", run.pid)
    sampler.sample()
    reading, usage = sampler.latest(time.time()), processes.usage("run")
    assert reading is not None
    assert usage is not None
    assert reading.our_cpu == pytest.approx(usage.cpu_now) != 0.0
