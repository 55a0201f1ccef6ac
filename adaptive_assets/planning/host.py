"""One machine: what is in use and promised on it, against the guards."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Any, Final

from adaptive_assets.planning.demand import FULL, Demand
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, Pressure, RunState
from adaptive_assets.planning.verdicts import Reason, ReasonCode
from adaptive_assets.planning.wording import cores, number, share, size
from adaptive_assets.policy import Guards, PressureGuards

__all__ = ["SETTLING_S", "SIGMAS", "SLIVER", "WIDEST", "Host", "is_settling", "shareable"]

SETTLING_S: Final = 15.0
"""How long a launched run may not show in the readings yet: start-up, plus the readings' smoothing."""

WIDEST: Final = 0.5
"""The share of the guarded CPU that a single run may insist on: one that would like every core takes longer
on fewer, whereas a machine without a moment's stranger never comes. Of memory, the share that may be kept
free for what is not known of a run."""

CROWD: Final = 2.0
"""How many times the guarded CPU the runs of a tier and above may be to share, where promises call for it."""

SIGMAS: Final = 1.5
"""Standard deviations by which the memory of runs together is predicted to exceed its mean. Their tails are
long: more of them would leave the machine half empty, and the guard keeps a margin beside."""

SLIVER: Final = 1e-9
"""Cores: sums of fractions differ in their last digits by the order of adding."""


def is_settling(run: ActiveRun, at: float) -> bool:
    """Whether the readings cannot be trusted to show a run yet."""
    return run.started_at is None or at - run.started_at < SETTLING_S


def _to_come(run: ActiveRun, demand: Demand, at: float) -> float:
    """The share of its growth that a run still has before it, by its median duration where that was learned.

    Squared: most of what a run takes it takes in its first half, when it reads.
    """
    if demand.mean_memory is None:
        return 1.0
    ran = at - (run.started_at or at) if run.ran_s is None else run.ran_s
    return max(0.0, 1.0 - ran / demand.median) ** 2 if demand.median > 0 else 0.0


def shareable(lacks: Iterable[Reason]) -> bool:
    """Whether only CPU or calm is lacking: to break those guards slows every run down, memory's kills one."""
    return all(reason.code in (ReasonCode.CPU, ReasonCode.PRESSURE) for reason in lacks)


@dataclass(slots=True, eq=False)
class Host:
    """What one machine has in use and has promised; ``take()`` promises more of it within one cycle.

    In use is the live reading of the whole machine, strangers included. Promised (*shadow load*) is what
    runs are predicted to take beyond what the reading can already show of them.

    The memory of runs together is predicted twice, and the larger prediction counts: the sum of their 75th
    percentiles, which is cautious where there are many, and the mean of the sum plus some of its standard
    deviations (`SIGMAS`), which is where there are few (N-sigma and percentile-sum of Bashir et al., "Take it
    to the limit: peak prediction-driven resource overcommitment in datacenters", 2021). The latter is no more
    than the sum of their 99th percentiles, and a run alone is no sum: one with a heavy tail goes by itself.
    What a run may still grow by shrinks as it comes nearer to its end, where that was learned.
    """

    name: str
    guards: Guards
    machine: MachineReading | None
    price: float = 0.0
    our_cpu: float = 0.0
    """Cores that our runs use, or are soon to use."""
    shadow_cpu: float = 0.0
    seen_memory: float = 0.0
    """Bytes of the reading that are ours."""
    alone_memory: float = 0.0
    peak_memory: float = 0.0
    mean_memory: float = 0.0
    memory_variance: float = 0.0
    highest_memory: float = 0.0
    counted: int = 0
    """Runs whose memory is in these sums."""
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

    def __post_init__(self) -> None:
        if self.machine is not None:
            self.cpu_ceiling = self.machine.cpu_capacity * self.guards.cpu
            self.most_for_one = self.cpu_ceiling * WIDEST
            self.memory_ceiling = self.machine.memory_capacity * self.guards.memory
            self.strained = tuple(_strains(self.machine.pressure, self.guards.pressure))

    @property
    def promised_memory(self) -> float:
        """Bytes that our runs are predicted to take beyond what they use."""
        return self._predicted_memory() - self.seen_memory

    def count(self, run: ActiveRun, rank: int, demand: Demand, at: float) -> None:
        """Count an active run, whose tier has the place ``rank``."""
        settling = is_settling(run, at)
        used = run.cpu_used or 0.0
        expected = max(0.0, min(demand.cpu, self.cpu_ceiling) - used)
        if run.state is RunState.RUNNING and settling:
            self.shadow_cpu += expected
        if run.state is not RunState.SUSPENDED:
            self.our_cpu += used + (expected if settling or run.cpu_used is None else 0.0)
        if run.state is RunState.RUNNING:
            if run.slowed:
                self.slowed.append((rank, used))
            else:
                self._crowd(rank, demand)
        if run.memory_used is not None:
            self.seen_memory += run.memory_used
            self._add(demand, run.memory_used, 1.0 if settling else _to_come(run, demand, at))
        elif settling:
            self._add(demand, 0, 1.0)

    def take(self, demand: Demand, rank: int) -> None:
        """Promise ``demand`` to a run that this cycle admits."""
        self._crowd(rank, demand)
        self.our_cpu += min(demand.cpu, self.cpu_ceiling)
        self.shadow_cpu += min(demand.cpu, self.cpu_ceiling)
        self._add(demand, 0, 1.0)

    def is_shared_by(self, demand: Demand, rank: int) -> bool:
        """Whether a run could share the CPU with those of its tier and above without making it too slow.

        Of its memory the median must fit: it goes so because it would surely be late if it waited.
        """
        peers = sum(cpu for other, cpu in self.cpu_by_rank.items() if other <= rank)
        crowd = peers + min(demand.cpu, self.cpu_ceiling)
        return crowd <= CROWD * self.cpu_ceiling and self.more_memory(demand.hopeful) <= self.free_memory()

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
        # readings lag behind: ours may be seen in use before they show in the whole machine's
        return self.memory_ceiling - max(self.machine.memory_used, self.seen_memory) - self.promised_memory

    def more_memory(self, demand: Demand) -> float:
        """By how many bytes the predicted peak grows with one more run."""
        return self._predicted_memory(demand) - self._predicted_memory()

    def _predicted_memory(self, one_more: Demand | None = None) -> float:
        """The peak of our runs together, in bytes."""
        runs, peak, mean = self.counted, self.peak_memory, self.mean_memory
        variance, highest = self.memory_variance, self.highest_memory
        if one_more is not None:
            runs += 1
            alone, share, average, high, sigma = self._memory_of(one_more)
            if runs == 1:
                return alone
            peak, mean, highest = peak + share, mean + average, highest + high
            variance += sigma**2
        if runs < 2:
            return self.alone_memory
        return max(peak, min(mean + SIGMAS * sqrt(variance), highest))

    def _memory_of(self, demand: Demand) -> tuple[float, float, float, float, float]:
        """What a run counts for: alone, in a sum, on average, at the most, and its standard deviation.

        An estimate that is wide, for want of evidence, counts for no more than half of the machine, unless
        its median does: a guess is no reason to keep a run waiting until nothing else is left.
        """
        memory = float(demand.memory)
        if demand.least_memory is None:
            return memory, memory, memory, memory, 0.0
        most = max(demand.least_memory, self.memory_ceiling * WIDEST)
        share, mean, high = demand.memory_share, demand.mean_memory, demand.highest_memory
        return (
            min(memory, most),
            most if share is None else min(share, most),
            most if mean is None else min(mean, most),
            most if high is None else min(high, most),
            min(demand.memory_sigma, most),
        )

    def insists_on(self, demand: Demand) -> float:
        """The cores without which a run does not start."""
        return min(demand.cpu, self.most_for_one)

    def fits(self, demand: Demand, rank: int) -> bool:
        """Whether one more run breaks no guard of this machine."""
        if self.machine is None:
            return True
        needs = self.insists_on(demand)
        return (
            self.more_memory(demand) <= self.free_memory()
            and (needs <= 0 or needs <= self.free_cpu(rank) + SLIVER)
            and not self.strained
        )

    def lacks(self, demand: Demand, rank: int, mode: str = FULL) -> tuple[Reason, ...]:
        """Every guard that one more run would break; empty when it fits."""
        if self.machine is None:
            return ()
        return (
            *self._memory(demand, mode, self.machine),
            *self._cpu(demand, rank, mode, self.machine),
            *self.strained,
        )

    def _crowd(self, rank: int, demand: Demand) -> None:
        self.cpu_by_rank[rank] = self.cpu_by_rank.get(rank, 0.0) + min(demand.cpu, self.cpu_ceiling)

    def _add(self, demand: Demand, used: int, to_come: float) -> None:
        """Count a run that uses ``used`` bytes; ``to_come`` is the share of its growth that may come."""
        *expected, sigma = self._memory_of(demand)
        alone, share, mean, highest = (used + to_come * max(0.0, amount - used) for amount in expected)
        self.counted += 1
        self.alone_memory += alone
        self.peak_memory += share
        self.mean_memory += mean
        self.highest_memory += highest
        if used <= expected[0]:
            self.memory_variance += (to_come * sigma) ** 2

    def _memory(self, demand: Demand, mode: str, machine: MachineReading) -> Iterator[Reason]:
        needs, free = self.more_memory(demand), self.free_memory()
        if needs > free:
            yield Reason(
                ReasonCode.MEMORY,
                _lacks_memory,
                {
                    "mode": mode,
                    "needs": needs,
                    "free": free,
                    "used": machine.memory_used,
                    "promised": self.promised_memory,
                    "ceiling": self.memory_ceiling,
                    "capacity": machine.memory_capacity,
                    "guard": self.guards.memory,
                    "node": self.name,
                },
            )

    def _cpu(self, demand: Demand, rank: int, mode: str, machine: MachineReading) -> Iterator[Reason]:
        free = self.free_cpu(rank)
        needs = self.insists_on(demand)
        if needs > max(0.0, free) + SLIVER:  # what needs no CPU here never waits for it
            yield Reason(
                ReasonCode.CPU,
                _lacks_cpu,
                {
                    "mode": mode,
                    "needs": needs,
                    "estimate": demand.cpu,
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
                f"{resource} pressure is {share(now)}, the guard is {share(limit)}",
                {"resource": resource, "pressure": now, "limit": limit},
            )


def _lacks_memory(numbers: Any) -> str:
    free = max(0.0, numbers["free"])
    return (
        f"{_where(numbers)}needs {size(numbers['needs'])}, {size(free, at_most=True)} is free"
        f" under the {share(numbers['guard'])} guard ({size(numbers['used'])} of"
        f" {size(numbers['capacity'])} in use, {size(numbers['promised'])} promised)"
    )


def _lacks_cpu(numbers: Any) -> str:
    needs, free = numbers["needs"], max(0.0, numbers["free"])
    likes = f" (and would use {number(numbers['estimate'])})" if needs < numbers["estimate"] else ""
    return (
        f"{_where(numbers)}needs {cores(needs)}{likes}, {number(free, at_most=True)} is free"
        f" under the {share(numbers['guard'])} guard ({number(numbers['used'])} of"
        f" {cores(numbers['capacity'])} in use, {number(numbers['promised'])} promised)"
    )


def _where(numbers: Any) -> str:
    """On which of several machines, and in which mode: full mode unless the sentence says otherwise."""
    node = f"on `{numbers['node']}`: " if numbers["node"] else ""
    return node if numbers["mode"] == FULL else f"{node}mode {numbers['mode']} "
