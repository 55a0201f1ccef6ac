"""What all plots share: an SVG of its own size, axes with their units, and tooltips."""

from collections.abc import Callable, Iterable, Sequence

from adaptive_assets.simulation.report.axes import Scale, short_seconds, time_ticks
from adaptive_assets.simulation.report.markup import Child, Markup, fixed, lines, tag

__all__ = ["bottom_axis", "cross", "left_axis", "plot", "steps", "swatch", "time_axis", "tooltip"]


def plot(width: float, height: float, label: str, parts: Iterable[Child], *, small: bool = False) -> Markup:
    """An SVG as wide as the page lets it be; ``label`` is what a screen reader says.

    In a place that can be scrolled it stays readable: wide enough for a wide one, or for a ``small`` one.
    """
    return tag(
        "svg",
        lines(parts),
        viewBox=f"0 0 {fixed(width)} {fixed(height)}",
        class_="small" if small else None,
        role="img",
        aria_label=label,
        preserveAspectRatio="xMidYMid meet",
    )


def left_axis(
    y: Scale, ticks: Sequence[float], left: float, right: float, name: Callable[[float], str]
) -> Markup:
    """Horizontal rules with their numbers to the left of them."""
    parts: list[Child] = []
    for tick in ticks:
        at = y(tick)
        parts += (
            tag("line", class_="rule" if tick else "axis", x1=left, x2=right, y1=at, y2=at),
            tag("text", name(tick), class_="end", x=left - 6, y=at + 3.8),
        )
    return lines(parts)


def bottom_axis(
    x: Scale, ticks: Sequence[float], bottom: float, name: Callable[[float], str], top: float | None = None
) -> Markup:
    """Numbers below a plot, each with a small stroke, or with a rule up to ``top``."""
    parts: list[Child] = []
    for tick in ticks:
        at = x(tick)
        end = bottom + 4 if top is None else top
        parts += (
            tag("line", class_="axis" if top is None else "rule", x1=at, x2=at, y1=bottom, y2=end),
            tag("text", name(tick), class_="mid", x=at, y=bottom + 16),
        )
    return lines(parts)


def time_axis(x: Scale, bottom: float, count: int = 8, top: float | None = None) -> Markup:
    """The time since the start of the workload."""
    return bottom_axis(x, time_ticks(x.high, count), bottom, short_seconds, top)


def steps(points: Sequence[tuple[float, float]], end: float, base: float | None = None) -> str:
    """The path of a value that holds from one point to the next, up to ``end``; closed on ``base`` if given.

    Points that change nothing one could see are left out.
    """
    if not points:
        return ""
    told: list[str] = []
    shown = ""
    for x, y in points:
        if fixed(y) != shown:
            shown = fixed(y)
            told.append(f"H{fixed(x)}V{shown}" if told else f"M{fixed(x)} {shown}")
    told.append(f"H{fixed(end)}")
    if base is not None:
        told.append(f"V{fixed(base)}H{fixed(points[0][0])}Z")
    return "".join(told)


def tooltip(text: str, x: float, y: float, width: float, height: float) -> Markup:
    """An invisible area that says ``text`` when one points at it."""
    return tag("rect", tag("title", text), class_="hit", x=x, y=y, width=max(width, 0.5), height=height)


def cross(x: float, y: float, class_: str, *content: Child) -> Markup:
    """A small cross at a place."""
    shape = f"M{fixed(x - 3.2)} {fixed(y - 3.2)}l6.4 6.4m0 -6.4l-6.4 6.4"
    return tag("path", *content, class_=class_, d=shape)


def swatch(colour: str) -> Markup:
    """A spot of a colour, to stand before a name."""
    return tag("span", class_=f"swatch {colour}")
