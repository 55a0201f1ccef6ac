"""From submission to launch, on two deployments with real daemons that have nothing else to do.

A daemon looks at the queue once an interval, so chance decides most of how long a single run waits. Each run
is therefore submitted at a chosen time after the launch before it, and these times cover the interval evenly,
the same ones for both.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import yaml

from benchmarks.dagster_private import LOCATION, create_run, submit
from benchmarks.figures import Figure, Seconds
from benchmarks.pipeline import key
from benchmarks.processes import awaited, free_port, listens, process
from benchmarks.sites import OURS, STOCK, Home, Site, Storage, homes
from benchmarks.workers import Worker

__all__ = ["measure"]

BOUND = 1.0
INTERVAL_S = 1
ASSET = key("staging", 1)


def measure(storage: Storage, repeats: int = 24) -> list[Figure]:
    """The figure of one storage: the median over ``repeats`` runs."""
    phases = [INTERVAL_S * (number + 0.5) / repeats for number in range(repeats)]
    random.Random(0).shuffle(phases)
    with ExitStack() as stack:
        made = stack.enter_context(homes(storage, _paced(STOCK), _paced(OURS), finish=True))
        stack.enter_context(_deployed(made))
        stock, ours = (stack.enter_context(Worker(home)) for home in made)
        for worker in (stock, ours):
            _launch_one(worker, 0.0)  # until the daemon has started
        seconds = {stock: Seconds(), ours: Seconds()}
        for phase in phases:
            for worker, measured in seconds.items():
                measured.add(_launch_one(worker, phase))
    both = seconds[ours], seconds[stock]
    return [Figure("from submission to launch", storage, None, *both, "the same", BOUND)]


def _paced(coordinator: Mapping[str, Any]) -> dict[str, Any]:
    config = {**coordinator.get("config", {}), "dequeue_interval_seconds": INTERVAL_S}
    return {**coordinator, "config": config}


def _launch_one(worker: Worker, phase: float) -> float:
    """Submit a run ``phase`` seconds after a pass, and wait for its launch; the seconds between."""
    run_id, submitted_at = worker.call(submit_in_phase, phase)
    awaited(lambda: _last_launch(worker.home)[0] == run_id, "a run is launched")
    return _last_launch(worker.home)[1] - submitted_at


def submit_in_phase(site: Site, phase: float) -> tuple[str, float]:
    """Create and submit a run, ``phase`` seconds after a whole number of intervals from the last launch.

    Returns its id, and when it was handed to the coordinator.
    """
    run = create_run(site.instance, site.workspace, ASSET)
    context = site.workspace.create_request_context()
    since = time.time() - _last_launch(site.home)[1] - phase
    time.sleep(-since % INTERVAL_S)
    submitted_at = time.time()
    submit(site.instance, run, context)
    return run.run_id, submitted_at


def _last_launch(home: Home) -> tuple[str, float]:
    lines = home.launches.read_text().splitlines() if home.launches.exists() else []
    if not lines:
        return "", 0.0
    run_id, at = lines[-1].split()
    return run_id, float(at)


@contextmanager
def _deployed(made: Sequence[Home]) -> Iterator[None]:
    """A code server, and a daemon for each home."""
    with ExitStack() as stack:
        port = free_port()
        serve = ["dagster", "api", "grpc", "-m", "benchmarks.pipeline", "-p", str(port)]
        stack.enter_context(process(serve, made[0].path, "code"))
        awaited(lambda: listens(port), "the code server listens")
        server = {"host": "localhost", "port": port, "location_name": LOCATION}
        for home in made:
            workspace = home.path / "workspace.yaml"
            workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
            command = ["dagster._daemon", "run", "-w", str(workspace)]
            stack.enter_context(process(command, home.path, "daemon"))
        yield
