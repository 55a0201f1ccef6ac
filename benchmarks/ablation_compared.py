"""The cells of an ablation, and each rule against the planner with all of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adaptive_assets.simulation.engine.capabilities import EVERYTHING, NOTHING, Capabilities
from benchmarks.ablation_arithmetic import Difference, Figures, differences
from benchmarks.ablation_cells import Without
from benchmarks.ablation_rules import CONTROL, FULL, Rule
from benchmarks.cells import Cell

__all__ = ["Compared", "cells_of", "compared"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One rule at one place: a trace at a load, in the world in which the rule is measured."""

    rule: Rule
    trace: str
    load: float
    world: Capabilities
    differences: tuple[Difference, ...]

    @property
    def acted(self) -> bool:
        """Whether anything at all was different without it."""
        return any(each.mean or each.spread for each in self.differences)


def cells_of(
    rules: Iterable[Rule],
    places: Iterable[tuple[str, float]],
    seeds: Iterable[int],
    actions: Capabilities = EVERYTHING,
    share: float = 1.0,
) -> list[Without]:
    """The cells of ``rules``, and of the full planner and the control in each of their worlds; by seed."""
    wanted, places = list(rules), list(places)
    worlds = dict.fromkeys(actions if rule.acts else NOTHING for rule in wanted)
    players = [(rule, world) for world in worlds for rule in (FULL, CONTROL)]
    players += [(rule, actions if rule.acts else NOTHING) for rule in wanted]
    return [
        Without(rule, Cell(trace, load, seed, world), share)
        for seed in seeds
        for trace, load in places
        for rule, world in players
    ]


def compared(played: Mapping[Without, Figures]) -> list[Compared]:
    """Every rule that was played against the full planner, by place and world.

    What the control changes there is chance, and counts for no rule.
    """
    by_seed: dict[tuple[str, float, Capabilities], dict[Rule, dict[int, Figures]]] = {}
    for without, figures in played.items():
        cell = without.cell
        rules = by_seed.setdefault((cell.trace, cell.load, cell.world), {})
        rules.setdefault(without.rule, {})[cell.seed] = figures
    found = []
    for place, rules in by_seed.items():
        full, control = rules.pop(FULL, {}), rules.get(CONTROL, {})
        chance = {one.figure: one.greatest for one in differences(full, control)}
        for rule, without_it in rules.items():
            changed = tuple(differences(full, without_it, chance))
            if changed:
                found.append(Compared(rule, *place, changed))
    return found
