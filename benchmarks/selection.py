"""Dequeue passes over long queues: our whole pass that admits nothing, our part of one that admits ten."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.figures import Figure, Seconds
from benchmarks.passes import SLOTS, Pass, end_active, select, start_launched, timed_pass
from benchmarks.queues import (
    Template,
    add_copies,
    copy_events,
    make_data_ready,
    queued_runs,
    submit_one,
    template,
    untold_runs,
)
from benchmarks.sites import OURS, STOCK, Site, Storage, homes
from benchmarks.workers import Worker

__all__ = ["QUEUED", "measure"]

QUEUED = (1_000, 10_000)
REFERENCE = 10_000
"""The length of the queue at which stock's pass is the measure, whatever the length of ours."""

BOUND = 0.25
STARTS = 3

FRESH = 150
"""Runs at the head of our line that no cycle has seen when the measuring begins: more than are launched."""

HEAD, REST = "marts_001", ("raw_001", "staging_001", "reports_001")
"""Assets whose runs are submitted for real: one of the highest tier, and those behind it."""


@dataclass(frozen=True, slots=True)
class Sites:
    """Stock's coordinator with ``REFERENCE`` queued runs and with as many as ours, and ours."""

    reference: Worker
    stock: Worker
    ours: Worker


@dataclass(slots=True)
class Timings:
    """What was measured at one length of the queue: stock's passes, and then ours."""

    reference: Seconds = field(default_factory=Seconds)
    selection: Seconds = field(default_factory=Seconds)
    stock_ten: Seconds = field(default_factory=Seconds)
    nothing: Seconds = field(default_factory=Seconds)
    ten_own: Seconds = field(default_factory=Seconds)
    ten: Seconds = field(default_factory=Seconds)
    first: Seconds = field(default_factory=Seconds)
    telling: Seconds = field(default_factory=Seconds)


def measure(storage: Storage, queued: Sequence[int] = QUEUED, repeats: int = 5) -> list[Figure]:
    """The figures for queues of ``queued`` runs on one storage, each the median of ``repeats`` passes."""
    found: list[Figure] = []
    with ExitStack() as stack:
        made = stack.enter_context(homes(storage, STOCK, STOCK, OURS))
        sites = Sites(*(stack.enter_context(Worker(home)) for home in made))
        templates = {worker: prepare_stock(worker) for worker in (sites.reference, sites.stock)}
        templates[sites.ours] = prepare_ours(sites.ours)
        for size in sorted(queued):
            for worker, (_, *rest) in templates.items():
                length = REFERENCE if worker is sites.reference else size
                spare = FRESH if worker is sites.ours else 0
                add_copies(worker.home, rest, length - spare - worker.call(queued_runs))
            add_fresh(sites.ours, templates[sites.ours][0], FRESH)
            found += figures(storage, size, run(sites, repeats))
    return found


def submit_templates(site: Site) -> list[Template]:
    """Submit one run of each kind for real; their rows, that of the head of the line first."""
    submitted = [(submit_one(site, asset), asset) for asset in (*REST, HEAD)]
    return [template(site.home, run_id, asset) for run_id, asset in reversed(submitted)]


def add_fresh(worker: Worker, original: Template, count: int) -> None:
    """Queue copies that lack nothing, as if they had just been submitted."""
    copy_events(worker.home, original, add_copies(worker.home, [original], count))


def prepare_stock(worker: Worker) -> list[Template]:
    """Begin a queue for stock; the rows to copy."""
    head, *rest = worker.call(submit_templates)
    add_fresh(worker, head, FRESH)
    return [head, *rest]


def prepare_ours(worker: Worker) -> list[Template]:
    """Fill all slots, and let a cycle tell the runs behind why they wait; the rows to copy, as told."""
    head, *rest = worker.call(submit_templates)
    worker.call(make_data_ready, head.run_id)
    add_fresh(worker, head, SLOTS - 1)
    timed(worker, SLOTS)
    worker.call(start_launched)
    while worker.call(untold_runs):
        timed(worker, 0)
    return [head, *(template(worker.home, each.run_id, each.asset) for each in rest)]


def run(sites: Sites, repeats: int) -> Timings:
    """Time our first passes over fresh runs, then passes of all in turn."""
    timings, ours, stock = Timings(), sites.ours, sites.stock
    for _ in range(STARTS):
        ours.restart()
        timings.first.add(timed(ours, 0).whole_s)
    while ours.call(untold_runs):
        timings.telling.add(timed(ours, 0).whole_s)
    for _ in range(repeats):
        timings.reference.add(sites.reference.call(select))
        timings.nothing.add(timed(ours, 0).whole_s)
        timings.selection.add(stock.call(select))
    for _ in range(repeats):
        timings.reference.add(sites.reference.call(select))
        ours.call(end_active)
        ten = timed(ours, SLOTS)
        timings.ten_own.add(ten.own_s)
        timings.ten.add(ten.whole_s)
        timings.stock_ten.add(timed(stock, SLOTS).whole_s)
        for worker in (stock, ours):
            worker.call(start_launched)
        stock.call(end_active)
        timed(ours, 0)
    return timings


def timed(worker: Worker, launches: int) -> Pass:
    """One pass, which must launch so many runs: a pass that does something else measures something else."""
    done = worker.call(timed_pass)
    if done.launched != launches:
        raise RuntimeError(f"a pass launched {done.launched} runs, not {launches}: the queue is not as meant")
    return done


def figures(storage: Storage, queued: int, found: Timings) -> list[Figure]:
    """The lines of the table for one length of the queue."""

    def line(what: str, ours: Seconds, against: str, stock: Seconds, bound: float | None = None) -> Figure:
        return Figure(what, storage, queued, ours, stock, against, bound)

    measure_of = f"selection at {REFERENCE:,}"
    lines = [
        line("pass that admits nothing", found.nothing, measure_of, found.reference, BOUND),
        line("our part of a pass that admits ten", found.ten_own, measure_of, found.reference, BOUND),
    ]
    same = f"selection at {queued:,}"
    if queued != REFERENCE:
        lines += [
            line("pass that admits nothing", found.nothing, same, found.selection),
            line("our part of a pass that admits ten", found.ten_own, same, found.selection),
        ]
    return [
        *lines,
        line("whole pass that launches ten", found.ten, "whole pass that launches ten", found.stock_ten),
        line("first pass of a daemon", found.first, same, found.selection),
        line("pass that tells fresh runs why they wait", found.telling, same, found.selection),
    ]
