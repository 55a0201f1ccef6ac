"""Real runs on this machine, side by side: ours as it is adopted, and stock Dagster at its best setting.

Both have the same assets and jobs, with the priorities that a user of stock gives by tier. Ours has the
policy file and `adapt()` beside them. Each play has an instance, a code server and a daemon of its own, so
that nothing was learned before; the two sides play in turn, and who begins changes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite, nan, prod
from typing import Any, Final

from benchmarks.bounds import Bound, bounds_table, plain_bounds
from benchmarks.real_plays import Play, play
from benchmarks.real_workloads import PARTS, Part
from benchmarks.report import Finding, grid
from benchmarks.sites import Storage

INTRO: Final = (
    "Real runs of a daemon, a process each; the same assets and jobs, with stock's coordinator and with ours"
    " in turn. The ratios are ours by stock's, with the `max_concurrent_runs` at which stock was best: where"
    " the product of the figures below is least."
)


@dataclass(frozen=True, slots=True)
class Compared:
    """A part on one storage: what stock tried, and what both played in the end."""

    part: Part
    storage: Storage
    tried: tuple[Play, ...]
    ours: tuple[Play, ...]
    stock: tuple[Play, ...]

    def bounds(self) -> Iterator[Bound]:
        """What was promised of it, first of the ratios and then of runs that ended badly."""
        where = f"{self.part.name}, {self.storage}"
        for measure in self.part.measures:
            ours, stock = measure.of(self.ours), measure.of(self.stock)
            note = f"{ours:.2f} s ÷ {stock:.2f} s"
            ratio = ours / stock if stock else nan
            yield Bound.at_most(measure.what, where, ratio, measure.allowed, note)
        failed, theirs = (sum(each.failed for each in plays) for plays in (self.ours, self.stock))
        yield Bound.at_most("runs that ended badly", where, failed, 0, f"stock's: {theirs}")


def measure(
    parts: Sequence[str] = tuple(PARTS),
    storages: Sequence[Storage] = ("sqlite",),
    limits: Sequence[int] = (),
    repeats: int = 0,
    share: float = 1.0,
    say: Callable[[str], None] = print,
) -> Finding:
    """Play ``parts``; with ``limits``, stock tries these, and without a search where there is but one.

    ``repeats``: plays of each side, 0 for the part's own; ``share``: of each workload, from its start.
    """
    compared = []
    for name in parts:
        part = PARTS[name].shortened(share)
        part = replace(part, limits=tuple(limits) or part.limits, repeats=repeats or part.repeats)
        compared += [compare(part, storage, say) for storage in storages]
    bounds = [bound for each in compared for bound in each.bounds()]
    return Finding(
        "real" if len(parts) == len(PARTS) else f"real-{'-'.join(parts)}",
        INTRO,
        "\n\n".join((bounds_table(bounds), *map(_tried_table, compared))),
        all(bound.met for bound in bounds),
        {"bounds": plain_bounds(bounds), "parts": [_plain(each) for each in compared]},
    )


def compare(part: Part, storage: Storage, say: Callable[[str], None]) -> Compared:
    """Search for stock's best limit, then let both play."""

    def one(limit: int | None, requests: Iterable[Any], why: str) -> Play:
        played = play(storage, limit, tuple(requests), in_turn=part.in_turn)
        found = ", ".join(f"{each.what} {each.of([played]):.2f} s" for each in part.measures)
        say(f"{part.name}, {storage}, {_named(limit)}, {why}: {found}; {played.failed} ended badly")
        return played

    tried = [one(limit, part.trial, "search") for limit in part.limits] if len(part.limits) > 1 else []
    best = min(tried, key=lambda each: merit(part, each)).limit if tried else part.limits[0]
    sides: dict[int | None, list[Play]] = {None: [], best: []}
    for number in range(part.repeats):
        order = (None, best) if number % 2 == 0 else (best, None)
        for limit in order:
            sides[limit].append(one(limit, part.requests, f"{number + 1} of {part.repeats}"))
    return Compared(part, storage, tuple(tried), tuple(sides[None]), tuple(sides[best]))


def merit(part: Part, played: Play) -> tuple[int, float]:
    """What stock's best setting has least of: runs that ended badly, then the product of the figures."""
    return played.failed, prod(measure.of([played]) for measure in part.measures)


def _named(limit: int | None) -> str:
    return "ours" if limit is None else f"stock, {limit} at once"


def _tried_table(compared: Compared) -> str:
    """Every play: those of the search, and those that count."""
    part = compared.part
    header = (
        "part",
        "side",
        "plays",
        *(f"{each.what}, s" for each in part.measures),
        "cores in use",
        "badly",
    )
    rows = [header]
    groups = [(f"{_named(each.limit)} (search)", [each]) for each in compared.tried]
    groups += [(_named(plays[0].limit), list(plays)) for plays in (compared.stock, compared.ours)]
    for name, plays in groups:
        cores = sum(each.busy_cores for each in plays) / len(plays)
        figures = (f"{each.of(plays):.2f}" for each in part.measures)
        failed = sum(each.failed for each in plays)
        where = f"{part.name}, {compared.storage}"
        rows.append((where, name, str(len(plays)), *figures, f"{cores:.2f}", str(failed)))
    return grid(rows)


def _plain(compared: Compared) -> dict[str, Any]:
    """Every run of every play, for JSON, which has no infinity."""

    def plain(played: Play) -> dict[str, Any]:
        runs = [{**asdict(run), "started_at": _finite(run.started_at)} for run in played.runs]
        return {"limit": played.limit, "busy_cores": played.busy_cores, "runs": runs}

    return {
        "part": compared.part.name,
        "storage": compared.storage,
        "search": [plain(each) for each in compared.tried],
        "ours": [plain(each) for each in compared.ours],
        "stock": [plain(each) for each in compared.stock],
    }


def _finite(number: float) -> float | None:
    return number if isfinite(number) else None
