"""The queue and the machine over time, on one axis, with what befell both."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.wording import seconds, share, size
from adaptive_assets.simulation.report.axes import (
    Scale,
    amount_ticks,
    share_label,
    short_number,
    short_seconds,
    time_ticks,
)
from adaptive_assets.simulation.report.frame import (
    bottom_axis,
    cross,
    left_axis,
    plot,
    steps,
    time_axis,
    tooltip,
)
from adaptive_assets.simulation.report.markup import Child, Markup, fixed, tag
from adaptive_assets.simulation.report.timeline import Band, Frame

__all__ = ["Machine", "Mark", "Spell", "history", "queue_plot"]

WIDTH: Final = 1100.0
LEFT: Final = 48.0
RIGHT: Final = 1012.0
QUEUE: Final = 150.0
STRIP: Final = 84.0
GAP: Final = 34.0
LANE: Final = 17.0
POINTED_AT: Final = 160
"""How many stretches of a plot have a tooltip."""
APART: Final = 8.0
"""Marks that are nearer to each other are one: they could not be told apart."""


@dataclass(frozen=True, slots=True)
class Machine:
    """All nodes together, and the shares of them that the guards leave."""

    cores: float
    memory: int
    cpu_guard: float
    memory_guard: float


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that befell runs at an instant: an out-of-memory kill, or a preemption."""

    at: float
    kind: str
    """``killed`` or ``preempted``."""
    told: str


@dataclass(frozen=True, slots=True)
class Spell:
    """Something that lasted: an event of the scenario."""

    start_s: float
    end_s: float
    told: str


def history(
    frames: Sequence[Frame],
    tiers: Sequence[str],
    longest: float,
    machine: Machine,
    marks: Sequence[Mark],
    spells: Sequence[Spell],
    end_s: float,
) -> Markup:
    """Three strips, one below the other: runs waiting by tier, CPU, memory; below them the marks.

    ``longest`` is the queue at the top of the first strip, the same for every planner, so that they compare.
    """
    x = Scale(0.0, end_s, LEFT, RIGHT)
    lanes = _lanes(spells)
    top = 22 + LANE * (max(lanes, default=-1) + 1)
    cpu_top = top + QUEUE + GAP
    memory_top = cpu_top + STRIP + GAP
    marks_top = memory_top + STRIP + 8
    bottom = marks_top + (26 if marks else 0)
    queue = Scale(0.0, longest, top + QUEUE, top)
    memory_name = f"Memory in use, share of {size(machine.memory)}"
    parts: list[Child] = [
        *_spells(spells, lanes, x, bottom),
        bottom_axis(x, time_ticks(end_s, 12), bottom, short_seconds, top),
        _title("Runs waiting", top),
        left_axis(queue, amount_ticks(longest), LEFT, RIGHT, short_number),
        *_stacked(frames, tiers, x, queue),
        _title(f"CPU in use, share of {machine.cores:g} cores", cpu_top),
        *_strip([(frame, frame.cpu) for frame in frames], "cpu", x, cpu_top, machine.cpu_guard),
        _title(memory_name, memory_top),
        *_strip([(frame, frame.memory) for frame in frames], "memory", x, memory_top, machine.memory_guard),
        *_marks(marks, x, marks_top + 10),
        *_mark_names(marks, marks_top + 10),
        *_pointed_at(frames, tiers, machine, x, top, memory_top + STRIP - top),
        tag("text", "since the start", x=RIGHT + 8, y=bottom + 16),
    ]
    return plot(WIDTH, bottom + 24, "Runs waiting, CPU and memory over time", parts)


def queue_plot(
    frames: Sequence[Frame], tiers: Sequence[str], longest: float, marks: Sequence[Mark], end_s: float
) -> Markup:
    """Runs waiting over time alone, with ``marks`` above, small enough to stand beside other planners'."""
    x = Scale(0.0, end_s, 34.0, 344.0)
    y = Scale(0.0, longest, 128.0, 18.0)
    return plot(
        352.0,
        150.0,
        "Runs waiting over time",
        [
            left_axis(y, amount_ticks(longest), 34.0, 344.0, short_number),
            *_stacked(frames, tiers, x, y),
            *_marks(marks, x, 7.0),
            time_axis(x, 128.0, 5),
        ],
    )


def _title(text: str, top: float) -> Markup:
    return tag("text", text, class_="strong", x=LEFT, y=top - 8)


def _stacked(frames: Sequence[Frame], tiers: Sequence[str], x: Scale, y: Scale) -> Iterable[Markup]:
    """The queue by tier, the most important at the bottom, where its changes are seen best.

    Each area reaches down to zero and the next is drawn over it, so that no seams are between them.
    """
    if not frames:
        return
    end = x(frames[-1].end_s)
    for number in range(len(tiers) - 1, -1, -1):
        points = [(x(frame.start_s), y(float(sum(frame.queued[: number + 1])))) for frame in frames]
        most = max(frame.queued[number] for frame in frames)
        if most:
            title = tag("title", f"{tiers[number]}: at most {most} waiting")
            yield tag("path", title, class_=f"area t{number % 6}", d=steps(points, end, y(0.0)))


def _strip(
    bands: Sequence[tuple[Frame, Band]], colour: str, x: Scale, top: float, guard: float
) -> Iterable[Markup]:
    """A share of the machine: the mean as a line, from least to most as a veil, and the guard."""
    highest = max([1.0, *(band.high for _, band in bands)])
    y = Scale(0.0, highest, top + STRIP, top)
    yield left_axis(y, [0.0, 0.5, 1.0], LEFT, RIGHT, share_label)
    if bands:
        end = x(bands[-1][0].end_s)
        upper = steps([(x(frame.start_s), y(band.high)) for frame, band in bands], end)
        lower = _backwards([(x(frame.start_s), y(band.low)) for frame, band in bands], end)
        yield tag("path", class_=f"veil {colour}", d=f"{upper}{lower}Z")
        means = steps([(x(frame.start_s), y(band.mean)) for frame, band in bands], end)
        yield tag("path", class_=f"line thin {colour}", d=means)
    yield tag("line", class_="guard", x1=LEFT, x2=RIGHT, y1=y(guard), y2=y(guard))
    yield tag("text", f"guard {share(guard)}", class_="guardname", x=RIGHT + 8, y=y(guard) + 4)


def _backwards(points: Sequence[tuple[float, float]], end: float) -> str:
    """The lower edge of an area whose upper edge has just been drawn from left to right."""
    told = []
    for start, y in reversed(points):
        told.append(f"L{fixed(end)} {fixed(y)}H{fixed(start)}")
        end = start
    return "".join(told)


def _marks(marks: Sequence[Mark], x: Scale, y: float) -> Iterable[Markup]:
    """Crosses where memory ran out, triangles where runs had to give way; those at one spot are one mark."""
    for at, kind, found in _together(marks, x):
        told = [f"{short_seconds(mark.at)}: {mark.told}" for mark in found[:8]]
        if len(found) > 8:
            told.append(f"and {len(found) - 8} more")
        title = tag("title", "\n".join(told))
        if kind == "killed":
            yield cross(at, y, kind, title)
        else:
            yield tag("path", title, class_=kind, d=f"M{fixed(at)} {fixed(y + 12.5)}l-3.6 -6.6h7.2Z")


def _together(marks: Sequence[Mark], x: Scale) -> list[tuple[float, str, list[Mark]]]:
    """Marks of one kind that would cover each other, with the place of the first of them."""
    spots: dict[str, tuple[float, list[Mark]]] = {}
    places: list[tuple[float, str, list[Mark]]] = []
    for mark in sorted(marks, key=lambda mark: mark.at):
        at, found = spots.get(mark.kind, (-APART, []))
        if x(mark.at) - at >= APART:
            at, found = x(mark.at), []
            spots[mark.kind] = at, found
            places.append((at, mark.kind, found))
        found.append(mark)
    return places


def _mark_names(marks: Sequence[Mark], y: float) -> Iterable[Markup]:
    if any(mark.kind == "killed" for mark in marks):
        yield tag("text", "out of memory", x=RIGHT + 8, y=y + 3.5)
    if any(mark.kind == "preempted" for mark in marks):
        yield tag("text", "preempted", x=RIGHT + 8, y=y + 14.5)


def _lanes(spells: Sequence[Spell]) -> list[int]:
    """A row for the name of each spell, so that those at one time do not cover each other."""
    free: list[float] = []
    lanes = []
    for spell in spells:
        lane = next((number for number, until in enumerate(free) if until <= spell.start_s), len(free))
        free[lane : lane + 1] = [spell.end_s]
        lanes.append(lane)
    return lanes


def _spells(spells: Sequence[Spell], lanes: Sequence[int], x: Scale, bottom: float) -> Iterable[Markup]:
    for spell, lane in zip(spells, lanes, strict=True):
        left, right = x(spell.start_s), x(spell.end_s)
        y = 4 + LANE * lane
        yield tag(
            "rect", class_="spell", x=left, y=y, width=max(1.0, right - left), height=max(0.0, bottom - y)
        )
        at_the_end = left > (LEFT + RIGHT) / 2
        yield tag(
            "text",
            spell.told,
            class_="ink end" if at_the_end else "ink",
            x=right - 4 if at_the_end else left + 4,
            y=y + 11,
        )


def _pointed_at(
    frames: Sequence[Frame], tiers: Sequence[str], machine: Machine, x: Scale, top: float, height: float
) -> Iterable[Markup]:
    every = -(-len(frames) // POINTED_AT) if frames else 1
    for first in range(0, len(frames), every):
        group = frames[first : first + every]
        frame = max(group, key=lambda each: sum(each.queued))
        waiting = ", ".join(f"{tier} {count}" for tier, count in zip(tiers, frame.queued, strict=True))
        told = (
            f"{seconds(frame.start_s)}\nwaiting: {waiting}\nrunning: {frame.active}"
            + (f", suspended: {frame.suspended}" if frame.suspended else "")
            + f"\nCPU: {frame.cpu.mean * machine.cores:.1f} of {machine.cores:g} cores"
            f"\nmemory: {size(frame.memory.high * machine.memory)} of {size(machine.memory)}"
        )
        left = x(group[0].start_s)
        yield tooltip(told, left, top, x(group[-1].end_s) - left, height)
