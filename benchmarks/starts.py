"""Whether predicted starts hold: at many instants of a simulation, and with what was known by then."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import product
from statistics import median
from typing import Final

from adaptive_assets.learning.start_calibration import StartCalibration
from adaptive_assets.planning.decisions import Plan, Verdict
from adaptive_assets.planning.planner import Planner
from adaptive_assets.planning.prediction import predict
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.traces.scaling import scaled
from benchmarks.bounds import Bound, bounds_table, plain_bounds
from benchmarks.cells import TRACES, Cell, cluster_of, drawn, loads_of, policy_book
from benchmarks.report import Finding, grid
from benchmarks.side_by_side import side_by_side

__all__ = ["Asked", "Held", "Watched", "held", "measure", "play"]

SEEDS: Final = 2
FIRST: Final = 3
LOOKS: Final = 200
"""Instants at which starts are asked for, evenly spaced over the trace."""
ASKED: Final = 20
"""Runs of a tier that are asked for at an instant, evenly spaced over those that wait."""
ENOUGH: Final = 30
"""Runs without which a share says nothing."""
SHORTEST_S: Final = 5.0
"""A shorter wait counts as so long where a prediction is divided by it: one cycle."""
HORIZONS: Final[Mapping[str, float]] = {"< 1 min": 60, "< 10 min": 600, "< 1 h": 3600, "longer": float("inf")}
"""By what was predicted as p50."""
INTRO: Final = (
    f"At {LOOKS} instants of each simulation, up to {ASKED} of the waiting runs of each tier are asked for"
    " their start, with the calibration that was learned by then. *shown* is the share for which there was"
    " an answer; *p50 holds* and *p90 holds* are the shares of those that had started by then; and *p90 /"
    " wait* is the median of how many times as long as the real wait the p90 was. Left out is what the"
    " trace is too short to tell: where it ends before the p90."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was predicted of a waiting run at ``at_s``, in seconds from then, and when it started.

    ``raw_s`` is the planner's own prediction, ``None`` where it had none; ``p50_s`` and ``p90_s`` are
    ``None`` where too little was known; ``start_s`` is ``None`` if it had not started by the end, ``left_s``
    later.
    """

    run_id: str
    tier: str
    at_s: float
    raw_s: float | None
    p50_s: float | None
    p90_s: float | None
    start_s: float | None
    left_s: float


@dataclass(frozen=True, slots=True)
class Held:
    """How the predictions for one tier held."""

    tier: str
    asked: int
    shown: float
    runs: int
    """How many runs the shares are of."""
    raw_holds: float | None
    p50_holds: float | None
    p90_holds: float | None
    times_wait: float | None


class Watched:
    """Our planner, with predictions as the daemon makes them, and asked at every ``every_s`` for starts."""

    name = "ours"

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next_at = 0.0
        self._planner = Planner()
        self._calibration = StartCalibration()
        self._asked: list[tuple[str, str, float, float | None, float | None, float | None]] = []
        self._launches: dict[str, list[float]] = {}

    def __call__(self, snapshot: Snapshot, book: PolicyBook) -> Plan:
        """The plan, after which runs are predicted and asked for."""
        made, at = self._planner(snapshot, book), snapshot.at
        started = {run.run_id: at for decision in made.admitted() for run in decision.runs}
        for run_id in started:
            self._launches.setdefault(run_id, []).append(at)
        self._calibration.started(started)
        due = self._calibration.due(made)
        waiting: dict[str, list[str]] = {}
        for decision in made.decisions:
            if decision.verdict is Verdict.DEFER:
                waiting.setdefault(decision.tier, []).extend(run.run_id for run in decision.runs)
        asked: dict[str, list[str]] = {}
        if waiting and at >= self._next_at:
            self._next_at = at + self._every_s
            asked = {tier: _spread(run_ids, ASKED) for tier, run_ids in waiting.items()}
        wanted = [run_id for each in (due, asked) for run_ids in each.values() for run_id in run_ids]
        if wanted:
            found = predict(snapshot, book, wanted)
            for tier, run_ids in asked.items():
                self._asked += [
                    (run_id, tier, at, *self._told(tier, found.get(run_id))) for run_id in run_ids
                ]
            if due:
                self._calibration.predicted(at, due, found)
        return made

    def _told(self, tier: str, raw: float | None) -> tuple[float | None, float | None, float | None]:
        known = None if raw is None else self._calibration.quantiles(tier, raw)
        return (raw, None, None) if known is None else (raw, known.p50, known.p90)

    def asked(self, begins_at: float, ends_at: float) -> Iterator[Asked]:
        """All that was asked for, with what came of it by ``ends_at``."""
        for run_id, tier, at, raw, p50, p90 in self._asked:
            starts = [launch - at for launch in self._launches.get(run_id, ()) if launch > at]
            yield Asked(run_id, tier, at - begins_at, raw, p50, p90, min(starts, default=None), ends_at - at)


def play(cell: Cell) -> tuple[Cell, list[Asked], float]:
    """Simulate a cell; what was asked for in it, and the seconds that it took."""
    began = time.perf_counter()
    cluster = cluster_of(cell.trace)
    workload = scaled(drawn(cell.trace, cell.seed), cell.load, cluster.cores)
    settings = Settings(horizon_s=workload.span_s, capabilities=cell.world)
    planner = Watched(workload.span_s / LOOKS)
    book = policy_book(cell.trace)
    outcome = simulate(workload, book, cluster, planner=planner, settings=settings, seed=cell.seed)
    asked = list(planner.asked(settings.starts_at, settings.starts_at + outcome.end_s))
    return cell, asked, time.perf_counter() - began


def held(tier: str, asked: Sequence[Asked]) -> Held:
    """How what was asked for runs of ``tier`` held."""
    of_tier = [each for each in asked if each.tier == tier]
    shown = [each for each in of_tier if each.p90_s is not None]
    told = [each for each in shown if each.p90_s is not None and each.p90_s <= each.left_s]
    times = [
        each.p90_s / max(each.start_s, SHORTEST_S)
        for each in told
        if each.p90_s is not None and each.start_s is not None
    ]
    raw = [
        (each.raw_s, each.start_s) for each in of_tier if each.raw_s is not None and each.raw_s <= each.left_s
    ]
    return Held(
        tier,
        len(of_tier),
        len(shown) / len(of_tier) if of_tier else 0.0,
        len({each.run_id for each in told}),
        _share(raw),
        _share([(each.p50_s, each.start_s) for each in told]),
        _share([(each.p90_s, each.start_s) for each in told]),
        median(times) if times else None,
    )


def measure(
    traces: Sequence[str] = tuple(TRACES),
    loads: Sequence[float] | None = None,
    seeds: int = SEEDS,
    first: int = FIRST,
    jobs: int = 2,
    say: Callable[[str], None] = print,
) -> Finding:
    """Play every trace at every load with so many seeds from ``first`` on, in ``jobs`` processes.

    Raises what :func:`~benchmarks.cells.drawn` raises.
    """
    for trace in traces:
        drawn(trace, first)
    places = [(trace, load) for trace in traces for load in loads or loads_of(trace)]
    cells = [Cell(*place, seed) for place, seed in product(places, range(first, first + seeds))]
    found: dict[Cell, list[Asked]] = {}
    with closing(side_by_side(_played, [(cell,) for cell in cells], jobs)) as results:
        for cell, asked, took_s in results:
            found[cell] = asked
            say(f"[{len(found):3d} of {len(cells)}] {cell.label}, {took_s:.0f} s")
    tiers = [tier.name for tier in policy_book().tiers]
    bounds: list[Bound] = []
    rows: list[tuple[str, ...]] = [("trace", "load", *_HEADER)]
    for trace, load in places:
        asked = [each for cell in cells if (cell.trace, cell.load) == (trace, load) for each in found[cell]]
        where = f"{trace} {load:g}"
        for tier in tiers:
            result = held(tier, asked)
            rows.append((trace, f"{load:g}", *_row(result)))
            bounds += _bounds(result, where)
    everything = [each for asked in found.values() for each in asked]
    for tier in tiers:
        bounds += _bounds(held(tier, everything), "all")
    sections = [
        f"## Bounds\n\n{bounds_table(bounds)}",
        f"## By trace, load and tier\n\n{grid(rows)}",
        f"## By tier and predicted wait\n\n{grid(list(_by_horizon(everything, tiers)))}",
    ]
    content = {
        "bounds": plain_bounds(bounds),
        "asked": {cell.label: [asdict(each) for each in asked] for cell, asked in found.items()},
    }
    return Finding("starts", INTRO, "\n\n".join(sections), all(bound.met for bound in bounds), content)


_HEADER: Final = ("tier", "asked", "shown", "runs", "raw holds", "p50 holds", "p90 holds", "p90 / wait")


def _played(cell: Cell) -> tuple[Cell, list[Asked], float]:
    return play(cell)


def _by_horizon(asked: Iterable[Asked], tiers: Iterable[str]) -> Iterator[tuple[str, ...]]:
    yield ("predicted", *_HEADER)
    told = [each for each in asked if each.p50_s is not None]
    for tier in tiers:
        least = 0.0
        for name, most in HORIZONS.items():
            here = [each for each in told if each.p50_s is not None and least <= each.p50_s < most]
            yield (name, *_row(held(tier, here)))
            least = most


def _bounds(result: Held, where: str) -> Iterator[Bound]:
    if result.p90_holds is not None and result.runs >= ENOUGH:
        what, note = f"p90 of {result.tier} holds", f"{result.runs} runs"
        yield Bound.at_least(what, where, result.p90_holds, 0.85, note)
        yield Bound.at_most(what, where, result.p90_holds, 0.95, note)


def _row(result: Held) -> tuple[str, ...]:
    shares = (result.shown, result.raw_holds, result.p50_holds, result.p90_holds)
    shown, raw, p50, p90 = ("-" if share is None else f"{share:.0%}" for share in shares)
    times = "-" if result.times_wait is None else f"{result.times_wait:.2f}"
    return (result.tier, f"{result.asked:,}", shown, str(result.runs), raw, p50, p90, times)


def _share(predicted: Sequence[tuple[float | None, float | None]]) -> float | None:
    """The share of runs that had started by when they were predicted to."""
    if not predicted:
        return None
    kept = sum(start is not None and within is not None and start <= within for within, start in predicted)
    return kept / len(predicted)


def _spread(run_ids: Sequence[str], count: int) -> list[str]:
    if len(run_ids) <= count:
        return list(run_ids)
    return [run_ids[place * len(run_ids) // count] for place in range(count)]
