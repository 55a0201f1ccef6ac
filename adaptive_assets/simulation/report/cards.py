"""The head of the page: a few figures that say how it went, each beside the best baseline's."""

from collections.abc import Iterator

from adaptive_assets.simulation.report.comparison import Comparison
from adaptive_assets.simulation.report.figures import OVERALL, TIERED, Figure, best_of
from adaptive_assets.simulation.report.markup import Child, Markup, lines, tag

__all__ = ["cards"]

_OVERALL_SHOWN = ("finished", "oom_kills", "wasted", "planning_p99_s")


def cards(comparison: Comparison) -> Markup:
    """Promises to the highest tier, the wait of the lowest, and what the machine was good for."""
    return tag("div", lines(_cards(comparison)), class_="cards")


def _cards(comparison: Comparison) -> Iterator[Markup]:
    if comparison.tiers:
        highest, lowest = comparison.tiers[0], comparison.tiers[-1]
        yield _card(comparison, TIERED["missed"], f"{highest}: deadlines missed", highest)
        yield _card(comparison, TIERED["wait_p95_s"], f"{lowest}: 95% had started within", lowest)
    for key in _OVERALL_SHOWN:
        yield _card(comparison, OVERALL[key], OVERALL[key].name, None)


def _card(comparison: Comparison, figure: Figure, name: str, tier: str | None) -> Markup:
    ours = figure.of(comparison.ours, tier)
    parts: list[Child] = [
        tag("div", name, class_="name"),
        tag("div", figure.shown(ours), class_="figure"),
        _beside(comparison, figure, tier, ours),
    ]
    return tag("div", lines(parts), class_="card", title=figure.meaning)


def _beside(comparison: Comparison, figure: Figure, tier: str | None, ours: float | None) -> Markup | None:
    """What the best baseline has, green where ours is better."""
    best = best_of(figure, comparison.baselines, tier)
    if best is None:
        return None
    contender, value = best
    shown = figure.shown(value)
    if ours is None or figure.shown(ours) == shown:
        return tag("div", f"{contender.name}: {shown}", class_="beside")
    better = figure.better(ours, value)
    word = f"better than {shown}" if better else f"worse than {shown}"
    told = tag("span", word, class_="better" if better else "worse")
    return tag("div", told, f" ({contender.name})", class_="beside")
