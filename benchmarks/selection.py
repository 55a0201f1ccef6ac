"""Dequeue passes over long queues: our whole pass that admits nothing, our part of one that admits ten."""

from collections.abc import Sequence
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


@dataclass(slots=True)
class Timings:
    """What was measured at one length of the queue."""

    selection: Seconds = field(default_factory=Seconds)
    stock_ten: Seconds = field(default_factory=Seconds)
    nothing: Seconds = field(default_factory=Seconds)
    ten_own: Seconds = field(default_factory=Seconds)
    ten: Seconds = field(default_factory=Seconds)
    first: Seconds = field(default_factory=Seconds)
    telling: Seconds = field(default_factory=Seconds)


def measure(storage: Storage, queued: Sequence[int] = QUEUED, repeats: int = 7) -> list[Figure]:
    """The figures for queues of ``queued`` runs on one storage, each the median of ``repeats`` passes."""
    timings: dict[int, Timings] = {}
    with (
        homes(storage, STOCK, OURS) as (stock_home, our_home),
        Worker(stock_home) as stock,
        Worker(our_home) as ours,
    ):
        head, *rest = stock.call(submit_templates)
        copy_events(stock_home, head, add_copies(stock_home, [head], FRESH))
        our_head, *our_rest = prepare_ours(ours)
        for size in sorted({*queued, REFERENCE}):
            add_copies(stock_home, rest, size - stock.call(queued_runs))
            add_copies(our_home, our_rest, size - FRESH - ours.call(queued_runs))
            copy_events(our_home, our_head, add_copies(our_home, [our_head], FRESH))
            timings[size] = run(stock, ours, repeats)
    return [figure for size in queued for figure in figures(storage, size, timings[size], timings[REFERENCE])]


def submit_templates(site: Site) -> list[Template]:
    """Submit one run of each kind for real; their rows, that of the head of the line first."""
    submitted = [(submit_one(site, asset), asset) for asset in (*REST, HEAD)]
    return [template(site.home, run_id, asset) for run_id, asset in reversed(submitted)]


def prepare_ours(ours: Worker) -> list[Template]:
    """Fill all slots, and let a cycle tell the runs behind why they wait: their rows, as told."""
    head, *rest = ours.call(submit_templates)
    ours.call(make_data_ready, head.run_id)
    copy_events(ours.home, head, add_copies(ours.home, [head], SLOTS - 1))
    timed(ours, SLOTS)
    ours.call(start_launched)
    while ours.call(untold_runs):
        timed(ours, 0)
    return [head, *(template(ours.home, each.run_id, each.asset) for each in rest)]


def run(stock: Worker, ours: Worker, repeats: int) -> Timings:
    """Time our first passes over fresh runs, then passes of both in turn."""
    timings = Timings()
    for _ in range(STARTS):
        ours.restart()
        timings.first.samples.append(timed(ours, 0).whole_s)
    while ours.call(untold_runs):
        timings.telling.samples.append(timed(ours, 0).whole_s)
    for _ in range(repeats):
        timings.selection.samples.append(stock.call(select))
        timings.nothing.samples.append(timed(ours, 0).whole_s)
    for _ in range(repeats):
        timings.selection.samples.append(stock.call(select))
        timings.stock_ten.samples.append(timed(stock, SLOTS).whole_s)
        ours.call(end_active)
        ten = timed(ours, SLOTS)
        timings.ten_own.samples.append(ten.own_s)
        timings.ten.samples.append(ten.whole_s)
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


def figures(storage: Storage, queued: int, here: Timings, reference: Timings) -> list[Figure]:
    """The lines of the table for one length of the queue."""
    selection = f"its selection with free slots, {REFERENCE:,} queued"
    same = f"its selection with free slots, {queued:,} queued"

    def line(what: str, ours: Seconds, stock: Seconds, against: str, bound: float | None = None) -> Figure:
        return Figure(what, storage, queued, ours, stock, against, bound)

    return [
        line("a pass that admits nothing", here.nothing, reference.selection, selection, BOUND),
        line("our part of a pass that admits ten", here.ten_own, reference.selection, selection, BOUND),
        line("a pass that admits nothing", here.nothing, here.selection, same),
        line("our part of a pass that admits ten", here.ten_own, here.selection, same),
        line("a whole pass that launches ten", here.ten, here.stock_ten, "its whole pass that launches ten"),
        line("the first pass of a daemon", here.first, here.selection, same),
        line("a pass that tells fresh runs why they wait", here.telling, here.selection, same),
    ]
