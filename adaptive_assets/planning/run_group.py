"""Groups of queued runs: one policy, one kind of work, one situation, planned together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf
from operator import attrgetter, lt
from typing import Final

from adaptive_assets.planning.composition import essentials
from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.reasons import Reason
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.size_order import LEAST
from adaptive_assets.planning.snapshot import Claims, QueuedRun, Work
from adaptive_assets.planning.tuning import Tuning
from adaptive_assets.policy import Gates, Policy, Rung
from adaptive_assets.policy.compositions import Composition

Position = tuple[int, float, int, int, int, float, str]
"""Where a run stands in the queue: tier, latest start in full, its owner's use of late, the user's priority
(negated), its size class if it has no deadline, submission, run id."""

AGE: Final = attrgetter("submitted_at", "run_id")
"""The order of submission, as a key."""

FRONT: Final = -1
"""Before the first tier."""


@dataclass(slots=True)
class RunGroup:
    """Queued runs of one kind of work in the same situation, first in the queue first; all claim the same
    slots.

    ``shut`` are the gates and hours that are against them. Where they may go all the same, the policy says
    how: ``only_rungs`` where they must then degrade, and ``spared`` where leaving out the optional stages is
    enough, since nobody else reads what is not ready. Nodes that cost more than ``most`` are too dear for
    them. ``mode`` is the one in which everything is made, and ``full`` what that takes; it is another than
    full mode where that could ``never`` fit.
    """

    work: Work
    policy: Policy
    rank: int
    full: ResourceRequest
    runs: Sequence[QueuedRun]
    at: float
    """Now."""
    tuning: Tuning
    gates: Gates = field(default_factory=Gates)
    """Those that rule, which may be another policy's."""
    size_class: int = 0
    mode: str = FULL
    never: tuple[Reason, ...] = ()
    shut: tuple[Reason, ...] = ()
    only_rungs: bool = False
    spared: bool = False
    most: float = inf
    by_age: bool = False
    """Whether the runs stand in the order of their submission."""
    next: int = 0
    """The place in ``runs`` of the first that has no decision yet."""
    promoted: bool = False
    """Whether it has waited beyond its tier's patience and goes before all others."""
    favoured: str = ""
    """The run whose size does not matter any more, because it has waited for long, if it is one of these."""
    _stands: Position | None = field(default=None, init=False)
    """Where the first of all its runs stands."""
    _first_deadline: Deadline | None = field(default=None, init=False)
    """Its deadline."""

    def begin(self, at: float) -> None:
        """Stand at the start of a plan that is made at ``at``, with the runs in the queue's order."""
        self.at, self.next, self.favoured = at, 0, ""
        if self._stands is None:
            self._sort()
            self._first_deadline = self.deadline(self.first)
            self._stands = self.position(self.first)

    @property
    def first_deadline(self) -> Deadline:
        """The deadline of its first run that has no decision yet."""
        if self._first_deadline is None or self.next:
            return self.deadline(self.first)
        return self._first_deadline

    @property
    def place(self) -> Position:
        """Where its first run that has no decision yet stands in the queue."""
        if self._stands is None or self.next or self.favoured:
            return self.position(self.first)
        return self._stands

    def position(self, run: QueuedRun, used: int = 0) -> Position:
        """The place of ``run`` in the queue, where its owner's use of late is at the level ``used``."""
        due = self.deadline(run).at
        latest_start = inf if due is None else due - self.full.duration
        rank = FRONT if self.promoted else self.rank
        size = 0 if due is not None else LEAST if run.run_id == self.favoured else self.size_class
        return (rank, latest_start, used, -run.priority, size, run.submitted_at, run.run_id)

    def deadline(self, run: QueuedRun) -> Deadline:
        """The run's own deadline, else its policy's."""
        return Deadline.of(self.policy, run, self.tuning)

    @property
    def first(self) -> QueuedRun:
        """The first run that has no decision yet."""
        return self.runs[self.next]

    @property
    def rest(self) -> tuple[QueuedRun, ...]:
        """The runs that have no decision yet."""
        return tuple(self.runs[self.next :] if self.next else self.runs)

    @property
    def claims(self) -> Claims | None:
        """The slots of Dagster's own limits that each of these runs takes."""
        return self.runs[0].claims

    @property
    def typical(self) -> ResourceRequest:
        """The request in full, of a run that takes its median."""
        return replace(self.full, duration=self.full.median)

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The ladder, where these runs may take it."""
        return self.policy.degrade if self.work.degradable else ()

    @property
    def essentials(self) -> tuple[Composition, ...]:
        """The ways to run them without their optional stages, where the policy has any."""
        return essentials(self.policy, self.work)

    def _sort(self) -> None:
        """First in the queue first. Most come in the order of submission, and where all are alike that is
        it.
        """
        runs = self.runs
        self.by_age = False
        if len(runs) == 1:
            self.by_age = True
            return
        if len({run.priority for run in runs}) == 1 and {run.deadline_at for run in runs} == {None}:
            submitted = [run.submitted_at for run in runs]
            if not all(map(lt, submitted, islice(submitted, 1, None))):
                self.runs = sorted(runs, key=AGE)
            self.by_age = True
        else:
            self.runs = sorted(runs, key=self.position)


def by_kind(queued: Iterable[QueuedRun]) -> Iterable[list[QueuedRun]]:
    """Queued runs of one kind of work, one estimate and the same claims, together.

    By identity first: runs of a kind usually share one ``Work``, and hashing it costs more. A run of which
    more is known than of its kind is a kind for itself, with those that share its estimate. Runs of one kind
    may claim different slots, of tag concurrency limits.
    """
    same: defaultdict[tuple[int, int, int], list[QueuedRun]] = defaultdict(list)
    for run in queued:
        same[id(run.work), id(run.estimate), 0 if run.claims is None else id(run.claims)].append(run)
    kinds: dict[tuple[Work, Estimate | None, Claims | None], list[QueuedRun]] = {}
    for runs in same.values():
        first = runs[0]
        of_kind = kinds.setdefault((first.work, first.estimate, first.claims), runs)
        if of_kind is not runs:
            of_kind += runs
    return kinds.values()
