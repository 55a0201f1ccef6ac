"""The ladder: which rung a run takes that cannot run in full."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from adaptive_assets.planning.capacity import Capacity
from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.decisions import Reason
from adaptive_assets.planning.node_capacity import shareable
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.planning.turn import Turn
from adaptive_assets.policy import PolicyBook, Rung
from adaptive_assets.policy.compositions import Composition

__all__ = ["Ladder", "Squeeze", "Step", "ways_to_do_less"]


@dataclass(frozen=True, slots=True)
class Step:
    """A way to run, its demand, and what is in its way now; taken all the same, a rung is *forced*.

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


def ways_to_do_less(turn: Turn, *, impatient: bool) -> tuple[Rung | Composition, ...]:
    """What a run may leave out now, the least first: its optional stages, then what its ladder says.

    Want of room alone is a reason to leave optional stages out, once a run was ``impatient``; it is none for
    a rung. Where its data is not ready, either helps for data that it spares alone.
    """
    group = turn.group
    if group.only_rungs:
        rungs = group.rungs if not group.spared or group.gates.then == "degrade" else ()
        return (*(group.essentials if group.spared else ()), *rungs)
    if turn.pressed:
        return (*group.essentials, *group.rungs)
    return group.essentials if impatient else ()


@dataclass(slots=True)
class Squeeze:
    """The CPU of runs below full mode, by the rank of their tier.

    A rung that is forced beyond the CPU guard may slow down strangers and lower tiers, and not its peers:
    forced all together, they would make one another late. So with what is below full mode already, they get
    no more than the guard leaves of an idle machine.
    """

    ceiling: float
    cores: dict[int, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, snapshot: Snapshot, book: PolicyBook, requests: ResourceRequests, ceiling: float
    ) -> "Squeeze":
        """The squeeze at the instant of ``snapshot``; ``ceiling`` in cores."""
        squeeze = cls(ceiling)
        for run in snapshot.active:
            if run.mode not in WHOLE:
                policy = book.policy(run.work.policy)
                squeeze.take(book.rank(policy.tier), requests.of_run(run, run.mode))
        return squeeze

    def take(self, rank: int, request: ResourceRequest) -> None:
        """Count a run that goes below full mode."""
        self.cores[rank] = self.cores.get(rank, 0.0) + min(request.cpu, self.ceiling)

    def allows(self, rank: int, request: ResourceRequest) -> bool:
        """Whether one more run of that tier may be forced."""
        peers = sum(cores for other, cores in self.cores.items() if other <= rank)
        return peers + min(request.cpu, self.ceiling) <= self.ceiling


class Ladder:
    """The ways in which one run can do less, the mildest first, as they stand in the room that is left.

    ``in_the_way`` gives the reservation of a higher tier that a demand would delay, if there is one.
    """

    def __init__(
        self,
        ways: Iterable[tuple[Rung | Composition, ResourceRequest]],
        rank: int,
        capacity: Capacity,
        in_the_way: Callable[[ResourceRequest], Reason | None],
    ) -> None:
        self._steps: list[Step] = []
        self._never: tuple[Reason, ...] = ()
        for way, request in ways:
            if never := capacity.never_fits(request, way.mode):
                self._never = (never,)
                continue
            lacks = capacity.lacks(request, rank, way.mode)
            if not lacks and (behind := in_the_way(request)):
                lacks = (behind,)
            self._steps.append(Step(way, request, lacks))

    @property
    def could_fit(self) -> bool:
        """Whether it has a rung that is worth waiting for."""
        return bool(self._steps)

    @property
    def obstacles(self) -> tuple[Reason, ...]:
        """What keeps the quickest rung from going now; where none could ever fit, why not."""
        return min(self._steps, key=_duration).lacks if self._steps else self._never

    @property
    def least(self) -> ResourceRequest | None:
        """What the quickest rung takes that could fit."""
        return min(self._steps, key=_duration).request if self._steps else None

    def step(
        self, deadline: Deadline, at: float, *, patient: bool, may_force: Callable[[ResourceRequest], bool]
    ) -> Step | None:
        """The rung to launch now, or ``None`` when there is none or when it can still wait for room.

        The highest rung that fits and ends in time. When none does and waiting would break the deadline (or
        the run is not ``patient``), the quickest goes all the same if it lacks only CPU or calm: a promise
        is worth more than an idle margin. When all would be late, the quickest that fits. The memory guard
        and the run limit are never broken.
        """
        fitting = [step for step in self._steps if not step.lacks]
        in_time = [step for step in fitting if deadline.met_by(step.request, at)]
        if in_time:
            return in_time[0]
        if patient and any(not deadline.endangered(step.request, at) for step in self._steps):
            return None
        forced = [
            step for step in self._steps if step.lacks and shareable(step.lacks) and may_force(step.request)
        ]
        return min(
            fitting + forced,
            key=lambda step: (not deadline.met_by(step.request, at), bool(step.lacks), step.request.duration),
            default=None,
        )


def _duration(step: Step) -> float:
    return step.request.duration
