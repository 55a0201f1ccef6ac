"""Each run of a small workload as a bar: thin while it waits, thick while it runs."""

from collections.abc import Iterable, Sequence
from typing import Final

from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.wording import seconds
from adaptive_assets.simulation.outcome import RunOutcome
from adaptive_assets.simulation.report.axes import Scale
from adaptive_assets.simulation.report.frame import cross, plot, time_axis
from adaptive_assets.simulation.report.markup import Child, Markup, fixed, tag

__all__ = ["MOST_RUNS", "gantt_plot"]

MOST_RUNS: Final = 120
"""More bars than these are no longer told apart."""
WIDTH: Final = 1100.0
LEFT: Final = 150.0
RIGHT: Final = 1080.0
ROW: Final = 15.0
NAME_SHOWN: Final = 22


def gantt_plot(runs: Sequence[RunOutcome], tiers: Sequence[str], end_s: float) -> Markup:
    """A row for each run, by tier and then by submission; a stroke at its deadline, red if missed."""
    released = [(run, run.released_s) for run in runs if run.released_s is not None]
    rows = sorted(released, key=lambda row: (tiers.index(row[0].tier), row[1], row[0].run.run_id))
    x = Scale(0.0, end_s, LEFT, RIGHT)
    bottom = 8 + ROW * len(rows)
    parts: list[Child] = [time_axis(x, bottom, 12, top=4.0)]
    for number, (run, released_s) in enumerate(rows):
        parts += _row(run, released_s, tiers.index(run.tier) % 6, x, 8 + ROW * number, end_s)
    return plot(WIDTH, bottom + 24, "Every run over time", parts)


def _row(run: RunOutcome, released_s: float, tier: int, x: Scale, y: float, end_s: float) -> Iterable[Markup]:
    launched = end_s if run.launched_s is None else run.launched_s
    name = run.run.name if len(run.run.name) <= NAME_SHOWN else run.run.name[: NAME_SHOWN - 1] + "…"
    yield tag("text", name, class_="ink end", x=LEFT - 8, y=y + 10.5)
    middle = y + ROW / 2
    if launched > released_s:
        yield tag("line", class_=f"waits t{tier}", x1=x(released_s), x2=x(launched), y1=middle, y2=middle)
    if run.launched_s is not None:
        ended = end_s if run.ended_s is None else run.ended_s
        width = max(1.5, x(ended) - x(launched))
        faded = None if run.mode in WHOLE else 0.55
        yield tag(
            "rect",
            class_=f"bar t{tier}",
            x=x(launched),
            y=y + 2.5,
            width=width,
            height=ROW - 5,
            rx=2,
            opacity=faded,
        )
    for killed_at in run.killed_at:
        yield cross(x(killed_at), middle, "killed")
    if run.deadline_s is not None and run.deadline_s <= end_s:
        at = fixed(x(run.deadline_s))
        late = "due" if run.missed else "kept"
        yield tag("path", class_=late, d=f"M{at} {fixed(y + 1)}v{fixed(ROW - 2)}")
    yield tag(
        "rect",
        tag("title", _told(run, released_s)),
        class_="hit",
        x=LEFT,
        y=y,
        width=RIGHT - LEFT,
        height=ROW,
    )


def _told(run: RunOutcome, released_s: float) -> str:
    """Everything about the run, in a few lines."""
    told = [f"{run.run.name} ({run.run.run_id}), {run.tier}", f"submitted at {seconds(released_s)}"]
    told.append(f"waited {seconds(run.wait_s)}")
    if run.launched_s is not None and run.ended_s is not None:
        told.append(f"ran {seconds(run.ended_s - run.launched_s)} in mode {run.mode}")
    if run.unfinished:
        told.append(f"unfinished: {run.unfinished}")
    if run.deadline_s is not None:
        told.append(f"deadline {seconds(run.deadline_s)}: {'missed' if run.missed else 'kept'}")
    if run.oom_kills:
        told.append("killed for want of memory at " + ", ".join(map(seconds, run.killed_at)))
    if run.preemptions:
        told.append(f"gave way {run.preemptions} times")
    blocked = sorted(run.blocked_by.items(), key=lambda item: -item[1])[:4]
    if blocked:
        told.append("waited for " + ", ".join(f"{code} {seconds(waited)}" for code, waited in blocked))
    return "\n".join(told)
