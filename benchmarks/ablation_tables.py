"""The tables of the ablation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from benchmarks.ablation_arithmetic import NEGLIGIBLE, Difference, Figures, quantity_of
from benchmarks.ablation_cells import Without
from benchmarks.ablation_compared import Compared
from benchmarks.ablation_rules import CONTROL, FULL, Rule
from benchmarks.report import grid
from benchmarks.seeds import seeds_title

__all__ = ["INTRO", "body"]

INTRO: Final = (
    "Each row has one rule switched off by itself. A number is the mean over the seeds of a figure without"
    " the rule, less the same figure with all rules, of the same seed; in brackets is the spread of these"
    " differences, from the least to the greatest. The control switches nothing off: each run is submitted up"
    " to a second later, and what that changes is chance. *worse* and *better* stand where the mean is"
    " greater than the spread, than the greatest difference of the control for any seed, and than what says"
    f" nothing (2 runs, 5 seconds, {NEGLIGIBLE:.0%} of the figure): *worse* is a rule that helps, *better*"
    " one that harms. The first row of a table has the figures with all rules. A rule that *never acted* made"
    " no difference in any run: the workloads do not need it."
)

SHOWN: Final = ("missed", "turnaround mean s", "wait p95 s", "OOM kills", "work finished core-h")
"""The figures that have a column, where all rules have any."""


def body(found: Sequence[Compared], played: Mapping[Without, Figures], share: float = 1.0) -> str:
    """The summary, and a table for each place and world; ``share`` is the part of the workloads' time."""
    places = dict.fromkeys((each.trace, each.load, each.world) for each in found)
    part = f"Of the time of each workload the middle {share:.0%} was played.\n\n" if share < 1 else ""
    sections = [f"## Summary\n\n{part}{_summary(found)}"]
    for trace, load, world in places:
        here = [each for each in found if (each.trace, each.load, each.world) == (trace, load, world)]
        seeds = sorted(
            {
                without.cell.seed
                for without in played
                if (without.cell.trace, without.cell.load, without.cell.world) == (trace, load, world)
            }
        )
        sections.append(f"## {trace}, load {load:g}, {seeds_title(seeds)}: {world.title}\n\n{_table(here)}")
    return "\n\n".join(sections)


def _summary(found: Sequence[Compared]) -> str:
    """One line for each rule: at how many places it acted, and all figures that are beyond their spread."""
    rows = [("rule", "verdict", "places", "acted", "worse without", "better without")]
    for rule in dict.fromkeys(each.rule for each in found):
        of_rule = [each for each in found if each.rule == rule]
        beyond = [(each, one) for each in of_rule for one in shown(each.differences) if one.is_beyond]
        worse = [_where(each, one) for each, one in beyond if one.is_worse]
        better = [_where(each, one) for each, one in beyond if not one.is_worse]
        acted = str(sum(each.acted for each in of_rule))
        counts = (verdict(rule, of_rule), str(len(of_rule)), acted)
        rows.append((rule.name, *counts, "; ".join(worse), "; ".join(better)))
    return grid(rows)


def verdict(rule: Rule, of_rule: Sequence[Compared]) -> str:
    """What the differences of one rule say."""
    if rule == CONTROL:
        return "chance"
    if not any(each.acted for each in of_rule):
        return "never acted"
    if all(each.seeds < 2 for compared in of_rule for each in compared.differences):
        return "one seed says nothing"
    beyond = [one for each in of_rule for one in shown(each.differences) if one.is_beyond]
    if not beyond:
        return "changes no figure"
    worse = sum(one.is_worse for one in beyond)
    return "helps" if worse == len(beyond) else "harms" if not worse else "helps and harms"


def shown(differences: Iterable[Difference]) -> list[Difference]:
    """Those of the figures that have a column."""
    return [each for each in differences if quantity_of(each.figure).name in SHOWN]


def _where(compared: Compared, one: Difference) -> str:
    return f"{compared.trace} {compared.load:g}: {one.figure} {_signed(one.mean, one)}"


def _table(here: Sequence[Compared]) -> str:
    names = [one.figure for one in shown(here[0].differences)]
    usual = {one.figure: one for one in here[0].differences}
    names = [name for name in names if usual[name].full or any(_mean(each, name) for each in here)]
    rows = [
        ("off", "seeds", *names),
        (FULL.name, "", *(_number(usual[name].full, usual[name]) for name in names)),
    ]
    for each in here:
        by_name = {one.figure: one for one in each.differences}
        seeds = str(max(one.seeds for one in each.differences))
        rows.append((each.rule.name, seeds, *(_cell(by_name.get(name)) for name in names)))
    return grid(rows)


def _mean(compared: Compared, name: str) -> float:
    return next((one.mean for one in compared.differences if one.figure == name), 0.0)


def _cell(one: Difference | None) -> str:
    if one is None:
        return ""
    if not one.mean and not one.spread:
        return "0"
    mark = "" if not one.is_beyond else " worse" if one.is_worse else " better"
    return f"{_signed(one.mean, one)} ({_number(one.spread, one)}){mark}"


def _signed(value: float, one: Difference) -> str:
    return f"{value:+,.{_digits(one)}f}"


def _number(value: float, one: Difference) -> str:
    return f"{value:,.{_digits(one)}f}"


def _digits(one: Difference) -> int:
    """One more than for a figure: means over seeds are not whole."""
    quantity = quantity_of(one.figure)
    return max(quantity.digits, 1)
