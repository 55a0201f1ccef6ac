"""The ladder: which way to do less a run takes that cannot run in full."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.node_capacity import shareable
from adaptive_assets.planning.reasons import Reason
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook, Rung
from adaptive_assets.policy.compositions import Composition


@dataclass(frozen=True, slots=True)
class Option:
    """A way to run other than in full, what it requests, and what is in its way now.

    It is a rung of the policy's ladder, or a composition of its stages.
    """

    way: Rung | Composition
    request: ResourceRequest
    lacks: tuple[Reason, ...] = ()

    @property
    def mode(self) -> str:
        """What the run is told to do."""
        return self.way.mode

    @property
    def parameters(self) -> Mapping[str, object]:
        """What it is told along with that."""
        return self.way.parameters if isinstance(self.way, Rung) else {}


@dataclass(slots=True)
class BelowFull:
    """The CPU of runs below full mode, by the rank of their tier.

    A rung that is forced beyond the CPU guard may slow down strangers and lower tiers, and not its peers:
    forced all together, they would make one another late. So with what is below full mode already, they get
    no more than the guard leaves of an idle machine.
    """

    ceiling: float
    forced: float
    """How much of the ceiling the forced ones may take, as a share of one."""
    cores: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        book: PolicyBook,
        requests: ResourceRequests,
        ceiling: float,
        forced: float,
    ) -> "BelowFull":
        """That of the active runs; ``ceiling`` in cores."""
        below = cls(ceiling, forced)
        for run in snapshot.active:
            if run.mode not in WHOLE:
                policy = book.policy(run.work.policy)
                below.take(book.rank(policy.tier), requests.of_run(run, run.mode))
        return below

    def take(self, rank: int, request: ResourceRequest) -> None:
        """Count a run that goes below full mode."""
        self.cores[rank] = self.cores.get(rank, 0.0) + min(request.cpu, self.ceiling)

    def allows(self, rank: int, request: ResourceRequest) -> bool:
        """Whether one more run of that tier may be forced."""
        peers = sum(cores for other, cores in self.cores.items() if other <= rank)
        return peers + min(request.cpu, self.ceiling) <= self.forced * self.ceiling


@dataclass(frozen=True, slots=True)
class Ladder:
    """The ways in which one run can do less, the mildest first, as they stand in the capacity that is left.

    ``never`` says why there is none, where none could ever fit.
    """

    options: Sequence[Option]
    never: tuple[Reason, ...]

    @property
    def obstacles(self) -> tuple[Reason, ...]:
        """What keeps the quickest way from going now; where none could ever fit, why not."""
        return min(self.options, key=_duration).lacks if self.options else self.never

    @property
    def least(self) -> ResourceRequest | None:
        """What the quickest way requests that could fit."""
        return min(self.options, key=_duration).request if self.options else None

    def choose(
        self, deadline: Deadline, at: float, rank: int, below: BelowFull, *, patient: bool
    ) -> Option | None:
        """The way to launch now, or ``None`` where there is none or where it can still wait for capacity.

        The mildest that fits and ends in time. Where none does and waiting would break the deadline (or the
        run is not ``patient``), the quickest goes all the same if it lacks only CPU or calm: a deadline is
        worth more than an idle margin. Where all would be late, the quickest that fits. The memory guard and
        the run limit are never broken.
        """
        fitting = [option for option in self.options if not option.lacks]
        in_time = [option for option in fitting if deadline.met_by(option.request, at)]
        if in_time:
            return in_time[0]
        if patient and any(not deadline.endangered(option.request, at) for option in self.options):
            return None
        forced = [
            option
            for option in self.options
            if option.lacks and shareable(option.lacks) and below.allows(rank, option.request)
        ]
        return min(
            fitting + forced,
            key=lambda option: (
                not deadline.met_by(option.request, at),
                bool(option.lacks),
                option.request.duration,
            ),
            default=None,
        )


def _duration(option: Option) -> float:
    return option.request.duration
