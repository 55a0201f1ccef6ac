"""One cell of the ablation: a workload at a load with a seed, without a rule. Finished cells are kept."""

import json
import random
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from adaptive_assets import learning, planning, policy, simulation
from adaptive_assets.simulation.engine.settings import Settings
from adaptive_assets.simulation.engine.simulator import simulate
from adaptive_assets.simulation.evaluation.measures import measure
from adaptive_assets.simulation.traces.scaling import scaled
from adaptive_assets.simulation.traces.trace import Workload
from benchmarks import cells
from benchmarks.ablation_arithmetic import Figures, figures_of
from benchmarks.ablation_rules import Rule
from benchmarks.cells import Cell, cluster_of, drawn, policy_book

__all__ = ["KeepError", "Kept", "Without", "middle", "moved", "play_without", "version_of", "workload_of"]

_SOURCES: Final = tuple(Path(package.__path__[0]) for package in (learning, planning, policy, simulation))
_HERE: Final = Path(__file__).parent
_OURS: Final = (
    "alibaba.py",
    "cells.py",
    "simulation_policies.yaml",
    "team_policies.yaml",
    "traces_data/levels.csv",
    "workloads.py",
)


class KeepError(RuntimeError):
    """A file of kept cells that cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Without:
    """A cell that is planned without ``rule``; of the time of its workload the middle ``share``, above 0."""

    rule: Rule
    cell: Cell
    share: float = 1.0

    @property
    def label(self) -> str:
        """How it is called while it is played."""
        return f"{self.cell.label}: {self.rule.name}"


def play_without(without: Without) -> tuple[Without, dict[str, float], float]:
    """Simulate as the benchmark of simulations does; the cell, its figures and the seconds it took."""
    began = time.perf_counter()
    rule, cell = without.rule, without.cell
    workload = workload_of(cell, without.share)
    settings = Settings(
        horizon_s=workload.span_s,
        capabilities=cell.world,
        tuning=rule.tuning,
        learning=rule.learning,
    )
    if rule.moves_s:
        workload = moved(workload, rule.moves_s, cell.seed)
    book, cluster = policy_book(cell.trace), cluster_of(cell.trace)
    outcome = simulate(workload, book, cluster, settings=settings, seed=cell.seed)
    return without, figures_of(measure(outcome)), time.perf_counter() - began


@lru_cache(maxsize=8)
def workload_of(cell: Cell, share: float) -> Workload:
    """The workload of a cell; most of the time that some cells take is that of drawing it."""
    whole = drawn(cell.trace, cell.seed)
    part = whole if share >= 1 else middle(whole, share)
    return scaled(part, cell.load, cluster_of(cell.trace).cores)


def middle(workload: Workload, share: float) -> Workload:
    """The runs submitted in the middle ``share`` of the time, counted from its start.

    What they depend on before that has ended.
    """
    start = workload.runs[0].submit_s + workload.span_s * (1 - share) / 2
    inside = [run for run in workload.runs if start <= run.submit_s < start + workload.span_s * share]
    there = {run.run_id for run in inside}
    left = (
        replace(
            run,
            submit_s=run.submit_s - start,
            depends_on=tuple(above for above in run.depends_on if above in there),
        )
        for run in inside
    )
    return replace(workload, runs=tuple(left))


def moved(workload: Workload, most_s: float, seed: int) -> Workload:
    """``workload`` with each submission up to ``most_s`` seconds later, drawn with ``seed``."""
    rng = random.Random(f"moved {seed}")
    later = (replace(run, submit_s=run.submit_s + rng.uniform(0, most_s)) for run in workload.runs)
    return Workload.of(workload.name, later)


def version_of(trace: str) -> str:
    """Of all that the figures of a trace depend on beside the cell: planner, simulator, and the trace."""
    digest = sha256()
    files = [file for folder in _SOURCES for file in sorted(folder.rglob("*.py"))]
    files += [_HERE / name for name in _OURS]
    if trace not in cells.TRACES:
        files.append(Path(trace))
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@dataclass(slots=True)
class Kept:
    """The finished cells in a file, one JSON object in each line; a line is written when a cell is finished.

    A cell counts only for the version of the code that played it.
    """

    path: Path
    _figures: dict[str, Figures] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path) -> "Kept":
        """What is in the file; nothing where there is none. A last line that was not finished is cut off.

        Raises :class:`KeepError`, which names file and line, for anything else that is no cell.
        """
        kept = cls(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            lines, unfinished = text.splitlines(keepends=True), ""
            if lines and not lines[-1].endswith("\n"):
                unfinished = lines.pop()
            for number, line in enumerate(lines, 1):
                kept._read(line, number)
            if unfinished:
                path.write_text("".join(lines), encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise KeepError(f"{path} cannot be used to keep cells: {error}; name another file") from None
        return kept

    def figures(self, without: Without, version: str) -> Figures | None:
        """Of the cell as this version of the code played it, if it has."""
        return self._figures.get(_key(without, version))

    def add(self, without: Without, version: str, figures: Figures, took_s: float) -> None:
        """Keep a finished cell; raises :class:`KeepError` where the file cannot be written."""
        self._figures[_key(without, version)] = figures
        line = {**_what(without, version), "took_s": round(took_s, 1), "figures": figures}
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise KeepError(f"{self.path} cannot be written: {error}; what it has is kept") from None

    def others(self, versions: Collection[str]) -> int:
        """How many cells are of other versions than these."""
        return sum(json.loads(key)["version"] not in versions for key in self._figures)

    def _read(self, line: str, number: int) -> None:
        try:
            content = json.loads(line)
            figures = content.pop("figures")
            content.pop("took_s")
            if not isinstance(figures, dict) or content.keys() != _KEYS:
                raise ValueError("it has other keys")
            self._figures[_text(content)] = {str(name): float(value) for name, value in figures.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KeepError(
                f"{self.path}, line {number}: this is no finished cell ({error}); take the line out, or name"
                " another file"
            ) from None


def _what(without: Without, version: str) -> dict[str, Any]:
    rule, cell = without.rule, without.cell
    return {
        **{name: value for name, value in asdict(cell).items() if name != "world"},
        "world": list(cell.world.words),
        "share": without.share,
        "rule": rule.name,
        "off": rule.changes,
        "version": version,
    }


_KEYS: Final = {"trace", "load", "seed", "world", "share", "rule", "off", "version"}


def _key(without: Without, version: str) -> str:
    return _text(_what(without, version))


def _text(what: Mapping[str, Any]) -> str:
    return json.dumps(what, sort_keys=True)
