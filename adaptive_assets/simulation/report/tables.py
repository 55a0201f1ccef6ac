"""The tables of the page: planners downwards, figures across, the best of each column marked."""

from collections.abc import Sequence

from adaptive_assets.simulation.report.colours import colour_of, tier_colour
from adaptive_assets.simulation.report.comparison import Comparison, Contender, Role
from adaptive_assets.simulation.report.figures import OVERALL, TIERED, Figure, marked, told_figures
from adaptive_assets.simulation.report.frame import swatch
from adaptive_assets.simulation.report.markup import Markup, lines, tag
from adaptive_assets.simulation.report.trials import setting_text, trial_figures, trial_heads

__all__ = ["overall_table", "sweep_table", "tier_tables"]


def overall_table(comparison: Comparison) -> Markup:
    """The figures in all."""
    figures = told_figures(comparison, OVERALL, None)
    rows = _rows(comparison, figures, None)
    return tag("table", _head(figures), tag("tbody", lines(rows)))


def tier_tables(comparison: Comparison) -> Markup:
    """The figures of each tier, tier below tier in one table, so that columns stand below each other."""
    rows: list[Markup] = []
    tiers = comparison.ours.outcome.tiers
    for tier in comparison.tiers:
        runs = comparison.runs_of(tier)
        told = tag("span", f"{runs:,} {'run' if runs == 1 else 'runs'}", class_="soft")
        name = tag("th", swatch(tier_colour(tiers, tier)), f" {tier}", told, colspan=len(TIERED) + 1)
        rows += (tag("tr", name, class_="tier"), *_rows(comparison, list(TIERED.values()), tier))
    return tag("table", _head(list(TIERED.values())), tag("tbody", lines(rows)))


def _head(figures: Sequence[Figure]) -> Markup:
    cells = [tag("th", figure.name, title=figure.meaning) for figure in figures]
    return tag("thead", tag("tr", tag("th", "planner"), *cells))


def _rows(comparison: Comparison, figures: Sequence[Figure], tier: str | None) -> list[Markup]:
    best = [marked(figure, comparison.contenders, tier) for figure in figures]
    return [_row(comparison, contender, figures, tier, best) for contender in comparison.contenders]


def _row(
    comparison: Comparison,
    contender: Contender,
    figures: Sequence[Figure],
    tier: str | None,
    best: Sequence[frozenset[str]],
) -> Markup:
    setting = tag("span", contender.setting, class_="soft") if contender.setting and tier is None else None
    cells = [tag("th", swatch(colour_of(comparison, contender)), contender.name, setting)]
    for figure, names in zip(figures, best, strict=True):
        shown = figure.shown(figure.of(contender, tier))
        if contender.name in names:
            cells.append(tag("td", tag("span", shown), class_="best"))
        else:
            cells.append(tag("td", shown))
    kind = {Role.OURS: "ours", Role.ORACLE: "bound"}.get(contender.role)
    return tag("tr", *cells, class_=kind)


def sweep_table(comparison: Comparison) -> Markup:
    """Every setting that was tried, and for each baseline the one that was taken."""
    rows: list[Markup] = []
    highest = comparison.tiers[0] if comparison.tiers else ""
    for contender in comparison.baselines:
        trials = [trial for trial in comparison.trials if trial.family == contender.name]
        name = tag("th", swatch(colour_of(comparison, contender)), f" {contender.name}", colspan=5)
        rows.append(tag("tr", name, class_="tier"))
        for trial in trials:
            cells = [tag("th", setting_text(trial.setting), ", taken" if trial.best else None)]
            cells += [tag("td", figure) for figure in trial_figures(trial, highest)]
            rows.append(tag("tr", *cells, class_="chosen" if trial.best else None))
    heads = [tag("th", name) for name in ("setting", *trial_heads(highest))]
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", lines(rows)))
