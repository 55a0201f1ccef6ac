"""The comparison as plain text: a table in all and one per tier, the best figure of each column starred."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from adaptive_assets.planning.formatting import number, seconds, size
from adaptive_assets.reporting.figures import OVERALL, TIERED, Figure, marked, told_figures
from adaptive_assets.reporting.labels import count, share_label, trial_figures, trial_heads
from adaptive_assets.simulation.baselines.bounds import soonest_end
from adaptive_assets.simulation.evaluation.comparison import Comparison, setting_text

_BEST: Final = "*"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
"""What could move a terminal's cursor; names come from files."""


def as_text(comparison: Comparison) -> str:
    """What was simulated, the tables, the sweep of each baseline, and what the marks mean."""
    parts = [_about(comparison), _aligned("in all", _rows(comparison, OVERALL, None))]
    for tier in comparison.tiers:
        heading = f"{tier}, {count(comparison.runs_of(tier), 'run')}"
        parts.append(_aligned(heading, _rows(comparison, TIERED, tier)))
    if comparison.trials:
        parts.append(_sweep(comparison))
    notes = list(_unfinished(comparison))
    if len(comparison.contenders) > 1:
        notes.append(f"{_BEST} best of its column, not marked where all are the same")
    if comparison.oracle is not None:
        notes.append("oracle: told what each run will take, so no contender")
    soonest = soonest_end(comparison.workload, comparison.cluster)
    notes.append(f"work bound: by capacity alone, no planner is done before {seconds(soonest)}")
    parts.append("\n".join(notes))
    return "\n\n".join(parts)


def _unfinished(comparison: Comparison) -> Iterator[str]:
    """Why runs never ended under ours, if some did not."""
    ours = comparison.ours
    if ours.measures.unfinished:
        told = "; ".join(f"{count:,} {why}" for why, count in ours.measures.unfinished.items())
        yield f"never ended under {_clean(ours.name)}: {_clean(told)}"


def _about(comparison: Comparison) -> str:
    cluster, workload = comparison.cluster, comparison.workload
    told = (
        f"{_clean(workload.name)}: {count(len(workload.runs), 'run')} over"
        f" {seconds(workload.span_s)} on {count(len(cluster.nodes), 'machine')},"
        f" {number(cluster.cores)} cores, {size(cluster.memory)}"
    )
    if comparison.offered is not None:
        told += f", load {share_label(comparison.offered)}"
    return f"{told}\nworld: {comparison.world}; seed {comparison.seed}"


def _rows(comparison: Comparison, figures: Mapping[str, Figure], tier: str | None) -> list[list[str]]:
    """The header, and a row for each planner; a cell ends in its mark, or in a space for one."""
    told = told_figures(comparison, figures, tier)
    best = [marked(figure, comparison.contenders, tier) for figure in told]
    rows = [["", *(f"{figure.short} " for figure in told)]]
    for contender in comparison.contenders:
        cells = [
            figure.shown(figure.of(contender, tier)) + (_BEST if contender.name in names else " ")
            for figure, names in zip(told, best, strict=True)
        ]
        rows.append([_clean(contender.name), *cells])
    return rows


def _aligned(heading: str, rows: Sequence[Sequence[str]]) -> str:
    """Names to the left, figures to the right; where marks can be, they part the columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    widths[0] = max(widths[0], len(heading))
    titled = [[heading, *rows[0][1:]], *rows[1:]]
    lines = ([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])] for name, *cells in titled)
    return "\n".join(" ".join(line).rstrip() for line in lines)


def _sweep(comparison: Comparison) -> str:
    """Every setting tried; the one taken of each baseline has the mark."""
    highest = comparison.tiers[0] if comparison.tiers else ""
    rows = [["", *trial_heads(highest)]]
    for trial in comparison.trials:
        mark = _BEST if trial.best else " "
        name = f"{trial.family}: {setting_text(trial.setting)} {mark}"
        rows.append([_clean(name), *trial_figures(trial, highest)])
    return _aligned("sweep (* taken)", rows)


def _clean(text: str) -> str:
    return _CONTROL.sub(" ", text)
