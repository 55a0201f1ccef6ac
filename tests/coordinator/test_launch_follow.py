"""The CPU weight of a run that a real code server starts, from its first moment."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import PythonFileTarget

from adaptive_assets.coordinator.active_watch import ActiveWatch
from adaptive_assets.coordinator.launch_follow import LaunchFollow
from adaptive_assets.coordinator.run_claims import claims_of
from adaptive_assets.coordinator.weight_watch import WeightWatch
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.policy import BUILT_IN
from adaptive_assets.signals import Claim, RunProcesses
from tests.conftest import MakeInstance, write_dagster_home
from tests.coordinator.world import World

CODE = """
import os, time
from pathlib import Path
import dagster as dg

HERE = Path(__file__).parent

@dg.asset
def busy(context: dg.AssetExecutionContext) -> None:
    run_id = context.run.run_id
    (HERE / f"{run_id}.pid").write_text(str(os.getpid()))
    (HERE / f"{run_id}.pid").rename(HERE / f"{run_id}.started")
    while not (HERE / f"{run_id}.finish").exists(): time.sleep(0.05)

steps = dg.define_asset_job("steps", ["busy"], executor_def=dg.multiprocess_executor)
defs = dg.Definitions(assets=[busy], jobs=[steps], executor=dg.in_process_executor)
"""

pytestmark = pytest.mark.timeout(300)


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds; the test's own timeout ends it."""
    while not condition():
        time.sleep(0.05)


@dataclass
class Site:
    """A code server, and what follows the runs that it starts."""

    world: World
    folder: Path
    processes: RunProcesses = field(default_factory=RunProcesses)

    def __post_init__(self) -> None:
        """Follow launches, and look more often than a daemon does."""
        self.follow = LaunchFollow(self.world.instance, self.processes, interval_s=0.05)

    def create(self, job: str = "__ASSET_JOB") -> str:
        """A run that is not launched yet."""
        return self.world.create("busy", job=job).run_id

    def launch(self, run_id: str) -> psutil.Process:
        """Launch the run; returns the process that does its work."""
        self.world.instance.launch_run(run_id, self.world.workspace)
        started = self.folder / f"{run_id}.started"
        wait_for(started.exists)
        return psutil.Process(int(started.read_text()))

    def finish(self, *run_ids: str) -> None:
        """Let the runs end."""
        for run_id in run_ids:
            (self.folder / f"{run_id}.finish").touch()
        wait_for(lambda: all(self.world.run(run_id).is_finished for run_id in run_ids))

    def watch(self) -> ActiveWatch:
        """The active runs, as the cycles of a daemon see them that has just begun."""
        return ActiveWatch(self.world.instance, lambda run: Work("work", "default"), self.processes, "here")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Stock Dagster with a code server."""
    folder = tmp_path_factory.mktemp("project")
    file = folder / "project.py"
    file.write_text(CODE)
    target = PythonFileTarget(str(file), attribute=None, working_directory=str(folder), location_name="x")
    home = write_dagster_home(tmp_path_factory.mktemp("home"))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        with create_test_daemon_workspace_context(target, instance) as context:
            yield World(instance, context.create_request_context(), context, folder)
        context._grpc_server_registry.wait_for_processes()


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    """The deployment, with nothing followed yet."""
    site = Site(world, world.policies)
    yield site
    site.follow.stop()
    site.finish(*world.instance.get_run_ids())


def test_runs_have_their_weight_before_a_cycle_sees_them(site: Site) -> None:
    """Those of two tiers, the processes of steps included; and what a short run took is known."""
    urgent, routine = site.create(), site.create("steps")
    site.follow.expect({urgent: 100, routine: 4})
    high, low = site.launch(urgent), site.launch(routine)
    wait_for(lambda: low.nice() == 14)
    assert high.nice() == 0
    assert low.parent() != high.parent()  # one is a step's process, the other the run's own
    # Dagster starts no session, within which alone nice would count under autogroups
    assert {os.getsid(one.pid) for one in (high, low, *high.parents()[:1])} == {os.getsid(0)}
    wait_for(lambda: site.processes.weigh(urgent, 1) is not None)
    active = site.watch().observe(time.time())
    weights = WeightWatch(site.world.instance.run_launcher, site.processes)
    weights.look(time.time(), active, BUILT_IN, None)
    assert weights.now.in_force, weights.now.why
    assert site.follow.problem is None
    site.processes.sweep(time.time())
    site.finish(urgent, routine)
    # they have ended when the first cycle comes
    rows = [row for _, row in site.watch().ended(active[0].launched_at)]
    assert {row.run_id for row in rows} == {urgent, routine}
    assert all(row.cpu_seconds and row.memory_peak for row in rows)


def test_nothing_reads_the_instance_after_the_stop(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that is under way has ended."""
    begun, read = threading.Event(), site.world.instance.get_run_ids
    ended: list[bool] = []

    def slowly(filters: dg.RunsFilter) -> object:
        begun.set()
        time.sleep(0.5)
        found = read(filters)
        ended.append(True)
        return found

    monkeypatch.setattr(site.world.instance, "get_run_ids", slowly)
    site.follow.expect({"a run that is never launched": 100})
    begun.wait()
    site.follow.stop()
    monkeypatch.undo()
    assert ended


def test_one_run_that_cannot_be_weighed_stops_no_other(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage fails, and is tried again; a run is killed; one has no weight, and is followed only."""
    killed, plain, routine = site.create(), site.create(), site.create()

    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(type(site.world.instance), "get_run_ids", fail)
        site.follow.expect({killed: 20, plain: None, routine: 20})
        wait_for(lambda: str(site.follow.problem) == "the disk is gone")
    wait_for(lambda: site.follow.problem is None)
    site.launch(killed).kill()
    as_it_was = site.launch(plain)
    weighed = site.launch(routine)
    wait_for(lambda: weighed.nice() == 7)
    site.processes.sweep(time.time())
    wait_for(lambda: site.processes.usage(plain) is not None)
    assert as_it_was.nice() == os.getpriority(os.PRIO_PROCESS, 0)
    assert site.follow.problem is None


def test_a_run_whose_events_cannot_be_read_stops_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and the others have their weights."""
    older, damaged = site.create(), site.create()  # the storage returns the newest first

    def read(instance: dg.DagsterInstance, record: dg.RunRecord) -> tuple[Claim, ...]:
        if record.dagster_run.run_id == damaged:
            raise ValueError("an event of a later version")
        return claims_of(instance, record)

    monkeypatch.setattr("adaptive_assets.coordinator.launch_follow.claims_of", read)
    site.follow.expect({damaged: 20, older: 20})
    site.launch(damaged)
    wait_for(lambda: str(site.follow.problem) == "an event of a later version")
    weighed = site.launch(older)
    wait_for(lambda: weighed.nice() == 7)
    assert site.follow.problem is not None


def test_a_thread_that_cannot_be_started_is_tried_again(
    make_instance: MakeInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is out of threads has some again later."""
    follow = LaunchFollow(make_instance(), RunProcesses())

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError):
            follow.expect({"run": 20})
    follow.expect({"run": 20})
    assert follow._thread is not None
    assert follow._thread.is_alive()
    follow.stop()
    follow._thread.join()


def test_nobody_looks_for_what_another_launcher_starts(make_instance: MakeInstance) -> None:
    """Containers and pods have no process here, and a thread would read the storage for nothing."""
    launcher = {"module": "tests.coordinator.world", "class": "RecordingLauncher"}
    instance: dg.DagsterInstance = make_instance(run_launcher=launcher)
    follow = LaunchFollow(instance, RunProcesses())
    follow.expect({"some run": 20})
    assert follow._thread is None
