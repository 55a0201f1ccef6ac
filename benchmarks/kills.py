"""The kill campaign: daemons are killed at any moment, and ledgers fail; every run is launched once."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import dagster as dg

from adaptive_assets.assets import tags
from benchmarks.dagster_private import LOCATION, WorkspaceProcessContext
from benchmarks.kills_audit import Tagged, audit, recoveries
from benchmarks.kills_findings import NO_FAULT, TWO_DAEMONS, Found, finding
from benchmarks.kills_ledgers import FAULTS, PostgresLedger, SqliteLedger
from benchmarks.kills_moments import Moment, moments
from benchmarks.kills_proxy import Door
from benchmarks.kills_site import START_TIMEOUT_S, KilledSite, Submitter, deployed
from benchmarks.processes import awaited, free_port, listens, process
from benchmarks.report import Finding
from benchmarks.sites import STORAGES, Storage
from tools.postgres import postgres_server

__all__ = ["PARTS", "measure"]

KILLS: Final = 80
"""Of daemons whose ledger is well, on each storage."""
KILLS_AT_FAULT: Final = 5
"""For each fault of a ledger: one before it, one after it, and the others while it lasts."""
SIDE_BY_SIDE: Final = 2
TWO_DAEMONS_RUNS: Final = 24
CALL_WITHIN_S: Final = 15.0
"""A daemon that has not come to its moment by then is killed all the same."""
LAUNCH_WITHIN_S: Final = 60.0
DRAINED_WITHIN_S: Final = 90.0
RECORDED_WITHIN_S: Final = 45.0
NAMED_WITHIN_S: Final = 30.0
PARTS: Final = tuple(dict.fromkeys((NO_FAULT, *(f for each in FAULTS.values() for f in each), TWO_DAEMONS)))
"""The faults of ledgers, with none, and two daemons at once."""
OVER: Final = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def measure(
    *,
    storages: Sequence[Storage] = STORAGES,
    kills: int = KILLS,
    faults: Sequence[str] = (),
    jobs: int = SIDE_BY_SIDE,
    say: Callable[[str], None],
) -> Finding:
    """The whole campaign, ``jobs`` deployments at a time; with ``faults``, those parts of it only."""
    parts = [(storage, part) for storage in storages for part in (NO_FAULT, *FAULTS[storage], TWO_DAEMONS)]
    chosen = [(storage, part) for storage, part in parts if not faults or part in faults]
    interrupted = threading.Event()
    found: dict[tuple[Storage, str], Found] = {}
    with _grounds(storages) as grounds, ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(_part, grounds, *each, kills, interrupted): each for each in chosen}
        try:
            for future in as_completed(futures):
                found[futures[future]] = future.result()
                say(f"[{time.monotonic() - grounds.began:4.0f} s] {found[futures[future]].line}")
        except BaseException:
            interrupted.set()
            pool.shutdown(cancel_futures=True)
            raise
    return finding([found[each] for each in chosen])


class _Grounds:
    """What all parts share: a code server, a PostgreSQL server, a folder for the homes."""

    def __init__(self, folder: Path, code_port: int, new_database: Callable[[], str] | None) -> None:
        self.folder = folder
        self.code_port = code_port
        self.new_database = new_database
        self.began = time.monotonic()

    @contextmanager
    def site(
        self, storage: Storage, part: str, interrupted: threading.Event
    ) -> Iterator[tuple[KilledSite, WorkspaceProcessContext]]:
        """A new deployment."""
        home = self.folder / f"{storage}-{part.replace(' ', '-')}"
        with ExitStack() as stack:
            if storage == "sqlite" or self.new_database is None:
                yield stack.enter_context(deployed(home, None, SqliteLedger, self.code_port, interrupted))
                return
            url, behind = self.new_database(), self.new_database()
            door = stack.enter_context(Door(urlsplit(behind).port or 0))
            ledger = PostgresLedger(behind, door)
            yield stack.enter_context(deployed(home, url, lambda _: ledger, self.code_port, interrupted))


@contextmanager
def _grounds(storages: Sequence[Storage]) -> Iterator[_Grounds]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))
        server = stack.enter_context(postgres_server(durable=True)) if "postgres" in storages else None
        port = free_port()
        serve = ["dagster", "api", "grpc", "-m", "benchmarks.kills_job", "-p", str(port)]
        stack.enter_context(process([*serve, "--location-name", LOCATION], folder, "code"))
        awaited(lambda: listens(port), "the code server listens")
        yield _Grounds(folder, port, server.create_database if server else None)


def _part(grounds: _Grounds, storage: Storage, part: str, kills: int, interrupted: threading.Event) -> Found:
    """One deployment from its start to the audit."""
    with grounds.site(storage, part, interrupted) as (site, workspace):
        says = ""
        if part == TWO_DAEMONS:
            says = _two_daemons(site, workspace)
        else:
            chances = moments(f"{storage} {part}")
            with Submitter(site, workspace):
                if part == NO_FAULT:
                    for _ in range(kills):
                        _kill_one(site, next(chances))
                else:
                    _kill_at_fault(site, part, FAULTS[storage][part], chances)
        recovery = _drain(site)
        return _found(storage, part, site, recovery, says)


def _kill_one(site: KilledSite, moment: Moment) -> None:
    """Let a daemon live until ``moment``."""
    daemon = site.start(moment)
    site.wait(lambda: not daemon.is_alive(), moment.life_s if moment.is_random else CALL_WITHIN_S)
    site.kill(daemon)


def _kill_at_fault(site: KilledSite, fault: str, lasts_s: float, chances: Iterator[Moment]) -> None:
    """The fault begins under a daemon that is at work, and ends under another."""
    _kill_one(site, next(chances))
    daemon = site.start()
    already = len(site.launches())
    site.wait(lambda: len(site.launches()) > already and bool(site.ledger.launches()[-1]), LAUNCH_WITHIN_S)
    with site.ledger.at_fault(fault):
        ends = time.monotonic() + lasts_s
        during = KILLS_AT_FAULT - 2
        site.wait(lambda: False, lasts_s / (during + 1))
        site.kill(daemon)
        for _ in range(during - 1):
            _kill_one(site, next(chances))
        daemon = site.start()
        site.wait(lambda: False, ends - time.monotonic())
    already = len(site.launches())
    site.wait(lambda: len(site.launches()) > already, LAUNCH_WITHIN_S)
    site.kill(daemon)


def _two_daemons(site: KilledSite, workspace: WorkspaceProcessContext) -> str:
    """Two at once by mistake; what ``adaptive status`` says of the second while both live, or nothing."""
    daemons = [site.start(name="daemon"), site.start(name="daemon-2")]
    with Submitter(site, workspace, TWO_DAEMONS_RUNS):
        # What was not launched by then is for the audit to tell.
        site.wait(lambda: len({run for run, _ in site.launches()}) >= TWO_DAEMONS_RUNS, DRAINED_WITHIN_S)
    said = ""

    def names_both() -> bool:
        nonlocal said
        adaptive = "from adaptive_assets.cli.main import main; main()"
        command = [sys.executable, "-c", adaptive, "status", "--home", str(site.home)]
        status = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        named = [line for line in status.stdout.splitlines() if "two daemons" in line.lower()]
        said = next((line for line in named if all(str(each.pid) in line for each in daemons)), "")
        return bool(said)

    site.wait(names_both, NAMED_WITHIN_S)
    site.stop()
    return said


def _drain(site: KilledSite) -> list[float]:
    """With a daemon that is left alone, until all runs have ended and all is recorded that will be."""
    site.start()

    def ended() -> bool:
        return not site.instance.get_runs_count(_unfinished()) and not _lost(site)

    def recorded() -> bool:
        decided = {row.run_id for ledger in site.ledger.launches() for row in ledger}
        return decided >= {run_id for run_id, _ in site.launches()}

    site.wait(ended, DRAINED_WITHIN_S + START_TIMEOUT_S)
    site.wait(recorded, RECORDED_WITHIN_S)
    site.stop()
    return recoveries(site.kills, [at for _, at in site.launches()])


def _unfinished() -> dg.RunsFilter:
    return dg.RunsFilter(statuses=[status for status in dg.DagsterRunStatus if status not in OVER])


def _lost(site: KilledSite) -> list[str]:
    """The submitted runs of which neither they nor a retry has succeeded."""
    done = site.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
    well = {run.root_run_id or run.run_id for run in done}
    return [run_id for run_id in site.submitted if run_id not in well]


def _found(storage: Storage, part: str, site: KilledSite, recovery: list[float], says: str) -> Found:
    launches = [run_id for run_id, _ in site.launches()]
    runs = {run.run_id: run for run in site.instance.get_runs()}
    tagged = {run_id: _tagged(runs[run_id]) for run_id in set(launches) if run_id in runs}
    tally = audit(
        launches,
        site.executions(),
        site.ledger.launches(),
        tagged,
        tags_must_name=part == NO_FAULT,
    )
    held = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])
    return Found(
        storage=storage,
        part=part,
        submitted=len(site.submitted),
        kills=len(site.kills),
        at_calls=site.at_calls,
        ended=tuple(site.ended),
        refused=tuple(site.refused),
        lost=tuple(_lost(site)),
        held=tuple(run.run_id for run in site.instance.get_runs(held)),
        tally=tally,
        recovery_s=tuple(recovery),
        second_named=says,
    )


def _tagged(run: dg.DagsterRun) -> Tagged:
    number = run.tags.get(tags.DECISION, "")
    return Tagged(int(number) if number.isdecimal() else None, tags.mode(run.tags))
