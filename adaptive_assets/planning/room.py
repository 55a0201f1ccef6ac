"""Room: what the machine can still take under the guards."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from adaptive_assets.planning.demand import FULL, Demand, demand_of
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, Snapshot
from adaptive_assets.planning.verdicts import Reason, ReasonCode
from adaptive_assets.planning.wording import cores, number, share, size
from adaptive_assets.policy import Guards, PolicyBook

__all__ = ["SETTLING_S", "WIDEST", "Room", "shareable"]

SETTLING_S: Final = 15.0
"""How long a launched run may not show in the readings yet: start-up, plus the readings' smoothing."""

WIDEST: Final = 0.5
"""The share of the guarded CPU that a single run may insist on: one that would like every core takes longer
on fewer, whereas a machine without a moment's stranger never comes."""


def shareable(lacks: Iterable[Reason]) -> bool:
    """Whether only CPU or calm is lacking: to break those guards slows every run down, memory's kills one."""
    return all(reason.code in (ReasonCode.CPU, ReasonCode.PRESSURE) for reason in lacks)


@dataclass(slots=True)
class Room:
    """What is in use and promised, against the guards; ``take()`` promises more of it within one cycle.

    In use is the live reading of the whole machine, strangers included.  Promised (*shadow load*) is what
    admitted runs are predicted to take beyond what the reading can already show of them.
    """

    guards: Guards
    machine: MachineReading | None
    run_limit: int | None
    runs: int = 0
    shadow_cpu: float = 0.0
    shadow_memory: int = 0
    _known: dict[tuple[Demand, str], tuple[Reason, ...]] = field(default_factory=dict)
    """What was found to be lacking since room was last taken: most kinds of work ask for the same."""

    @classmethod
    def of(cls, snapshot: Snapshot, book: PolicyBook) -> "Room":
        """The room at the instant of ``snapshot``."""
        limits = [limit for limit in (snapshot.run_limit, book.guards.concurrency) if limit is not None]
        room = cls(book.guards, snapshot.machine, min(limits, default=None))
        for run in snapshot.active:
            room._promise(run, demand_of(book.policy(run.work.policy), run.mode), snapshot.at)
        return room

    @property
    def cpu_ceiling(self) -> float:
        """The cores that the guard leaves of the whole machine."""
        return self.machine.cpu_capacity * self.guards.cpu if self.machine else float("inf")

    @property
    def memory_ceiling(self) -> float:
        """The bytes that the guard leaves of the whole machine."""
        return self.machine.memory_capacity * self.guards.memory if self.machine else float("inf")

    def _promise(self, run: ActiveRun, demand: Demand, at: float) -> None:
        self.runs += 1
        settling = run.started_at is None or at - run.started_at < SETTLING_S
        if settling:
            self.shadow_cpu += max(0.0, min(demand.cpu, self.cpu_ceiling) - (run.cpu_used or 0.0))
        if run.memory_used is not None:
            self.shadow_memory += max(0, demand.memory - run.memory_used)
        elif settling:
            self.shadow_memory += demand.memory

    def take(self, demand: Demand) -> None:
        """Promise ``demand`` to a run that this cycle admits."""
        self.runs += 1
        self.shadow_cpu += min(demand.cpu, self.cpu_ceiling)
        self.shadow_memory += demand.memory
        self._known.clear()

    def never_fits(self, demand: Demand, mode: str = FULL) -> Reason | None:
        """Why ``demand`` exceeds the whole machine, however long one waits; ``None`` if it does not."""
        ceiling = self.memory_ceiling
        if self.machine is None or demand.memory <= ceiling:
            return None
        return Reason(
            ReasonCode.NEVER_FITS,
            f"{_in(mode)}needs {size(demand.memory)}, more than the {share(self.guards.memory)} guard leaves"
            f" of the whole machine ({size(ceiling, at_most=True)} of {size(self.machine.memory_capacity)}):"
            " lower the estimate, raise the guard or add a rung that needs less",
            {
                "mode": mode,
                "needs": demand.memory,
                "ceiling": ceiling,
                "capacity": self.machine.memory_capacity,
            },
        )

    def lacks(self, demand: Demand, mode: str = FULL) -> tuple[Reason, ...]:
        """Every guard that ``demand`` would break now; empty when it fits."""
        known = self._known.get((demand, mode))
        if known is None:
            known = self._known[demand, mode] = tuple(self._breaks(demand, mode))
        return known

    def _breaks(self, demand: Demand, mode: str) -> Iterator[Reason]:
        if self.machine is not None:
            yield from self._memory(demand, mode, self.machine)
            yield from self._cpu(demand, mode, self.machine)
            yield from self._pressure(self.machine)
        elif self.run_limit is None and self.runs:
            yield Reason(
                ReasonCode.NO_READING,
                "there is no recent reading of the machine: one run at a time until there is",
                {"runs": self.runs},
            )
        if self.run_limit is not None and self.runs >= self.run_limit:
            yield Reason(
                ReasonCode.CONCURRENCY,
                f"of {self.run_limit} runs at once, {self.runs} are active or about to be",
                {"runs": self.runs, "limit": self.run_limit},
            )

    def _memory(self, demand: Demand, mode: str, machine: MachineReading) -> Iterator[Reason]:
        free = self.memory_ceiling - machine.memory_used - self.shadow_memory
        if demand.memory <= free:
            return
        yield Reason(
            ReasonCode.MEMORY,
            f"{_in(mode)}needs {size(demand.memory)}, {size(max(0.0, free), at_most=True)} is free"
            f" under the {share(self.guards.memory)} guard ({size(machine.memory_used)} of"
            f" {size(machine.memory_capacity)} in use, {size(self.shadow_memory)} promised)",
            {
                "mode": mode,
                "needs": demand.memory,
                "free": free,
                "used": machine.memory_used,
                "promised": self.shadow_memory,
                "ceiling": self.memory_ceiling,
            },
        )

    def _cpu(self, demand: Demand, mode: str, machine: MachineReading) -> Iterator[Reason]:
        ceiling = self.cpu_ceiling
        free = ceiling - machine.cpu_used - self.shadow_cpu
        needs = min(demand.cpu, ceiling * WIDEST)
        if needs <= max(0.0, free):  # what needs no CPU here never waits for it
            return
        likes = f" (and would use {number(demand.cpu)})" if needs < demand.cpu else ""
        yield Reason(
            ReasonCode.CPU,
            f"{_in(mode)}needs {cores(needs)}{likes}, {number(max(0.0, free), at_most=True)} is free"
            f" under the {share(self.guards.cpu)} guard ({number(machine.cpu_used)} of"
            f" {cores(machine.cpu_capacity)} in use, {number(self.shadow_cpu)} promised)",
            {
                "mode": mode,
                "needs": needs,
                "estimate": demand.cpu,
                "free": free,
                "used": machine.cpu_used,
                "promised": self.shadow_cpu,
                "ceiling": ceiling,
            },
        )

    def _pressure(self, machine: MachineReading) -> Iterator[Reason]:
        for resource, now, limit in (
            ("CPU", machine.pressure.cpu, self.guards.pressure.cpu),
            ("memory", machine.pressure.memory, self.guards.pressure.memory),
            ("I/O", machine.pressure.io, self.guards.pressure.io),
        ):
            if now is not None and limit is not None and now > limit:
                yield Reason(
                    ReasonCode.PRESSURE,
                    f"{resource} pressure is {share(now)}, the guard is {share(limit)}",
                    {"resource": resource, "pressure": now, "limit": limit},
                )


def _in(mode: str) -> str:
    """A sentence is about full mode unless it says otherwise."""
    return "" if mode == FULL else f"mode {mode} "
