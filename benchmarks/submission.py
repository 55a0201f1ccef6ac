"""Submitting a run: what our coordinator adds to what stock does, run by run in turn."""

import time

from benchmarks.dagster_private import create_run, submit
from benchmarks.figures import Figure, Seconds
from benchmarks.pipeline import LAYERS, key
from benchmarks.sites import OURS, STOCK, Site, Storage, homes
from benchmarks.workers import Worker

__all__ = ["measure"]

BOUND = 2.0
LAYER = "marts"


def measure(storage: Storage, repeats: int = 30) -> list[Figure]:
    """The figures of one storage: the median of ``repeats`` submissions, and what the first one costs."""
    with homes(storage, STOCK, OURS) as made, Worker(made[0]) as stock, Worker(made[1]) as ours:
        first = Seconds([ours.call(timed_submission, 0)]), Seconds([stock.call(timed_submission, 0)])
        later = Seconds(), Seconds()
        for number in range(1, repeats + 1):
            for worker, seconds in zip((ours, stock), later, strict=True):
                seconds.add(worker.call(timed_submission, number))
    against = "the same"
    return [
        Figure("submission of a run", storage, None, *later, against, BOUND),
        Figure("first submission of a process", storage, None, *first, against),
    ]


def timed_submission(site: Site, number: int) -> float:
    """The seconds from handing a run to the coordinator until it is queued; its creation does not count."""
    run = create_run(site.instance, site.workspace, key(LAYER, number % LAYERS[LAYER]))
    context = site.workspace.create_request_context()
    began = time.perf_counter()
    submit(site.instance, run, context)
    return time.perf_counter() - began
