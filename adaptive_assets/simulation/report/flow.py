"""Who waited for whom, drawn: waits on the left, whose work had the machine meanwhile on the right."""

from collections.abc import Iterable, Sequence
from typing import Final

from adaptive_assets.planning.wording import seconds
from adaptive_assets.simulation.report.axes import short_seconds
from adaptive_assets.simulation.report.colours import tier_colour
from adaptive_assets.simulation.report.frame import plot
from adaptive_assets.simulation.report.markup import Child, Markup, fixed, tag
from adaptive_assets.simulation.report.waiting import IDLE, Waiting

__all__ = ["flow_plot"]

WIDTH: Final = 500.0
HEIGHT: Final = 230.0
LEFT: Final = 138.0
RIGHT: Final = 362.0
BAR: Final = 9.0
GAP: Final = 16.0
THINNEST: Final = 1.2
SEEN: Final = 0.002
"""What is less than this share of all waiting is left out: its band could not be seen."""


def flow_plot(waiting: Waiting, tiers: Sequence[str]) -> Markup:
    """Bands from each tier that waited to each that was at work, as thick as the time is long.

    ``tiers`` are those of the book, by which each has its colour.
    """
    waited = {tier: waiting.total(tier) for tier in waiting.tiers}
    holders = (*waiting.tiers, IDLE)
    held = {holder: sum(waiting.behind[tier][holder] for tier in waiting.tiers) for holder in holders}
    total = sum(waited.values())
    if total <= 0:
        return tag("p", "No run waited.", class_="soft")
    left = [tier for tier in waiting.tiers if waited[tier] > SEEN * total]
    right = [holder for holder in holders if held[holder] > SEEN * total]
    unit = (HEIGHT - 24 - GAP * (max(len(left), len(right)) - 1)) / total
    left_at = _places(left, waited, unit)
    right_at = _places(right, held, unit)
    parts: list[Child] = [
        tag("text", "who waited", class_="end", x=LEFT - 10, y=11),
        tag("text", "whose work had the machine", x=RIGHT - 14, y=11),
    ]
    start, end = dict(left_at), dict(right_at)
    for tier in left:
        for holder in right:
            length = waiting.behind[tier][holder]
            thick = length * unit
            if thick > 0:
                title = f"{tier} waited {seconds(length)} while {_holder(holder)}"
                parts.append(_band(title, _colour(tiers, tier), start[tier], end[holder], thick))
                start[tier] += thick
                end[holder] += thick
    parts += _bars(tiers, left_at, waited, unit, on_the_left=True)
    parts += _bars(tiers, right_at, held, unit, on_the_left=False)
    return plot(WIDTH, HEIGHT, "Who waited, and whose work had the machine meanwhile", parts, small=True)


def _places(names: list[str], lengths: dict[str, float], unit: float) -> dict[str, float]:
    """Where each bar begins, from the top; a thin one still gets room for its name."""
    places: dict[str, float] = {}
    at = 24.0
    for name in names:
        places[name] = at
        at += max(lengths[name] * unit, THINNEST) + GAP
    return places


def _bars(
    tiers: Sequence[str],
    places: dict[str, float],
    lengths: dict[str, float],
    unit: float,
    *,
    on_the_left: bool,
) -> Iterable[Markup]:
    x = LEFT - BAR if on_the_left else RIGHT
    for name, y in places.items():
        height = max(lengths[name] * unit, THINNEST)
        yield tag("rect", class_=f"bar {_colour(tiers, name)}", x=x, y=y, width=BAR, height=height, rx=1.5)
        middle = y + height / 2
        label_x = x - 7 if on_the_left else x + BAR + 7
        side = " end" if on_the_left else ""
        told = (name or "nothing ran") + " "
        length = tag("tspan", short_seconds(lengths[name]), class_="soft")
        yield tag(
            "text", tag("tspan", told, class_="name"), length, class_=f"ink{side}", x=label_x, y=middle + 4
        )


def _band(title: str, colour: str, left: float, right: float, thick: float) -> Markup:
    middle = (LEFT + RIGHT) / 2
    shape = (
        f"M{fixed(LEFT)} {fixed(left)}C{fixed(middle)} {fixed(left)} {fixed(middle)} {fixed(right)}"
        f" {fixed(RIGHT)} {fixed(right)}v{thick:.2f}C{fixed(middle)} {fixed(right + thick)} {fixed(middle)}"
        f" {fixed(left + thick)} {fixed(LEFT)} {fixed(left + thick)}Z"
    )
    return tag("path", tag("title", title), class_=f"flow {colour}", d=shape)


def _colour(tiers: Sequence[str], name: str) -> str:
    return "idle" if name == IDLE else tier_colour(tiers, name)


def _holder(name: str) -> str:
    return "nothing ran" if name == IDLE else f"{name} had the machine"
