"""How long runs waited: the share of a tier's runs that had started after some time, by planner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.wording import seconds
from adaptive_assets.simulation.report.axes import Scale, share_label, short_seconds, wait_scale
from adaptive_assets.simulation.report.frame import bottom_axis, left_axis, plot
from adaptive_assets.simulation.report.markup import Child, Markup, fixed, tag

__all__ = ["Curve", "waits_plot"]

POINTS: Final = 160


@dataclass(frozen=True, slots=True)
class Curve:
    """The waits of one tier under one planner, in order; runs that never started are not among them.

    ``runs`` counts those too, so that a curve which never reaches 100% shows them.
    """

    name: str
    colour: str
    waits: tuple[float, ...]
    runs: int
    bound: bool = False
    ours: bool = False


def waits_plot(curves: Sequence[Curve], longest: float) -> Markup:
    """A curve for each planner, ours on top; dots where 95% of the runs had started."""
    x, ticks = wait_scale(longest, 38.0, 340.0)
    y = Scale(0.0, 1.0, 178.0, 12.0)
    parts: list[Child] = [
        left_axis(y, [0.0, 0.25, 0.5, 0.75, 1.0], 38.0, 340.0, share_label),
        bottom_axis(x, _apart(ticks, x), 178.0, short_seconds),
        tag("line", class_="axis", x1=38, x2=340, y1=y(0.95), y2=y(0.95), stroke_dasharray="2 3"),
    ]
    in_order = sorted(curves, key=lambda curve: (curve.ours, not curve.bound))
    for curve in in_order:
        emphasis = " bold" if curve.ours else " bound" if curve.bound else ""
        parts.append(
            tag(
                "path",
                tag("title", f"{curve.name}: {_told(curve)}"),
                class_=f"line{emphasis} {curve.colour}",
                d=_path(curve, x, y),
            )
        )
    for curve in in_order:
        if (p95 := _quantile(curve, 0.95)) is not None:
            title = tag("title", f"{curve.name}: 95% had started after {seconds(p95)}")
            parts.append(
                tag(
                    "circle",
                    title,
                    class_=f"dot {curve.colour}",
                    cx=x(p95),
                    cy=y(0.95),
                    r=4.2 if curve.ours else 3.2,
                )
            )
    parts.append(tag("text", "time waited", class_="end", x=340, y=210))
    return plot(352.0, 214.0, "Share of runs that had started, by time waited", parts)


def _path(curve: Curve, x: Scale, y: Scale) -> str:
    """Up at each wait; of many waits, as many as a plot can show, and always the last."""
    count = len(curve.waits)
    if not count:
        return f"M{fixed(x.start)} {fixed(y(0.0))}H{fixed(x.end)}"
    shown = (
        range(count) if count <= POINTS else [round(n * (count - 1) / (POINTS - 1)) for n in range(POINTS)]
    )
    told = [f"M{fixed(x(0.0))} {fixed(y(0.0))}"]
    told += (f"H{fixed(x(curve.waits[number]))}V{fixed(y((number + 1) / curve.runs))}" for number in shown)
    told.append(f"H{fixed(x.end)}")
    return "".join(told)


def _quantile(curve: Curve, share: float) -> float | None:
    """The wait after which ``share`` of all runs had started, ``None`` if that many never did."""
    place = max(0, -int(-share * curve.runs // 1) - 1)
    return curve.waits[place] if place < len(curve.waits) else None


def _told(curve: Curve) -> str:
    if not curve.waits:
        return "no run started"
    median = _quantile(curve, 0.5)
    half = "" if median is None else f"half of {curve.runs} had started after {seconds(median)}, "
    never = curve.runs - len(curve.waits)
    return f"{half}the longest wait was {seconds(curve.waits[-1])}" + (
        f", {never} never started" if never else ""
    )


def _apart(ticks: Sequence[float], x: Scale) -> list[float]:
    """The ticks whose names do not run into each other."""
    kept: list[float] = []
    for tick in ticks:
        if not kept or x(tick) - x(kept[-1]) >= 26:
            kept.append(tick)
    return kept
