"""What one node has in use, and what its guards leave."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Final

from adaptive_assets.planning.memory import Memory
from adaptive_assets.planning.reasons import Numbers, Reason, ReasonCode
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, Pressure, RunState
from adaptive_assets.planning.tuning import TUNING, Tuning
from adaptive_assets.policy import Guards, PressureGuards

SLIVER: Final = 1e-9
"""Cores: sums of fractions differ in their last digits by the order of adding."""


def is_settling(run: ActiveRun, at: float, tuning: Tuning) -> bool:
    """Whether the readings cannot be trusted to show a run yet."""
    return run.started_at is None or at - run.started_at < tuning.settling_s


def _to_come(run: ActiveRun, request: ResourceRequest, at: float, tuning: Tuning) -> float:
    """How likely it is that the growth comes that is lacking, by the median duration if that was learned.

    Little doubt at first, and more and more: a peak that has not come by then is not to be expected.
    """
    if request.mean_memory is None:
        return 1.0
    ran = at - (run.started_at or at) if run.ran_s is None else run.ran_s
    grows_for = tuning.grows_for * request.median
    return 1.0 - (ran / grows_for) ** 2 if abs(ran) < grows_for else 0.0


def shareable(lacks: Iterable[Reason]) -> bool:
    """Whether only CPU or calm is lacking: to break those guards slows every run down, memory's kills one."""
    return all(reason.code in (ReasonCode.CPU, ReasonCode.PRESSURE) for reason in lacks)


@dataclass(slots=True, eq=False)
class NodeCapacity:
    """What one node has in use and has allocated; ``take()`` allocates more of it within one cycle.

    In use is the live reading of the whole machine, strangers included. Allocated (*shadow load*) is what
    runs are predicted to take beyond what the reading can already show of them.
    What a run may still grow by shrinks as it goes on, where it was learned how long it takes.
    """

    name: str
    guards: Guards
    machine: MachineReading | None
    tuning: Tuning = TUNING
    price: float = 0.0
    our_cpu: float = 0.0
    """Cores that our runs use, or are soon to use."""
    shadow_cpu: float = 0.0
    memory: Memory = field(default_factory=Memory)
    cpu_by_rank: dict[int, float] = field(default_factory=dict)
    """Cores that our runs would use, by the place of their tier; without those that gave way."""
    slowed: list[tuple[int, float]] = field(default_factory=list)
    """Rank of the tier and cores in use, of each run that was slowed down to give way."""

    cpu_ceiling: float = field(init=False, default=inf)
    """The cores that the guard leaves of the whole machine."""
    most_for_one: float = field(init=False, default=inf)
    """The cores that a single run may insist on."""
    memory_ceiling: float = field(init=False, default=inf)
    """The bytes that the guard leaves of the whole machine."""
    strained: tuple[Reason, ...] = field(init=False, default=())
    """Where the pressure on the machine is above its guard, if it is."""
    _free_memory: float | None = field(init=False, default=None)
    """Bytes under the guard since memory was last taken."""
    _lacking: dict[tuple[float, int, str], tuple[Reason, ...]] = field(init=False, default_factory=dict)
    """What was found of CPU since it was last taken, by cores, rank and mode: many kinds request the same."""

    def __post_init__(self) -> None:
        if self.machine is not None:
            self.cpu_ceiling = self.machine.cpu_capacity * self.guards.cpu
            self.most_for_one = self.cpu_ceiling * self.tuning.widest
            self.memory_ceiling = self.machine.memory_capacity * self.guards.memory
            self.memory.tuning = self.tuning
            self.memory.most_unknown = self.memory_ceiling * self.tuning.widest
            self.strained = tuple(_strains(self.machine.pressure, self.guards.pressure))

    @property
    def promised_memory(self) -> float:
        """Bytes that our runs are predicted to take beyond what they use."""
        return self.memory.predicted() - self.memory.seen

    def count(self, run: ActiveRun, rank: int, request: ResourceRequest, at: float) -> None:
        """Count an active run, whose tier has the place ``rank``."""
        self._forget()
        settling = is_settling(run, at, self.tuning)
        used = run.cpu_used or 0.0
        expected = max(0.0, min(request.cpu, self.cpu_ceiling) - used)
        if run.state is RunState.RUNNING and settling:
            self.shadow_cpu += expected
        if run.state is not RunState.SUSPENDED:
            self.our_cpu += used + (expected if settling or run.cpu_used is None else 0.0)
        if run.state is RunState.RUNNING:
            if run.slowed:
                self.slowed.append((rank, used))
            else:
                self._crowd(rank, request)
        if run.memory_used is not None:
            self.memory.add(
                request, run.memory_used, 1.0 if settling else _to_come(run, request, at, self.tuning)
            )
        elif settling:
            self.memory.add(request)

    def take(self, request: ResourceRequest, rank: int) -> None:
        """Allocate ``request`` to a run that this cycle admits."""
        self._forget()
        self._crowd(rank, request)
        self.our_cpu += min(request.cpu, self.cpu_ceiling)
        self.shadow_cpu += min(request.cpu, self.cpu_ceiling)
        self.memory.add(request)

    def let_go_on(self, cpu: float) -> None:
        """Allocate so many cores to a run that gave way."""
        self._forget()
        self.our_cpu += cpu
        self.shadow_cpu += cpu

    def is_shared_by(self, request: ResourceRequest, rank: int) -> bool:
        """Whether a run could share the CPU with those of its tier and above without making it too slow.

        All memory must fit on average: it goes so because it would surely be late if it waited.
        """
        peers = sum(cpu for other, cpu in self.cpu_by_rank.items() if other <= rank)
        crowd = peers + min(request.cpu, self.cpu_ceiling)
        return (
            crowd <= self.tuning.crowd * self.cpu_ceiling
            and self.memory_on_average(request) <= self.memory_ceiling
        )

    def memory_on_average(self, one_more: ResourceRequest | None = None) -> float:
        """Bytes in use on the whole machine once all runs have grown, as it is on average."""
        return self.memory_in_use() + self.memory.on_average(one_more) - self.memory.seen

    def memory_in_use(self) -> float:
        """Bytes in use on the whole machine; readings lag behind, and ours may be seen in use before."""
        return max(float(self.machine.memory_used), self.memory.seen) if self.machine else self.memory.seen

    def free_cpu(self, rank: int) -> float:
        """Cores under the guard for a run of that tier: those that slowed runs of lower tiers use are too."""
        if self.machine is None:
            return inf
        yielding = sum(used for other, used in self.slowed if other > rank) if self.slowed else 0.0
        return self.cpu_ceiling - max(0.0, self.machine.cpu_used - yielding) - self.shadow_cpu

    def free_memory(self) -> float:
        """Bytes under the guard."""
        if self.machine is None:
            return inf
        if self._free_memory is None:
            self._free_memory = self.memory_ceiling - self.memory_in_use() - self.promised_memory
        return self._free_memory

    def more_memory(self, request: ResourceRequest) -> float:
        """By how many bytes the predicted peak grows with one more run."""
        return self.memory.more(request)

    def insists_on(self, request: ResourceRequest) -> float:
        """The cores without which a run does not start."""
        return min(request.cpu, self.most_for_one)

    def fits(self, request: ResourceRequest, rank: int) -> bool:
        """Whether one more run breaks no guard of this machine."""
        if self.machine is None:
            return True
        needs = self.insists_on(request)
        return (
            self.more_memory(request) <= self.free_memory()
            and (needs <= 0 or needs <= self.free_cpu(rank) + SLIVER)
            and not self.strained
        )

    def lacks(self, request: ResourceRequest, rank: int, mode: str = FULL) -> tuple[Reason, ...]:
        """Every guard that one more run would break; empty when it fits."""
        if self.machine is None:
            return ()
        key = (request.cpu, rank, mode)
        known = self._lacking.get(key)
        if known is None:
            known = (*self._lacking_cpu(request, rank, mode, self.machine), *self.strained)
            self._lacking[key] = known
        needs, free = self.memory.more(request), self.free_memory()
        return known if needs <= free else (self._memory_reason(needs, free, mode, self.machine), *known)

    def _forget(self) -> None:
        """What was found does not hold any more: capacity is taken."""
        self._lacking.clear()
        self._free_memory = None

    def _crowd(self, rank: int, request: ResourceRequest) -> None:
        self.cpu_by_rank[rank] = self.cpu_by_rank.get(rank, 0.0) + min(request.cpu, self.cpu_ceiling)

    def _memory_reason(self, needs: float, free: float, mode: str, machine: MachineReading) -> Reason:
        numbers: Numbers = {
            "mode": mode,
            "needs": needs,
            "free": free,
            "used": machine.memory_used,
            "promised": self.promised_memory,
            "ceiling": self.memory_ceiling,
            "capacity": machine.memory_capacity,
            "guard": self.guards.memory,
            "node": self.name,
        }
        return Reason(ReasonCode.MEMORY, numbers)

    def _lacking_cpu(
        self, request: ResourceRequest, rank: int, mode: str, machine: MachineReading
    ) -> Iterator[Reason]:
        free = self.free_cpu(rank)
        needs = self.insists_on(request)
        if needs > max(0.0, free) + SLIVER:  # what needs no CPU here never waits for it
            yield Reason(
                ReasonCode.CPU,
                {
                    "mode": mode,
                    "needs": needs,
                    "estimate": request.cpu,
                    "free": free,
                    "used": machine.cpu_used,
                    "promised": self.shadow_cpu,
                    "ceiling": self.cpu_ceiling,
                    "capacity": machine.cpu_capacity,
                    "guard": self.guards.cpu,
                    "node": self.name,
                },
            )


def _strains(pressure: Pressure, guards: PressureGuards) -> Iterator[Reason]:
    for resource, now, limit in (
        ("CPU", pressure.cpu, guards.cpu),
        ("memory", pressure.memory, guards.memory),
        ("I/O", pressure.io, guards.io),
    ):
        if now is not None and limit is not None and now > limit:
            yield Reason(
                ReasonCode.PRESSURE,
                {"resource": resource, "pressure": now, "limit": limit},
            )
