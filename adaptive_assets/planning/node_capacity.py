"""What one node has in use, and what its guards leave."""

from collections.abc import Iterable, Iterator, Sequence
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
    """Whether the readings cannot be trusted to show a run's memory yet."""
    return run.started_at is None or at - run.started_at < tuning.settling_s


def expected_cpu(run: ActiveRun, request: ResourceRequest) -> float:
    """Cores that an active run is expected to use on average.

    Where nothing is learned of its kind, what it was seen to use says more than what was declared.
    """
    return request.cpu if request.mean_memory is not None else max(request.cpu, run.cpu_used or 0.0)


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

    CPU is shared: our runs count with the cores that they are expected to use on average, whatever the
    reading shows of them at the moment, and strangers with what the reading shows beside our runs. Where CPU
    weights are in force, runs of tiers with less weight yield, and do not count. As expectations are means,
    somewhat more than all cores is allocated, unless the guard keeps some free.

    Memory is not shared: in use is the reading of the whole machine, strangers included, and allocated what
    runs are predicted to take beyond what they were seen to hold. What a run may still grow by shrinks as it
    goes on, where it was learned how long it takes.
    """

    name: str
    guards: Guards
    machine: MachineReading | None
    tuning: Tuning = TUNING
    price: float = 0.0
    nice: Sequence[int] = ()
    """That of each tier's CPU weight, by its rank; empty where weights are not in force."""
    memory: Memory = field(default_factory=Memory)
    cpu_by_rank: dict[int, float] = field(default_factory=dict)
    """Cores that our runs are expected to use, by the place of their tier."""
    seen_cpu: float = 0.0
    """Cores of the reading that are our runs': measured, or of those that are not seen yet, expected."""

    cpu_ceiling: float = field(init=False, default=inf)
    """The cores that the guard leaves of the whole machine, or somewhat more than all of them."""
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
            whole = self.machine.cpu_capacity
            self.cpu_ceiling = whole * (self.tuning.overcommit if self.guards.cpu >= 1 else self.guards.cpu)
            self.most_for_one = whole * self.guards.cpu * self.tuning.widest
            self.seen_cpu = self.machine.our_cpu or 0.0
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
        self._see(run, request)
        if run.state is not RunState.SUSPENDED:
            self._expect(rank, expected_cpu(run, request))
        if run.memory_used is not None:
            self.memory.add(
                request, run.memory_used, 1.0 if settling else _to_come(run, request, at, self.tuning)
            )
        elif settling:
            self.memory.add(request)

    def take(self, request: ResourceRequest, rank: int) -> None:
        """Allocate ``request`` to a run that this cycle admits."""
        self._forget()
        self._expect(rank, request.cpu)
        self.memory.add(request)

    def let_go_on(self, rank: int, request: ResourceRequest) -> None:
        """Allocate CPU to a run that was suspended; its memory is counted."""
        self._forget()
        self._expect(rank, request.cpu)

    @property
    def our_cpu(self) -> float:
        """Cores that our runs are expected to use."""
        return sum(self.cpu_by_rank.values())

    @property
    def strangers_cpu(self) -> float:
        """Cores in use that are not our runs', as far as they count.

        Where the guard keeps none free, strangers share the CPU with our runs, and keep only a part of it
        from them.
        """
        if self.machine is None:
            return 0.0
        strangers = max(0.0, self.machine.cpu_used - self.seen_cpu)
        if self.guards.cpu < 1:
            return strangers
        return min(strangers, self.tuning.strangers_share * self.machine.cpu_capacity)

    def is_yielding(self, rank: int, to: int) -> bool:
        """Whether runs of the tier at ``rank`` yield the CPU to those of the tier at ``to``."""
        return bool(self.nice) and self.nice[rank] > self.nice[to]

    def memory_on_average(self, one_more: ResourceRequest | None = None) -> float:
        """Bytes in use on the whole machine once all runs have grown, as it is on average."""
        return self.memory_in_use() + self.memory.on_average(one_more) - self.memory.seen

    def memory_in_use(self) -> float:
        """Bytes in use on the whole machine; readings lag behind, and ours may be seen in use before."""
        return max(float(self.machine.memory_used), self.memory.seen) if self.machine else self.memory.seen

    def free_cpu(self, rank: int) -> float:
        """Cores that are left for a run of the tier at ``rank``."""
        if self.machine is None:
            return inf
        return self.cpu_ceiling - self.strangers_cpu - self.counted_cpu(rank)

    def counted_cpu(self, rank: int) -> float:
        """Cores that our runs are expected to use which do not yield to those of the tier at ``rank``."""
        return sum(cpu for other, cpu in self.cpu_by_rank.items() if not self.is_yielding(other, rank))

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

    def expects_of(self, cpu: float) -> float:
        """The cores with which a run counts that would use ``cpu`` of them: no more than there are."""
        return min(cpu, self.machine.cpu_capacity) if self.machine else cpu

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

    def _expect(self, rank: int, cpu: float) -> None:
        self.cpu_by_rank[rank] = self.cpu_by_rank.get(rank, 0.0) + self.expects_of(cpu)

    def _see(self, run: ActiveRun, request: ResourceRequest) -> None:
        """Find what of the reading is the run's: a process that is not seen yet uses the CPU all the same."""
        if run.cpu_used is None:
            self.seen_cpu += self.expects_of(request.cpu)
        elif self.machine is None or self.machine.our_cpu is None:
            self.seen_cpu += run.cpu_used

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
                    "strangers": self.strangers_cpu,
                    "expected": self.counted_cpu(rank),
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
