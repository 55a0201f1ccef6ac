"""Whether CPU weights are in force, by real processes in real sessions."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import pytest

from adaptive_assets.coordinator.weight_watch import KEY, UNSEEN_S, Weighting, WeightWatch
from adaptive_assets.planning.decisions import Decision, Plan, Verdict
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, QueuedRun, Work
from adaptive_assets.policy import parse_policy_book
from adaptive_assets.signals import RunProcesses
from adaptive_assets.signals.task_groups import task_group

NOW = 1_000_000.0
BOOK = parse_policy_book(
    """\
version: 1
tiers: [{name: critical}, {name: standard}, {name: batch, cpu_weight: 1}]
policies:
  - {name: urgent, run_tags: {urgent: "yes"}, tier: critical}
  - {name: nightly, jobs: [nightly], tier: batch}
""",
    "p.yaml",
)
LAUNCHER = dg.DefaultRunLauncher()

with_autogroups = pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists()
    or Path("/proc/sys/kernel/sched_autogroup_enabled").read_text().strip() != "1",
    reason="this kernel has no autogroups, or they are off",
)

Start = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that sleeps and returns its pid; ``server=True``: as the child of a session leader."""
    started: list[subprocess.Popen[str]] = []
    code = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '100']); print(p.pid, flush=True); p.wait()"
    )

    def start(*, server: bool = False) -> int:
        command = [sys.executable, "-c", code] if server else ["sleep", "100"]
        one = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=server)
        started.append(one)
        assert one.stdout is not None
        return int(one.stdout.readline()) if server else one.pid

    yield start
    for one in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in psutil.Process(one.pid).children():
                each.kill()
        one.kill()
        one.communicate()


def active(run_id: str, policy: str = "default", *, seen: bool = True, started_s: float = 60.0) -> ActiveRun:
    """A run that has been at work for ``started_s``."""
    return ActiveRun(
        run_id,
        Work("work", policy),
        "full",
        launched_at=NOW - started_s,
        started_at=NOW - started_s,
        cpu_used=1.0 if seen else None,
    )


@dataclass
class Kept:
    """A ledger that may be away."""

    texts: list[str]
    broken: bool = False

    def keep(self, key: str, value: str) -> None:
        """Keep ``value``."""
        assert key == KEY
        if self.broken:
            raise OSError("away")
        self.texts.append(value)


class Deployment:
    """Runs on this machine, and the watch of their weights."""

    def __init__(self, launcher: object = LAUNCHER) -> None:
        self.processes = RunProcesses()
        self.watch = WeightWatch(launcher, self.processes)

    def run(self, run_id: str, pid: int, policy: str = "default", *, pooled: bool = False) -> ActiveRun:
        """A run whose process this is."""
        assert self.processes.watch(run_id, pid, pooled=pooled)
        return active(run_id, policy)

    def why(self, *runs: ActiveRun, machine: MachineReading | None = None) -> str:
        """Why weights are not in force with these runs; empty if they are."""
        self.watch.look(NOW, runs, BOOK, machine)
        return self.watch.now.why


def test_runs_of_one_session_are_weighed_by_their_tiers(start: Start) -> None:
    """Which is how Dagster starts them: the code server's session, that of `dagster dev`."""
    here, pids = Deployment(), [start() for _ in range(3)]
    policies = ("urgent", "default", "nightly")
    runs = [here.run(str(at), pid, policies[at]) for at, pid in enumerate(pids)]
    assert here.why(*runs) == ""
    assert here.watch.now.in_force
    assert [psutil.Process(pid).nice() for pid in pids] == [0, 7, 19]


@with_autogroups
def test_code_servers_in_sessions_of_their_own_keep_weights_from_counting(start: Start) -> None:
    """Each is a service of its own: nice counts within its session alone."""
    here = Deployment()
    first, second = here.run("1", start(server=True)), here.run("2", start(server=True))
    assert here.why(first) == ""
    why = here.why(first, second)
    assert why.startswith("runs are in groups of processes between which nice does not count: session ")
    assert why.count("session ") == 2
    assert here.why(second) == ""


def test_runs_that_are_not_seen_are_not_weighed(start: Start) -> None:
    """In a container or on another host; what was seen last holds while no run is active."""
    here = Deployment()
    assert here.why() == ""
    assert here.why(active("elsewhere", seen=False, started_s=UNSEEN_S - 1)) == ""  # it may be found yet
    gone = "the processes of run elsewher are not seen on this machine"
    assert here.why(active("elsewhere", seen=False)) == gone
    assert here.why() == gone
    assert here.why(here.run("1", start())) == ""
    assert here.why() == ""


def test_a_pooled_process_cannot_be_weighed(start: Start) -> None:
    """It is at the nice that it has, for whichever run."""
    here = Deployment()
    pooled = here.run("pooled", start(), "nightly", pooled=True)
    here.processes.sweep(time.time())
    assert here.why(pooled) == "the process of run pooled is one of a pool, and works for others too"


@pytest.mark.parametrize("waited_for", [False, True])
def test_a_run_whose_process_has_just_ended_says_nothing(start: Start, waited_for: bool) -> None:
    """It was seen, and there is nothing left to weigh."""
    here, pid = Deployment(), start()
    ended = here.run("1", pid)
    here.processes.sweep(time.time())
    psutil.Process(pid).kill()
    if waited_for:
        os.waitpid(pid, 0)
    while not waited_for and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert here.why(ended) == ""


def test_another_launcher_gives_no_weight_until_its_processes_are_seen(start: Start) -> None:
    """One that starts processes beside the daemon is as good as Dagster's."""
    here = Deployment(launcher=object())
    assert here.why() == "object launches the runs, and no process of theirs was seen here yet"
    assert here.why(here.run("1", start())) == ""


def test_a_refusal_is_the_reason(start: Start) -> None:
    """And stays what is known until a run is weighed without one."""
    here = Deployment()
    run = here.run("1", start(), "nightly")
    kept = here.processes.weigh("1", 20)
    assert kept is not None
    kept.refused = "Operation not permitted"
    for _ in range(2):
        assert (
            here.why(run)
            == "the system refuses to raise the nice of their processes: Operation not permitted"
        )
        assert here.watch.refused == "Operation not permitted"
    assert here.why() != ""
    assert here.watch.refused == "Operation not permitted"
    assert here.why(here.run("2", start())) == ""
    assert here.watch.refused == ""


def test_a_refusal_is_no_news_when_only_the_highest_tier_ran_meanwhile(start: Start) -> None:
    """Its runs are left at the nice that they have, so nothing of theirs can be refused."""
    here = Deployment()
    low, high = here.run("1", start(), "nightly"), here.run("2", start(), "urgent")
    kept = here.processes.weigh("1", 20)
    assert kept is not None
    kept.refused = "Operation not permitted"
    why = here.why(low)
    assert "refuses" in why
    assert here.why(high) == why
    assert here.watch.refused == "Operation not permitted"


def test_one_run_of_which_the_kernel_tells_nonsense_stops_no_other(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others have their weights, and the error is told."""
    here, bad, good = Deployment(), start(), start()
    runs = [here.run("1", bad, "nightly"), here.run("2", good, "nightly")]

    def broken(pid: int) -> str:
        if pid == bad:
            raise ValueError("/proc/1/cgroup cannot be made out")
        return task_group(pid)

    monkeypatch.setattr("adaptive_assets.signals.nice.task_group", broken)
    with pytest.raises(ValueError, match="cannot be made out"):
        here.why(*runs)
    assert psutil.Process(good).nice() == 19


def test_a_quota_below_the_cpus_stops_all_alike() -> None:
    """Each run has a CPU of its own to run on until the quota is used up."""
    here, cpus = Deployment(), float(psutil.cpu_count() or 1)
    assert here.why(machine=MachineReading(NOW, cpus, 0.0, 2**30, 0)) == ""
    why = here.why(machine=MachineReading(NOW, 0.5, 0.0, 2**30, 0))
    assert why.startswith("a quota of 0.5 cores on ")


def test_who_only_observes_gives_no_weight(start: Start) -> None:
    """The plan is what it would be, the processes are left alone, and the status says that it is a trial."""
    here, pid = Deployment(), start()
    here.watch = WeightWatch(LAUNCHER, here.processes, observes=True)
    assert here.why(here.run("1", pid, "nightly")) == ""
    assert psutil.Process(pid).nice() == 0
    run = QueuedRun("2", Work("work", "nightly"), submitted_at=NOW)
    decision = Decision(Verdict.LAUNCH, run.work, "batch", "full", (), (run,), cpu_weight=1)
    plan = Plan(NOW, BOOK.revision, (decision,))
    assert here.watch.expected(plan) == {"2": None}
    assert WeightWatch(LAUNCHER, here.processes).expected(plan) == {"2": 1}
    kept: list[str] = []
    here.watch.keep(Kept(kept))
    assert Weighting.of_text(kept[0]) == Weighting("the coordinator only observes")


def test_what_is_found_is_kept_when_it_changes() -> None:
    """One write, not one in each cycle; what could not be written is tried again."""
    here, kept = Deployment(), list[str]()
    ledger = Kept(kept, broken=True)
    with pytest.raises(OSError, match="away"):
        here.watch.keep(ledger)
    ledger.broken = False
    for _ in range(2):
        here.watch.keep(ledger)
    here.why(active("elsewhere", seen=False))
    here.watch.keep(ledger)
    unseen = Weighting("the processes of run elsewher are not seen on this machine")
    assert [Weighting.of_text(text) for text in kept] == [Weighting(), unseen]
    assert [Weighting.of_text(text) for text in (None, "[]", "nonsense", '{"later": 1}')] == [None] * 4
