"""The working state of one plan: what is left, who is blocked, and what is decided so far."""

from dataclasses import dataclass, field, replace

from adaptive_assets.planning.capacity import Capacity
from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.decisions import Decision, Verdict
from adaptive_assets.planning.degradation import BelowFull, Option
from adaptive_assets.planning.fair_share import FairShare
from adaptive_assets.planning.node_capacity import NodeCapacity
from adaptive_assets.planning.plan_cache import PlanCache
from adaptive_assets.planning.ranks import cpu_weight_of
from adaptive_assets.planning.reasons import Reason
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.reservations import Reservation, Reservations
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.run_group import RunGroup
from adaptive_assets.planning.slots import Slots
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot, Work
from adaptive_assets.planning.tuning import Tuning
from adaptive_assets.policy import Policy, PolicyBook, Tier


@dataclass(frozen=True, slots=True)
class Blocked:
    """A run that waits for capacity, with the start that is reserved for it."""

    work: Work
    policy: Policy
    rank: int
    request: ResourceRequest
    deadline: Deadline
    reservation: Reservation
    most: float
    """The price that it pays for a core."""

    @property
    def typical(self) -> ResourceRequest:
        """Its request, if it takes its median."""
        return replace(self.request, duration=self.request.median)


@dataclass(frozen=True, slots=True)
class Move:
    """What an active run is told to do, and why."""

    verdict: Verdict
    reason: Reason


@dataclass(slots=True)
class PlanState:
    """All that the steps of one plan share; each step changes it in one place."""

    snapshot: Snapshot
    book: PolicyBook
    tuning: Tuning
    cache: PlanCache
    requests: ResourceRequests
    capacity: Capacity
    slots: Slots
    shares: FairShare
    below_full: BelowFull
    reservations: Reservations
    decisions: list[Decision] = field(default_factory=list)
    """On queued runs, in the order in which they were made."""
    blocked: list[Blocked] = field(default_factory=list)
    """Runs that wait for capacity and have a reserved start, first in the queue first."""
    forced: list[Blocked] = field(default_factory=list)
    """Runs that go for their deadline although CPU is short."""
    resumable: list[ActiveRun] = field(default_factory=list)
    """Active runs that gave way and have not had their turn to go on, in its order."""
    moves: dict[str, Move] = field(default_factory=dict)
    """What active runs are told, by run id."""
    promoted: bool = False
    """Whether starvation protection let a run go ahead."""

    @classmethod
    def of(
        cls, snapshot: Snapshot, book: PolicyBook, tuning: Tuning, cache: PlanCache | None = None
    ) -> "PlanState":
        """The state at the instant of ``snapshot``, before anything is decided."""
        cache = PlanCache() if cache is None else cache
        cache.begin(snapshot, book, tuning)
        requests = ResourceRequests(snapshot, book, tuning, cache.requests)
        capacity = Capacity.of(snapshot, book, requests, tuning)
        return cls(
            snapshot,
            book,
            tuning,
            cache,
            requests,
            capacity,
            Slots(snapshot),
            FairShare(snapshot, book, requests, tuning),
            BelowFull.of(snapshot, book, requests, capacity.cpu_ceiling, tuning.forced_rungs),
            Reservations(snapshot, requests, capacity, tuning),
        )

    @property
    def at(self) -> float:
        """Now, in POSIX seconds."""
        return self.snapshot.at

    def tier(self, policy: Policy) -> Tier:
        """The tier of a policy."""
        return self.book.tiers[self.book.rank(policy.tier)]

    def decide(
        self,
        verdict: Verdict,
        group: RunGroup,
        runs: tuple[QueuedRun, ...],
        reasons: tuple[Reason, ...],
        option: Option | None = None,
        node: NodeCapacity | None = None,
    ) -> None:
        """Write a decision down; ``option`` where it is not full mode."""
        if not runs:
            return
        mode, parameters = (option.mode, option.parameters) if option else (FULL, {})
        tier, name = group.policy.tier, node.name if node else ""
        weight = cpu_weight_of(group.policy, self.book)
        self.decisions.append(
            Decision(verdict, group.work, tier, mode, reasons, runs, parameters, name, weight)
        )
