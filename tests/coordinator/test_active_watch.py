"""Whose processes the active runs' are, and what becomes of a run of which nothing is left: real ones."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import PythonFileTarget

from adaptive_assets.coordinator.active_watch import ActiveWatch
from adaptive_assets.coordinator.lost_runs import GRACE_S, NEVER_STARTED_S, STALE_S
from adaptive_assets.coordinator.process_watch import ProcessWatch
from adaptive_assets.coordinator.run_claims import is_served_by_nobody, server_of
from adaptive_assets.dagster_compat.runs import GRPC_INFO_TAG
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.signals import RunProcesses
from tests.coordinator.world import World

HOUR = 3600.0
CODE = """
import time
from pathlib import Path
import dagster as dg

@dg.asset
def slow() -> None:
    until = time.process_time() + 0.5
    while time.process_time() < until: pass
    Path(__file__).with_name("working").touch()
    while not Path(__file__).with_name("finish").exists(): time.sleep(0.05)

defs = dg.Definitions(assets=[slow], executor=dg.in_process_executor)
"""


@dataclass
class Follower:
    """An active watch whose clocks the test sets."""

    instance: dg.DagsterInstance
    now: float = field(default_factory=time.time)
    at: float = 0.0
    broken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Watch with processes of its own."""
        self.processes = RunProcesses()
        self.watch = ActiveWatch(
            self.instance, self._work_of, self.processes, "here", monotonic=lambda: self.at
        )
        self.watch.ended(self.now)

    def _work_of(self, run: dg.DagsterRun) -> Work:
        if run.run_id in self.broken:
            raise ValueError("no such policy")
        return Work("work", "default")

    def cycle(self, seconds: float = 0.0, *, jump: float = 0.0) -> list[str]:
        """The runs that count ``seconds`` later; the wall clock alone moves by ``jump``."""
        self.at += seconds
        self.now += seconds + jump
        self.processes.sweep(self.now)
        return [run.run_id for run in self.watch.observe(self.now)]

    @property
    def lost(self) -> list[str]:
        """The runs that do not count."""
        return [lost.run_id for lost in self.watch.lost]


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds; the test's own timeout ends it."""
    while not condition():
        time.sleep(0.05)


@dataclass
class Site:
    """A real code server, which runs what it is told to in processes of its own."""

    world: World
    folder: Path

    def launch(self) -> str:
        """A run that is at work."""
        run = self.world.create("slow")
        self.world.instance.launch_run(run.run_id, self.world.workspace)
        wait_for((self.folder / "working").exists)
        return run.run_id

    def process(self, run_id: str) -> psutil.Process:
        """The process that the run's events name."""
        page = self.world.instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        for record in page.records:
            event = record.event_log_entry.dagster_event
            if event and "pid" in event.engine_event_data.metadata:
                return psutil.Process(int(str(event.engine_event_data.metadata["pid"].value)))
        raise AssertionError("no event names a process")

    def finish(self, run_id: str) -> None:
        """Let the run end."""
        (self.folder / "finish").touch()
        wait_for(lambda: self.world.run(run_id).is_finished)


@pytest.fixture
def site(make_instance: Callable[..., dg.DagsterInstance], tmp_path: Path) -> Iterator[Site]:
    """Stock Dagster with a code server."""
    instance = make_instance()
    file = tmp_path / "project.py"
    file.write_text(CODE)
    target = PythonFileTarget(str(file), attribute=None, working_directory=str(tmp_path), location_name="x")
    with create_test_daemon_workspace_context(target, instance) as context:
        workspace = context.create_request_context()
        yield Site(World(instance, workspace, context, tmp_path / "none"), tmp_path)
        (tmp_path / "finish").touch()
    context._grpc_server_registry.wait_for_processes()


@pytest.mark.timeout(120)
def test_the_process_of_a_run_is_found_and_booked(site: Site) -> None:
    """The code server started it, and neither its command line nor its environment names the run."""
    run_id = site.launch()
    follower = Follower(site.world.instance)
    assert follower.cycle() == [run_id]
    assert follower.cycle() == [run_id]
    (run,) = follower.watch.observe(follower.now)
    assert run.memory_used is not None
    assert run.memory_used > 20 * 2**20
    site.finish(run_id)
    follower.processes.sweep(time.time())
    ((_, row),) = follower.watch.ended(time.time())
    assert row.run_id == run_id
    assert row.cpu_seconds is not None
    assert 0.5 <= row.cpu_seconds < 30
    assert row.memory_peak is not None
    assert follower.watch.problems == ()


@pytest.mark.timeout(120)
def test_a_run_that_died_with_its_code_server(site: Site) -> None:
    """Dagster has it STARTED for ever: after ten silent minutes it does not count, and is told.

    For a daemon that has seen its process, and for one that came later.
    """
    run_id = site.launch()
    before = Follower(site.world.instance)
    assert before.cycle() == [run_id]
    process = site.process(run_id)
    server = process.parent()
    assert server is not None
    for each in (server, process):
        each.send_signal(signal.SIGKILL)
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    wait_for(lambda: is_served_by_nobody(server_of(site.world.run(run_id).tags)))
    assert site.world.run(run_id).status is dg.DagsterRunStatus.STARTED
    for follower in (before, Follower(site.world.instance)):
        assert follower.cycle(5) == [run_id]
        assert follower.cycle(GRACE_S) == [run_id]
        assert follower.cycle(STALE_S - 10) == [run_id]
        assert follower.cycle(10) == []
        (told,) = follower.watch.lost
        assert told.run_id == run_id
        assert "run_monitoring" in told.message
        assert "STARTED" in told.message
        assert follower.cycle(5) == []
    # it is heard of again, whatever wrote that
    site.world.instance.report_engine_event("still here", site.world.run(run_id))
    assert before.cycle(70) == [run_id]
    assert before.lost == []


def started(instance: dg.DagsterInstance, pid: int, tags: dict[str, str] | None = None) -> str:
    """A run that another host or container says runs in process ``pid``."""
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTING, tags=tags)
    instance.report_engine_event(
        f"Started process for run (pid: {pid}).", run, EngineEventData.in_process(pid)
    )
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
    instance.report_dagster_event(event, run.run_id)
    assert instance.get_run_by_id(run.run_id) is not None
    return run.run_id


@dg.job
def job() -> None:
    """Any."""


@pytest.fixture
def instance(make_instance: Callable[..., dg.DagsterInstance]) -> dg.DagsterInstance:
    """Stock Dagster on SQLite."""
    return make_instance()


def test_the_pid_of_a_container_is_not_believed(instance: dg.DagsterInstance) -> None:
    """Under Docker every run's pid is 1: what init used is not booked, and the run counts for hours."""
    run_id = started(instance, 1)
    follower = Follower(instance)
    for _ in range(20):
        assert follower.cycle(HOUR) == [run_id]
    (run,) = follower.watch.observe(follower.now)
    assert (run.cpu_used, run.memory_used) == (None, None)
    instance.report_run_failed(_run(instance, run_id))
    ((_, row),) = follower.watch.ended(time.time())
    assert (row.cpu_seconds, row.memory_peak, row.io_read, row.io_write) == (None, None, None, None)


def _run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


@pytest.fixture
def gone(tmp_path: Path) -> dict[str, str]:
    """Tags of a run that a code server of this host started, which is gone."""
    return {GRPC_INFO_TAG: f'{{"host": "localhost", "socket": "{tmp_path / "gone"}"}}'}


def ended_process() -> int:
    """A pid that nobody has."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


POOLED = """
import pathlib, time
def spin():
    until = time.process_time() + 0.5
    while time.process_time() < until: pass
spin()
folder = pathlib.Path(input()); folder.mkdir()
file = (folder / "step.out").open("w"); print("captures", flush=True); input()
spin(); print("worked", flush=True); input()
"""


@pytest.mark.parametrize("late_s", [1, 30])
def test_a_pooled_process_is_booked_from_where_it_was_seen(
    instance: dg.DagsterInstance, tmp_path: Path, late_s: float
) -> None:
    """Not what it did for the runs before; and nothing if the better part of this run went by unseen."""
    with subprocess.Popen(
        [sys.executable, "-c", POOLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        run_id = started(instance, worker.pid)
        now, processes = time.time(), RunProcesses()
        watch = ProcessWatch(instance, processes, lambda: 0.0)
        record = instance.get_run_record_by_id(run_id)
        assert record is not None
        watch.follow(record)
        assert not watch.was_seen(run_id)
        for said in (str(tmp_path / run_id), "go on"):
            worker.stdin.write(f"{said}\n")
            worker.stdin.flush()
            worker.stdout.readline()
            watch.follow(record)
            assert watch.was_seen(run_id)
            processes.sweep(now + (late_s if said != "go on" else 35))
        usage = watch.forget(record, now + 40)
        worker.communicate("end\n")
    if late_s == 30:
        assert usage is None
    else:
        assert usage is not None
        assert 0.4 < usage.cpu_seconds < 0.9


def test_a_wall_clock_that_jumps_makes_no_run_stale(
    instance: dg.DagsterInstance, gone: dict[str, str]
) -> None:
    """Ten minutes have to pass by a clock that nobody sets, too."""
    run_id = started(instance, ended_process(), gone)
    follower = Follower(instance)
    follower.cycle()
    assert follower.cycle(GRACE_S) == [run_id]
    assert follower.cycle(5, jump=HOUR) == [run_id]
    assert follower.cycle(5) == [run_id]
    assert follower.cycle(STALE_S) == []
    # nor is it enough that the other clock runs, while events bear the present time
    other = Follower(instance)
    other.cycle()
    other.cycle(GRACE_S)
    assert other.cycle(STALE_S, jump=-HOUR) == [run_id]


def test_a_run_that_writes_events_is_not_stale(instance: dg.DagsterInstance, gone: dict[str, str]) -> None:
    """Whatever became of the process that we know of."""
    run_id = started(instance, ended_process(), gone)
    follower = Follower(instance)
    follower.cycle()
    follower.cycle(GRACE_S)
    for _ in range(5):
        instance.report_engine_event("at work", _run(instance, run_id))
        assert follower.cycle(STALE_S) == [run_id]


def test_a_process_that_may_be_the_run_keeps_it(instance: dg.DagsterInstance, gone: dict[str, str]) -> None:
    """Its code server died and it works on: nothing ties it to the run, but it is there."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as orphan:
        run_id = started(instance, orphan.pid, gone)
        follower = Follower(instance)
        for _ in range(3):
            assert follower.cycle(HOUR) == [run_id]
        orphan.communicate(b"\n")
    follower.cycle(5)
    follower.cycle(GRACE_S)
    assert follower.cycle(HOUR) == []


def test_a_server_that_we_cannot_see_keeps_its_runs(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A container beside ours answers on a socket or a port that we share, and its processes are not ours."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        tags = {GRPC_INFO_TAG: f'{{"host": "localhost", "socket": "{tmp_path / "socket"}"}}'}
        by_port = {GRPC_INFO_TAG: '{"host": "localhost", "port": 1}'}
        runs = {started(instance, ended_process(), tags), started(instance, ended_process(), by_port)}
        follower = Follower(instance)
        for _ in range(3):
            assert set(follower.cycle(HOUR)) == runs


def test_a_run_that_never_starts(instance: dg.DagsterInstance) -> None:
    """After a silent hour; a run that starts at last counts again."""
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTING)
    follower = Follower(instance)
    follower.cycle()
    assert follower.cycle(GRACE_S) == [run.run_id]
    assert follower.cycle(STALE_S) == [run.run_id]
    assert follower.cycle(NEVER_STARTED_S) == []
    assert "has not started" in follower.watch.lost[0].message
    instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name), run.run_id
    )
    assert follower.cycle(5) == [run.run_id]


def test_a_run_that_takes_long_to_start_is_not_lost(instance: dg.DagsterInstance) -> None:
    """Its process is there: it may be installing what it needs."""
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTING)
    with subprocess.Popen([sys.executable, "-c", "input()", run.run_id], stdin=subprocess.PIPE) as process:
        told = f"Started process for run (pid: {process.pid})."
        instance.report_engine_event(told, run, EngineEventData.in_process(process.pid))
        follower = Follower(instance)
        for _ in range(4):
            assert follower.cycle(NEVER_STARTED_S) == [run.run_id]
        process.communicate(b"\n")
    assert follower.cycle(NEVER_STARTED_S) == []


def test_a_run_that_is_being_cancelled_counts(instance: dg.DagsterInstance) -> None:
    """Until it has ended."""
    run_id = started(instance, 1)
    instance.report_run_canceling(_run(instance, run_id))
    assert Follower(instance).cycle() == [run_id]


def test_one_run_that_cannot_be_read_stops_no_other(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts, as work of its job, and the problems name it."""
    bad, worse, good = (started(instance, 1) for _ in range(3))
    follower = Follower(instance)
    follower.broken = {bad}
    read = type(instance).get_records_for_run

    def refuse(self: dg.DagsterInstance, run_id: str, *args: object, **more: object) -> object:
        if run_id == worse:
            raise OSError("its event file is damaged")
        return read(self, run_id, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(instance), "get_records_for_run", refuse)
    assert follower.cycle() == [bad, worse, good]
    runs = {run.run_id: run for run in follower.watch.observe(follower.now)}
    assert runs[bad].work == Work("job", "default")
    assert runs[good].work == Work("work", "default")
    assert {problem.run_id: problem.message.split(": ", 1)[1] for problem in follower.watch.problems} == {
        bad: "ValueError: no such policy",
        worse: "OSError: its event file is damaged",
    }


@pytest.mark.parametrize(
    ("tag", "address"),
    [
        (None, None),
        ("", None),
        ("[]", None),
        ('"localhost"', None),
        ('{"host": "localhost"}', None),
        ('{"host": "usercode", "port": 4000}', None),
        ('{"host": "localhost", "port": 4000}', "4000"),
        ('{"host": "localhost", "socket": "/tmp/x"}', "/tmp/x"),
    ],
)
def test_where_the_code_server_is(tag: str | None, address: str | None) -> None:
    """A tag may hold anything."""
    assert server_of({} if tag is None else {GRPC_INFO_TAG: tag}) == address
