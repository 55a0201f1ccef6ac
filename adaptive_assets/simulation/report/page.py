"""One self-contained page: no scripts, no requests, light and dark, for a desk and for a phone."""

from collections.abc import Iterator
from importlib.resources import files

from adaptive_assets.planning.wording import number, seconds, share, size
from adaptive_assets.simulation.report.axes import share_label
from adaptive_assets.simulation.report.cards import cards
from adaptive_assets.simulation.report.comparison import Comparison
from adaptive_assets.simulation.report.markup import Child, Markup, lines, tag
from adaptive_assets.simulation.report.sections import runs_section, time_section, waits_section, whom_section
from adaptive_assets.simulation.report.tables import overall_table, sweep_table, tier_tables

__all__ = ["page"]


def page(comparison: Comparison) -> str:
    """The whole document."""
    title = f"{comparison.workload.name}: simulated"
    style = Markup(files(__package__).joinpath("page.css").read_text(encoding="utf-8"))
    head = tag(
        "head",
        lines(
            [
                tag("meta", charset="utf-8"),
                tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                tag("title", title),
                tag("style", style, _tab_rules(len(comparison.contenders))),
            ]
        ),
    )
    body = tag("body", tag("main", lines(_sections(comparison))))
    return f"<!doctype html>\n{tag('html', lines([head, body]), lang='en')}\n"


def _sections(comparison: Comparison) -> Iterator[Child]:
    yield _header(comparison)
    yield cards(comparison)
    yield tag("h2", "Planners, side by side")
    yield tag(
        "p",
        "The same runs on the same machines. Each baseline at its best setting; the best figure of a column"
        " is marked. The oracle is ours, told what every run will take: what more knowledge would bring.",
        class_="lead",
    )
    yield tag("div", overall_table(comparison), class_="panel wide")
    yield tag("h2", "By tier")
    yield tag("div", tier_tables(comparison), class_="panel wide")
    yield from time_section(comparison)
    yield from waits_section(comparison)
    yield from whom_section(comparison)
    yield from runs_section(comparison)
    yield from _made_how(comparison)


def _header(comparison: Comparison) -> Markup:
    cluster = comparison.cluster
    nodes = len(cluster.nodes)
    machines = "1 machine" if nodes == 1 else f"{nodes} machines"
    offered = comparison.offered
    told = (
        f"{len(comparison.workload.runs):,} runs over {seconds(comparison.workload.span_s)} on {machines}"
        f" with {number(cluster.cores)} cores and {size(cluster.memory)}."
    )
    if offered is not None:
        told += f" They ask for {share_label(offered)} of the cores while they arrive."
    return tag("header", tag("h1", comparison.workload.name), tag("p", told))


def _made_how(comparison: Comparison) -> Iterator[Child]:
    yield tag("h2", "How this was made")
    facts = [
        (
            "policy book",
            f"revision {comparison.book.revision}, tiers {', '.join(comparison.ours.outcome.tiers)}",
        ),
        (
            "load",
            "as recorded" if comparison.load is None else f"arrivals stretched to {share(comparison.load)}",
        ),
        ("seed", str(comparison.seed)),
        ("scenario", f"{len(comparison.scenario.events)} events" if comparison.scenario.events else "none"),
    ]
    pairs = [part for name, value in facts for part in (tag("dt", name), tag("dd", value))]
    yield tag("div", tag("dl", lines(pairs)), class_="panel")
    if comparison.trials:
        summary = tag("summary", f"The sweep: {len(comparison.trials)} settings of the baselines")
        table = tag("div", sweep_table(comparison), class_="panel wide")
        yield tag("details", summary, table)


def _tab_rules(count: int) -> Markup:
    """The panel of the chosen tab is shown; one rule for each, as there is no script to do it."""
    rules = []
    for place in range(count):
        chosen = f"#time-{place}:checked"
        rules.append(f"{chosen} ~ .panel-{place} {{ display: block; }}")
        rules.append(
            f"{chosen} + label {{ color: var(--ink); border-color: var(--ink); font-weight: 600; }}"
            f" #time-{place}:focus-visible + label {{ outline: 2px solid var(--p0); outline-offset: 2px; }}"
        )
    return Markup("\n" + "\n".join(rules) + "\n")
