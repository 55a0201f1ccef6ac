"""What `make dev` consists of, each part alone; the whole is started in `test_flights_dev_e2e.py`."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import dagster as dg
import psutil
import pytest

from flights import dev
from flights.children import Family
from flights.log_lines import worth_showing
from flights.lost_runs import end_lost_runs
from flights.squeeze import MEMORY_LEFT, main, memory_to_take

GIB = 2**30


def record(event: str, logger: str = "dagster.daemon", level: str = "info") -> str:
    """A line of Dagster's JSON log."""
    return json.dumps(
        {"event": event, "logger": logger, "level": level, "timestamp": "2026-01-02T03:04:05.6Z"}
    )


def test_decisions_and_warnings_are_shown() -> None:
    """The coordinator's word, what is loud, and the feed; the rest is for the log file."""
    ours = worth_showing("dagster", record("Launch 1 of a", "dagster.adaptive_assets"))
    assert ours == "03:04:05 coordinator INFO Launch 1 of a"
    loud = worth_showing("dagster", record("it broke", level="error"))
    assert loud == "03:04:05 dagster.daemon ERROR it broke"
    assert worth_showing("feed", "landed x") == "landed x"
    assert worth_showing("dagster", record("Checking for new runs")) is None
    assert worth_showing("dagster", record("x: BetaWarning: y", level="warning")) is None


@pytest.mark.parametrize("line", ["", "Traceback:", "[]", "{", "17"])
def test_other_lines_are_left_to_the_log(line: str) -> None:
    """A line that is no record is not shown and breaks nothing."""
    assert worth_showing("dagster", line) is None


def test_long_messages_are_cut() -> None:
    """A stack trace does not drown the screen."""
    shown = worth_showing("dagster", record("x" * 5000, level="error"))
    assert shown is not None
    assert len(shown) < 500
    assert "see the log" in shown


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print("ready", flush=True)
time.sleep(60)
"""


def test_a_family_ends_with_its_grandchildren(tmp_path: Path) -> None:
    """Nobody is left: neither a child that ignores SIGTERM nor a grandchild that left its group."""
    ready = threading.Event()
    family = Family(os.environ)
    child = family.start(
        "stubborn", [sys.executable, "-c", STUBBORN], tmp_path, tmp_path / "log", lambda *_: ready.set()
    )
    assert ready.wait(30)
    members = family.members()
    assert len(members) == 2
    family.stop(patience=0.6)
    assert family.members() == []
    assert not [p for p in members if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert child.poll() == -signal.SIGKILL
    assert (tmp_path / "log").read_text() == "ready\n"


def test_a_family_that_goes_when_asked_is_not_killed(tmp_path: Path) -> None:
    """A child that ends on SIGTERM ends by itself."""
    code = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); "
        "print('up', flush=True); time.sleep(60)"
    )
    ready = threading.Event()
    family = Family(os.environ)
    child = family.start(
        "polite", [sys.executable, "-c", code], tmp_path, tmp_path / "log", lambda *_: ready.set()
    )
    assert ready.wait(30)
    family.stop(patience=10)
    assert child.poll() == 7


def test_children_run_the_pipeline_of_this_checkout(tmp_path: Path) -> None:
    """Whatever else Python finds under the name `flights`; the data folder beside them has it, too."""
    other, home = tmp_path / "other", tmp_path / "home"
    (other / "flights").mkdir(parents=True)
    (other / "flights" / "__init__.py").touch()
    (home / "flights").mkdir(parents=True)
    family = Family({**os.environ, "PYTHONPATH": str(other)})
    child = family.start(
        "asked",
        [sys.executable, "-c", "import flights; print(flights.__file__)"],
        home,
        tmp_path / "log",
        lambda *_: None,
    )
    child.finish(30)
    family.stop(patience=5)
    assert (tmp_path / "log").read_text() == f"{dev.PROJECT / 'flights' / '__init__.py'}\n"


def test_a_busy_port_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A port that was asked for and is taken ends with what to do; without one, a free one is found."""
    with socket.socket() as taken:
        taken.bind((dev.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signal, "signal", lambda *_: None)
            assert dev.main(["--home", str(tmp_path / "home"), "--port", str(port)]) == 1
            assert f"port {port} is in use" in capsys.readouterr().err
            patch.setattr(dev, "FIRST_PORT", port)
            free = dev._free_port()
    assert free != port
    assert f"Port {port} is in use: taking {free}." in capsys.readouterr().out


def test_one_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second start on the same home is refused while the first one is there."""
    with dev._only_one(tmp_path), pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "signal", lambda *_: None)
        assert dev.main(["--home", str(tmp_path)]) == 1
    assert "it is running already" in capsys.readouterr().err


def test_lost_runs_are_ended(tmp_path: Path) -> None:
    """Runs without a process end as failed, or cancelled if they were being so; others are left."""
    assert end_lost_runs(tmp_path) == 0
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    status = dg.DagsterRunStatus
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        for run_status in (status.STARTED, status.CANCELING, status.SUCCESS, status.NOT_STARTED):
            instance.add_run(dg.DagsterRun(job_name=run_status.value, status=run_status))
    assert end_lost_runs(tmp_path) == 2
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        ended = {run.job_name: run.status for run in instance.get_runs()}
    assert ended == {
        "STARTED": status.FAILURE,
        "CANCELING": status.CANCELED,
        "SUCCESS": status.SUCCESS,
        "NOT_STARTED": status.NOT_STARTED,
    }


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        (None, 0),
        ("50%", 4 * GIB),
        ("1GiB", GIB),
        ("100%", 8 * GIB - GIB - MEMORY_LEFT),
        ("2TiB", 7 * GIB - MEMORY_LEFT),
    ],
)
def test_the_squeeze_leaves_some_memory(asked: str | None, taken: int) -> None:
    """A share is of the whole machine, and the last of the memory is never taken."""
    assert memory_to_take(asked, capacity=8 * GIB, used=GIB) == taken


def test_the_squeeze_presses_and_lets_go() -> None:
    """Memory is really in use while it lasts, a process is busy, and both end with it."""
    command = [sys.executable, "-m", "flights.squeeze", "--cpu", "1", "--memory", "200MiB"]
    with subprocess.Popen([*command, "--seconds", "300"], stdout=subprocess.PIPE, text=True) as program:
        try:
            presses = psutil.Process(program.pid)
            until = time.monotonic() + 120
            while presses.memory_info().rss < 200 * 2**20 or not _spinning(presses):
                assert time.monotonic() < until, (presses.memory_info(), presses.children())
                time.sleep(0.05)
            helpers = presses.children()
            program.terminate()
            output, _ = program.communicate(timeout=120)
        finally:
            program.kill()
    assert program.returncode == 0
    assert output.endswith("Released.\n")
    until = time.monotonic() + 60
    while any(_alive(helper) for helper in helpers):
        assert time.monotonic() < until, helpers
        time.sleep(0.05)


def _alive(process: psutil.Process) -> bool:
    """Whether it runs; where nobody takes in orphans, one that has ended stays as a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _spinning(parent: psutil.Process) -> bool:
    """Whether a child has used a second of CPU and more, which it would not for starting up alone."""
    times = [child.cpu_times() for child in parent.children()]
    return any(used.user + used.system > 1.0 for used in times)


@pytest.mark.parametrize(
    "arguments", [["--memory", "60"], ["--cpu", "-1"], ["--seconds", "0"], ["--seconds", "1e9"]]
)
def test_bad_squeezes_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be meant is refused by name."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit):
        main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_the_squeeze_as_a_program() -> None:
    """It ends by itself when its time is over."""
    command = [sys.executable, "-m", "flights.squeeze", "--cpu", "1", "--memory", "16MiB"]
    done = subprocess.run(
        [*command, "--seconds", "0.5"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.endswith("Released.\n")
