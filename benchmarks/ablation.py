"""Each rule of the planner and of learning switched off by itself, and what that does to the figures."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from adaptive_assets.simulation.engine.capabilities import EVERYTHING, Capabilities
from benchmarks.ablation_cells import Kept, Without, play_without, version_of
from benchmarks.ablation_compared import cells_of, compared
from benchmarks.ablation_rules import RULES, Rule
from benchmarks.ablation_tables import INTRO, body
from benchmarks.cells import TRACES, drawn, loads_of
from benchmarks.report import RESULTS, Finding
from benchmarks.side_by_side import side_by_side

__all__ = ["FIRST", "KEPT", "SEEDS", "measure"]

SEEDS: Final = 3
FIRST: Final = 3
"""The first seed that no rule was tuned on."""

KEPT: Final = RESULTS / "ablation_cells.jsonl"
"""Where finished cells are kept, unless another file is named."""


def measure(
    rules: Sequence[Rule] = RULES,
    traces: Sequence[str] = tuple(TRACES),
    loads: Sequence[float] | None = None,
    seeds: int = SEEDS,
    first: int = FIRST,
    jobs: int = 1,
    actions: Capabilities = EVERYTHING,
    share: float = 1.0,
    keep: Path = KEPT,
    say: Callable[[str], None] = print,
) -> Finding:
    """Play what is not kept yet of every rule at every trace and load, with so many seeds from ``first`` on.

    Rules that act on running work are measured where launchers can do ``actions``, the others in the default
    world. Of the time of each workload the middle ``share`` is played. Every finished cell is written to
    ``keep`` at once, so that a stopped run goes on where it was. ``say`` is told of progress.

    Raises what :func:`~benchmarks.cells.drawn` raises, and :class:`~benchmarks.ablation_cells.KeepError`.
    """
    for trace in traces:
        drawn(trace, first)  # so that a trace that is missing or broken is found at once
    kept = Kept.at(keep)
    versions = {trace: version_of(trace) for trace in traces}
    if stale := kept.others(versions.values()):
        say(
            f"{keep} has {stale:,} cells of other versions of the code, or of other traces: they do not count"
        )
    places = [(trace, load) for trace in traces for load in loads or loads_of(trace)]
    cells = cells_of(rules, places, range(first, first + seeds), actions, share)
    lacking = [cell for cell in cells if kept.figures(cell, versions[cell.cell.trace]) is None]
    _play(lacking, kept, versions, jobs, say)
    played = {cell: figures for cell in cells if (figures := kept.figures(cell, versions[cell.cell.trace]))}
    found = compared(played)
    return Finding(
        "ablation",
        INTRO,
        body(found, played, share),
        True,
        {
            "share": share,
            "seeds": [*range(first, first + seeds)],
            "played": [{**_named(each), "figures": figures} for each, figures in played.items()],
        },
    )


def _play(
    cells: Sequence[Without],
    kept: Kept,
    versions: Mapping[str, str],
    jobs: int,
    say: Callable[[str], None],
) -> None:
    began = time.monotonic()
    if not cells:
        return
    say(f"{len(cells):,} cells to play; finished ones are kept in {kept.path}")
    with closing(side_by_side(play_without, [(cell,) for cell in cells], jobs)) as results:
        for number, (cell, figures, took_s) in enumerate(results, 1):
            kept.add(cell, versions[cell.cell.trace], figures, took_s)
            progress = f"{number:3d} of {len(cells)}, {time.monotonic() - began:5.0f} s"
            say(f"[{progress}] {cell.label}, {took_s:.0f} s")


def _named(without: Without) -> dict[str, Any]:
    cell = {**asdict(without.cell), "world": list(without.cell.world.words)}
    return {"rule": without.rule.name, **cell}
