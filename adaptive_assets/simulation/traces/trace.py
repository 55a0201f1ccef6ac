"""What a workload is: runs, when they arrive, and what they really take.

Times are seconds from the start of the workload, sizes bytes, CPU cores.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Final

from adaptive_assets.policy import DeclaredEstimate, PolicyError, Problem
from adaptive_assets.policy.places import Place
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.text import quoted

__all__ = [
    "MOST_PROBLEMS",
    "DeclaredEstimate",
    "TraceError",
    "TracedRun",
    "Workload",
    "check_tiers",
    "find_cycle",
]

MOST_PROBLEMS: Final = 20
"""Enough to see what is wrong with a trace; whoever reads them mends these first anyway."""


class TraceError(PolicyError):
    """A trace that cannot be taken; ``problems`` are what is wrong with it, by line."""


@dataclass(frozen=True, slots=True)
class TracedRun:
    """One run of a workload.

    ``name`` groups recurring work.  ``deadline_s`` is relative to the run's release, which is the later of
    ``submit_s`` and the end of the last run of ``depends_on``.  ``declared`` is what a user said that the run
    would take, where the trace knows.

    The rest is what the run really takes, which no planner may see before it has ended: ``duration_s`` alone
    on an idle machine, ``cpu`` in cores while it computes, ``memory`` in bytes at its peak, ``input_size`` in
    any unit, ``io`` as the share of its time (0 to 1) for which it waits for a disk or a network.
    """

    run_id: str
    name: str
    submit_s: float
    tier: str | None = None
    deadline_s: float | None = None
    depends_on: tuple[str, ...] = ()
    priority: int = 0
    declared: DeclaredEstimate | None = None
    duration_s: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    input_size: float | None = None
    io: float = 0.0
    policy: str | None = None
    """The policy that governed it where it was recorded; it does so again in a book that has it."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Runs in the order of ``submit_s``; their ids are unique, their dependencies known and without a cycle.

    ``tier_places`` says for each tier where a trace first names it, so that one which no policy book has
    can be pointed at.  Raises :class:`ValueError` for runs that are not so; :meth:`of` sorts them first.
    """

    name: str
    runs: tuple[TracedRun, ...] = ()
    tier_places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if any(later.submit_s < earlier.submit_s for earlier, later in pairwise(self.runs)):
            raise ValueError(f"the runs of the workload `{self.name}` are not in the order of submission")
        known = {run.run_id for run in self.runs}
        if len(known) < len(self.runs):
            raise ValueError(f"two runs of the workload `{self.name}` have the same id")
        dependent = {run.run_id: run.depends_on for run in self.runs if run.depends_on}
        for run_id, above in dependent.items():
            if not known.issuperset(above):
                lacking = next(each for each in above if each not in known)
                raise ValueError(f"the run `{run_id}` depends on `{lacking}`, which there is not")
        if cycle := find_cycle(dependent):
            raise ValueError(f"runs wait for each other: {' -> '.join([*cycle, cycle[0]])}")

    @classmethod
    def of(cls, name: str, runs: Iterable[TracedRun]) -> "Workload":
        """The workload of ``runs`` in any order; those submitted at one time keep the order given."""
        return cls(name, tuple(sorted(runs, key=lambda run: run.submit_s)))

    @property
    def span_s(self) -> float:
        """From the first submission to the last."""
        return self.runs[-1].submit_s - self.runs[0].submit_s if self.runs else 0.0

    @property
    def work_core_s(self) -> float:
        """The core-seconds of all runs."""
        return sum(run.cpu * run.duration_s for run in self.runs)

    @property
    def tiers(self) -> tuple[str, ...]:
        """The tiers that runs name, in alphabetical order."""
        return tuple(sorted({run.tier for run in self.runs if run.tier is not None}))


def check_tiers(workload: Workload, tiers: Iterable[str]) -> None:
    """Raise :class:`TraceError` if ``workload`` names a tier that is not one of ``tiers``.

    There is a problem for each such tier, up to :data:`MOST_PROBLEMS`, at the line that names it first.
    """
    known = list(tiers)
    problems = []
    for tier in islice((tier for tier in workload.tiers if tier not in known), MOST_PROBLEMS):
        place = workload.tier_places.get(tier, Place(workload.name, 0, 0))
        hint = did_you_mean(tier, known, "the tiers of the policies are")
        problems.append(Problem(*place, f"there is no tier `{quoted(tier)}`", hint))
    if problems:
        raise TraceError(problems)


def find_cycle(depends_on: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The ids of one cycle, each depending on the next and the last on the first; empty without one.

    A depth-first search with a stack of its own, so that a chain of a million runs is followed to its end;
    linear in runs and dependencies.  Ids that are no key of ``depends_on`` depend on nothing.
    """
    finished: set[str] = set()
    for root in depends_on:
        if root in finished:
            continue
        path = {root: None}  # a dict for its order: the way from the root to where we are
        branches = [iter(depends_on[root])]
        while branches:
            below = next(branches[-1], None)
            if below is None:
                branches.pop()
                finished.add(path.popitem()[0])
            elif below in path:
                way = list(path)
                return tuple(way[way.index(below) :])
            elif below in depends_on and below not in finished:
                path[below] = None
                branches.append(iter(depends_on[below]))
    return ()
