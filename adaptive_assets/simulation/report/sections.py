"""The plots of the page, each under a heading that says how to read it."""

from collections.abc import Iterator, Sequence
from typing import Final

from adaptive_assets.planning.wording import seconds
from adaptive_assets.simulation.report.colours import colour_of, tier_colour
from adaptive_assets.simulation.report.comparison import Comparison, Contender, Role
from adaptive_assets.simulation.report.flow import flow_plot
from adaptive_assets.simulation.report.frame import swatch
from adaptive_assets.simulation.report.gantt import MOST_RUNS, gantt_plot
from adaptive_assets.simulation.report.heat import heat_table
from adaptive_assets.simulation.report.history import Machine, history, queue_plot
from adaptive_assets.simulation.report.incidents import kills, spells
from adaptive_assets.simulation.report.markup import Child, Markup, lines, tag
from adaptive_assets.simulation.report.spread import Curve, waits_plot
from adaptive_assets.simulation.report.timeline import timeline
from adaptive_assets.simulation.report.waiting import waiting

__all__ = ["runs_section", "time_section", "waits_section", "whom_section"]

FRAMES: Final = 420
"""Stretches of the wide plot: more would be narrower than two pixels."""
SMALL_FRAMES: Final = 150


def time_section(comparison: Comparison) -> Iterator[Child]:
    """Queue and machine under each planner, one at a time in full and the queues side by side."""
    yield tag("h2", "Over time")
    yield tag(
        "p",
        "Lines of the machine are means over what is a pixel or two wide; the veil around them reaches from"
        " the least to the most. Crosses are runs that were killed for want of memory, triangles those that"
        " had to give way; several at about one time are one mark. Scales are the same for every planner.",
        class_="lead",
    )
    yield _tier_key(comparison)
    tabs: list[Child] = []
    longest = _longest(comparison)
    for place, contender in enumerate(comparison.contenders):
        tabs.append(tag("input", type="radio", name="time", id=f"time-{place}", checked=place == 0))
        name = swatch(colour_of(comparison, contender))
        tabs.append(tag("label", name, contender.name, for_=f"time-{place}"))
    for place, contender in enumerate(comparison.contenders):
        plot = _history(comparison, contender, longest)
        tabs.append(tag("div", plot, class_=f"panel wide panel-{place}"))
    yield tag("div", lines(tabs), class_="tabs")
    if len(comparison.contenders) > 1:
        yield tag("div", lines(_queues(comparison, longest)), class_="grid")


def waits_section(comparison: Comparison) -> Iterator[Child]:
    """The distribution of waits, a plot for each tier."""
    yield tag("h2", "How long runs waited")
    yield tag(
        "p",
        "Of each tier, the share of runs that had started after some time in the queue: further up and to the"
        " left is better. Dots are where 95% had. The scale of time is logarithmic.",
        class_="lead",
    )
    yield tag("div", lines(_planner_names(comparison)), class_="key")
    longest = max((run.wait_s for one in comparison.contenders for run in one.outcome.runs), default=0.0)
    panels = []
    for tier in comparison.tiers:
        curves = [_curve(comparison, contender, tier) for contender in comparison.contenders]
        name = tag("h3", swatch(tier_colour(comparison.ours.outcome.tiers, tier)), f" {tier}")
        panels.append(tag("div", name, waits_plot(curves, longest), class_="panel"))
    yield tag("div", lines(panels), class_="grid")


def whom_section(comparison: Comparison) -> Iterator[Child]:
    """What ours let wait, for what, and behind whose work."""
    outcome = comparison.ours.outcome
    found = waiting(outcome.runs, comparison.tiers, outcome.end_s)
    yield tag("h2", "Who waited for whom")
    yield tag(
        "p",
        f"Under {comparison.ours.name}, the time that all runs of a tier spent waiting: whose work had the"
        " machine meanwhile, shared out by cores in use; and the first reason given for it.",
        class_="lead",
    )
    panels = [
        tag("div", tag("h3", "Behind whose work"), flow_plot(found, outcome.tiers), class_="panel wide"),
        tag("div", tag("h3", "For what"), heat_table(found), class_="panel wide"),
    ]
    yield tag("div", lines(panels), class_="two")


def runs_section(comparison: Comparison) -> Iterator[Child]:
    """Every run as a bar, where there are few enough."""
    if not 0 < len(comparison.workload.runs) <= MOST_RUNS:
        return
    yield tag("h2", "Every run")
    yield tag(
        "p",
        "Thin while it waits, thick while it runs, paler in a lesser mode. A stroke is a deadline, red if it"
        " was missed; a cross is where an attempt was killed for want of memory.",
        class_="lead",
    )
    yield _tier_key(comparison)
    for contender in _shown_run_by_run(comparison):
        name = f"{contender.name} ({contender.setting})" if contender.setting else contender.name
        plot = gantt_plot(contender.outcome.runs, contender.outcome.tiers, comparison.end_s)
        heading = tag("h3", swatch(colour_of(comparison, contender)), f" {name}")
        yield tag("div", heading, plot, class_="panel wide")


def _shown_run_by_run(comparison: Comparison) -> Sequence[Contender]:
    """Ours and, beside it, the first baseline: what most people have."""
    return [comparison.ours, *comparison.baselines[:1]]


def _history(comparison: Comparison, contender: Contender, longest: float) -> Markup:
    outcome = contender.outcome
    guards = comparison.book.guards
    cluster = comparison.cluster
    machine = Machine(cluster.cores, cluster.memory, guards.cpu, guards.memory)
    return history(
        timeline(outcome, outcome.tiers, comparison.end_s, FRAMES),
        outcome.tiers,
        longest,
        machine,
        [*contender.marks, *kills(outcome.runs)],
        spells(comparison.scenario, comparison.end_s),
        comparison.end_s,
    )


def _queues(comparison: Comparison, longest: float) -> Iterator[Markup]:
    for contender in (comparison.ours, *comparison.baselines):
        outcome = contender.outcome
        frames = timeline(outcome, outcome.tiers, comparison.end_s, SMALL_FRAMES)
        most = max((sum(frame.queued) for frame in frames), default=0)
        name = tag("h3", swatch(colour_of(comparison, contender)), f" {contender.name} ")
        left = sum(not run.finished for run in outcome.runs)
        ended = f"{left:,} never ended well" if left else f"all done after {seconds(outcome.end_s)}"
        marks = kills(outcome.runs)
        killed = f"{len(marks):,} out of memory, " if marks else ""
        told = tag("p", f"at most {most:,} waiting, {killed}{ended}", class_="soft")
        plot = queue_plot(frames, outcome.tiers, longest, marks, comparison.end_s)
        yield tag("div", name, told, plot, class_="panel")


def _longest(comparison: Comparison) -> float:
    """The longest queue that any planner had."""
    samples = (sample for each in comparison.contenders for sample in each.outcome.series)
    return float(max((sum(sample.queued.values()) for sample in samples), default=0)) or 1.0


def _tier_key(comparison: Comparison) -> Markup:
    tiers = comparison.ours.outcome.tiers
    names: list[Child] = [tag("span", swatch(tier_colour(tiers, tier)), tier) for tier in comparison.tiers]
    return tag("div", lines(names), class_="key")


def _planner_names(comparison: Comparison) -> Iterator[Markup]:
    for contender in comparison.contenders:
        name = f"{contender.name} ({contender.setting})" if contender.setting else contender.name
        yield tag("span", swatch(colour_of(comparison, contender)), name)


def _curve(comparison: Comparison, contender: Contender, tier: str) -> Curve:
    runs = [run for run in contender.outcome.runs if run.tier == tier]
    return Curve(
        name=contender.name,
        colour=colour_of(comparison, contender),
        waits=tuple(sorted(run.wait_s for run in runs if run.launched_s is not None)),
        runs=len(runs),
        bound=contender.role is Role.ORACLE,
        ours=contender.role is Role.OURS,
    )
