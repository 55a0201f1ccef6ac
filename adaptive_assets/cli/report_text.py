"""The report on a trial, for people and for programs."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from adaptive_assets.cli.text import clock, count, iso, labelled, table, wrapped
from adaptive_assets.planning.formatting import cores, seconds, share, size
from adaptive_assets.planning.reason_codes import ReasonCode
from adaptive_assets.reporting.observation.decided import STOCKS_OWN
from adaptive_assets.reporting.observation.figures import (
    TIMES,
    Against,
    Figures,
    against,
    figures,
    moved,
    tiers_of,
)

if TYPE_CHECKING:
    from adaptive_assets.cli.report import Report

FEW: Final = 100
"""Below so many runs a report says that they are few."""
FAR: Final = 1.5
"""By this factor the simulation of stock may be off what was measured before the report says so."""

HEADS: Final = ("start mean", "start 95%", "turn mean", "turn 95%", "missed", "degraded", "killed")


def as_text(found: "Report") -> str:
    """What was decided, the three courses of events by tier, what speaks against it, what to trust."""
    tiers = _tiers(found)
    parts = [labelled(_lines(found))]
    parts += [_courses(found, tier) for tier in tiers]
    parts.append("\n".join(_against_lines(found)))
    parts.append("\n".join(wrapped(line) for line in _cautions(found)))
    return "\n\n".join(parts)


def _tiers(found: "Report") -> list[str]:
    return tiers_of(found.played, [tier.name for tier in found.trial.book.tiers])


def _lines(found: "Report") -> Iterator[tuple[str, str]]:
    trial, made = found.trial, found.trial.decided
    yield "observed", f"{clock(trial.since)} to {clock(trial.until)} ({seconds(trial.until - trial.since)})"
    yield "runs", _runs_line(found)
    told = [f"{made.launched:,} launched at once", f"{made.held.total():,} held"]
    told += [f"{times:,} degraded to {mode}" for mode, times in made.degraded.most_common()]
    if made.failed:
        told.append(f"{made.failed:,} failed by their policy")
    yield "would be", f"of {count(len(made.seen), 'run')} that a cycle saw queued: {', '.join(told)}"
    if made.held:
        own = _stocks_own(found)
        yield "held for", ", ".join(_held(code, times, own) for code, times in made.held.most_common())
    yield "memory", _memory_line(found)
    yield "simulated", _world_line(found)


def _runs_line(found: "Report") -> str:
    trial = found.trial
    told = f"{len(trial.workload.runs):,} that ended with success"
    others = [f"{times:,} {status.lower()}" for status, times in trial.left_out.items()]
    if found.open_runs:
        others.append(f"{found.open_runs:,} not ended yet")
    return f"{told}; not simulated: {', '.join(others)}" if others else told


def _stocks_own(found: "Report") -> AbstractSet[str]:
    """Reasons for which stock holds a run as well: the number of runs at once, if it is stock's own."""
    limit, guard = found.played.run_limit, found.trial.book.guards.concurrency
    is_stocks = limit is not None and (guard is None or guard >= limit)
    return STOCKS_OWN | {ReasonCode.CONCURRENCY} if is_stocks else STOCKS_OWN


def _held(code: str, times: int, stocks_own: AbstractSet[str]) -> str:
    return f"{code} {times:,}{' (by stock as well)' if code in stocks_own else ''}"


def _memory_line(found: "Report") -> str:
    trial = found.trial
    over, peak = trial.over_guard or 0.0, trial.memory_peak or 0.0
    killed = f"{count(trial.killed, 'run')} killed for want of memory" if trial.killed else "no run killed"
    simulated = ", ".join(
        f"{course.name} {share(round(course.over_guard or 0.0, 3))}" for course in found.played.courses[1:]
    )
    return (
        f"measured over the guard of {share(trial.book.guards.memory)} in {share(round(over, 3))} of"
        f" {count(len(trial.readings), 'reading')}, at most {share(round(peak, 3))} in use; {killed}\n"
        f"over the guard for this part of the time: {simulated}"
    )


def _world_line(found: "Report") -> str:
    played = found.played
    busy, held = played.others
    limit = (
        "without a limit on runs" if played.run_limit is None else f"{count(played.run_limit, 'run')} at once"
    )
    return (
        f"{cores(played.cluster.cores)} and {size(played.cluster.memory)}, of which other processes had"
        f" {cores(busy)} and {size(held)}; stock launches {limit}"
    )


def _courses(found: "Report", tier: str) -> str:
    rows = []
    for course in found.played.courses:
        figure = figures(course, tier)
        rows.append((course.name, *_cells(figure)))
    heading = f"{tier}, {count(figures(found.played.ours, tier).runs, 'run')}"
    return table((heading, *HEADS), rows)


def _cells(figure: Figures) -> tuple[str, ...]:
    times = ("-" if (value := time_of(figure)) is None else seconds(value) for time_of in TIMES.values())
    missed = f"{figure.missed} of {figure.with_deadline}" if figure.with_deadline else "-"
    return (*times, missed, str(figure.degraded), str(figure.kills))


def _against_lines(found: "Report") -> Iterator[str]:
    worse = list(against(found.played, _tiers(found)))
    if not worse:
        yield "Against it: no figure is worse than in the simulation of stock."
    else:
        yield "Against it: these figures are worse than in the simulation of stock."
        yield from (f"    {_worse(each)}" for each in worse)
    gaps = moved(found.played)
    sooner = f", by {seconds(gaps.sooner_median_s)} in the median" if gaps.sooner else ""
    later = (
        f", by {seconds(gaps.later_median_s)} in the median and {seconds(gaps.later_most_s)} at most"
        if gaps.later
        else ""
    )
    yield wrapped(
        f"Run by run: {gaps.later:,} end later than with stock{later}; {gaps.sooner:,} end sooner{sooner};"
        " the others within 5s."
    )


def _worse(each: Against) -> str:
    where = f"{each.tier}: " if each.tier else ""
    if each.figure in TIMES:
        return f"{where}{each.figure} {seconds(each.ours)}, with stock {seconds(each.stock)}"
    if not each.tier:
        return f"{each.figure}: {share(round(each.ours, 3))}, with stock {share(round(each.stock, 3))}"
    return f"{where}{each.figure} {each.ours:g}, with stock {each.stock:g}"


def _cautions(found: "Report") -> Iterator[str]:
    trial, runs = found.trial, len(found.trial.workload.runs)
    yield (
        f"What is not called measured is simulated, from {count(runs, 'run')}: their durations as they were"
        " on a shared machine, and nothing learned at the beginning (in mode `act` it begins with what it has"
        " learned while it observed). Gates on data, pools and tag limits are not simulated; how often they"
        " would have held a run is above."
    )
    if runs < FEW:
        yield f"{count(runs, 'run')} are few: let it observe for longer before you decide by them."
    unseen = sum(run_id not in trial.decided.seen for run_id in trial.usages)
    if unseen:
        yield f"Launched before a cycle saw them in the queue: {count(unseen, 'run')} of them."
    if trial.decided.damaged:
        yield f"{count(trial.decided.damaged, 'cycle')} cannot be read; their runs are not counted above."
    if (ratio := simulated_of_measured(found)) is not None and not 1 / FAR <= ratio <= FAR:
        yield (
            f"The simulation of stock is {ratio:.1f} times what was measured (turnaround, mean of all runs):"
            " take the differences between the two simulations as rough."
        )


def simulated_of_measured(found: "Report") -> float | None:
    """How many times as long as measured runs take in the simulation of stock: the mean turnaround of all."""
    simulated = figures(found.played.stock).turnaround_mean_s
    measured = figures(found.played.measured).turnaround_mean_s
    return simulated / measured if simulated is not None and measured else None


def as_json(found: "Report") -> dict[str, Any]:
    """Times in ISO 8601 and seconds, shares of one."""
    trial, played, made = found.trial, found.played, found.trial.decided
    tiers = _tiers(found)
    return {
        "since": iso(trial.since),
        "until": iso(trial.until),
        "revision": trial.book.revision,
        "runs": {
            "simulated": len(trial.workload.runs),
            "left_out": dict(trial.left_out),
            "open": found.open_runs,
            "unseen": sum(run_id not in made.seen for run_id in trial.usages),
        },
        "would_be": {
            "seen": len(made.seen),
            "launched": made.launched,
            "held": dict(made.held),
            "degraded": dict(made.degraded),
            "failed": made.failed,
        },
        "memory": {
            "guard": trial.book.guards.memory,
            "readings": len(trial.readings),
            "peak": trial.memory_peak,
            "killed": trial.killed,
        },
        "machine": {
            "cores": played.cluster.cores,
            "memory": played.cluster.memory,
            "others_cores": played.others[0],
            "others_memory": played.others[1],
        },
        "stock_run_limit": played.run_limit,
        "courses": [
            {
                "course": course.name,
                "over_guard": course.over_guard,
                "all": asdict(figures(course)),
                "tiers": {tier: asdict(figures(course, tier)) for tier in tiers},
            }
            for course in played.courses
        ],
        "against": [asdict(each) for each in against(played, tiers)],
        "moved": asdict(moved(played)),
        "simulated_of_measured": simulated_of_measured(found),
    }
