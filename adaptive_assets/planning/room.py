"""Room: what the machine can still take under the guards."""

from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.demand import Demand, demand_of
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, Snapshot
from adaptive_assets.planning.verdicts import Reason, ReasonCode
from adaptive_assets.planning.wording import cores, share, size
from adaptive_assets.policy import Guards, PolicyBook

__all__ = ["SETTLING_S", "Room"]

SETTLING_S: Final = 15.0
"""How long a launched run may not show in the readings yet: start-up, plus the readings' smoothing."""


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

    @classmethod
    def of(cls, snapshot: Snapshot, book: PolicyBook) -> "Room":
        """The room at the instant of ``snapshot``."""
        limits = [limit for limit in (snapshot.run_limit, book.guards.concurrency) if limit is not None]
        room = cls(book.guards, snapshot.machine, min(limits, default=None))
        for run in snapshot.active:
            room._promise(run, demand_of(book.policy(run.work.policy), run.mode), snapshot.at)
        return room

    def _promise(self, run: ActiveRun, demand: Demand, at: float) -> None:
        self.runs += 1
        settling = run.started_at is None or at - run.started_at < SETTLING_S
        if self.machine is not None:
            demand = demand.on(self.machine, self.guards)
        if settling:
            self.shadow_cpu += max(0.0, demand.cpu - (run.cpu_used or 0.0))
        if run.memory_used is not None:
            self.shadow_memory += max(0, demand.memory - run.memory_used)
        elif settling:
            self.shadow_memory += demand.memory

    def take(self, demand: Demand) -> None:
        """Promise ``demand`` to a run that this cycle admits."""
        self.runs += 1
        if self.machine is not None:
            demand = demand.on(self.machine, self.guards)
        self.shadow_cpu += demand.cpu
        self.shadow_memory += demand.memory

    def never_fits(self, demand: Demand) -> Reason | None:
        """Why ``demand`` exceeds the whole machine, however long one waits; ``None`` if it does not."""
        if self.machine is None:
            return None
        ceiling = self.machine.memory_capacity * self.guards.memory
        if demand.memory <= ceiling:
            return None
        return Reason(
            ReasonCode.NEVER_FITS,
            f"needs {size(demand.memory)}, more than the {share(self.guards.memory)} guard leaves of the"
            f" whole machine ({size(ceiling)} of {size(self.machine.memory_capacity)}): lower the estimate,"
            " raise the guard or add a rung that needs less",
            {"needs": demand.memory, "ceiling": ceiling, "capacity": self.machine.memory_capacity},
        )

    def lacks(self, demand: Demand) -> tuple[Reason, ...]:
        """Every guard that ``demand`` would break now; empty when it fits."""
        reasons = []
        if self.machine is None:
            if self.run_limit is None and self.runs:
                reasons.append(
                    Reason(
                        ReasonCode.NO_READING,
                        "there is no recent reading of the machine: one run at a time until there is",
                        {"runs": self.runs},
                    )
                )
        else:
            asked = demand.on(self.machine, self.guards)
            reasons += self._memory(asked, self.machine)
            reasons += self._cpu(asked, self.machine)
            reasons += self._pressure(self.machine)
        if self.run_limit is not None and self.runs >= self.run_limit:
            reasons.append(
                Reason(
                    ReasonCode.CONCURRENCY,
                    f"{self.runs} runs are in progress, the limit is {self.run_limit}",
                    {"runs": self.runs, "limit": self.run_limit},
                )
            )
        return tuple(reasons)

    def _memory(self, demand: Demand, machine: MachineReading) -> list[Reason]:
        ceiling = machine.memory_capacity * self.guards.memory
        free = ceiling - machine.memory_used - self.shadow_memory
        if demand.memory <= free:
            return []
        return [
            Reason(
                ReasonCode.MEMORY,
                f"needs {size(demand.memory)}, {size(max(0.0, free))} is free under the"
                f" {share(self.guards.memory)} guard ({size(machine.memory_used)} of"
                f" {size(machine.memory_capacity)} in use, {size(self.shadow_memory)} promised)",
                {
                    "needs": demand.memory,
                    "free": free,
                    "used": machine.memory_used,
                    "promised": self.shadow_memory,
                    "ceiling": ceiling,
                },
            )
        ]

    def _cpu(self, demand: Demand, machine: MachineReading) -> list[Reason]:
        ceiling = machine.cpu_capacity * self.guards.cpu
        free = ceiling - machine.cpu_used - self.shadow_cpu
        if demand.cpu <= free:
            return []
        return [
            Reason(
                ReasonCode.CPU,
                f"needs {cores(demand.cpu)}, {cores(max(0.0, free))} free under the"
                f" {share(self.guards.cpu)} guard ({cores(machine.cpu_used)} of"
                f" {cores(machine.cpu_capacity)} in use, {cores(self.shadow_cpu)} promised)",
                {
                    "needs": demand.cpu,
                    "free": free,
                    "used": machine.cpu_used,
                    "promised": self.shadow_cpu,
                    "ceiling": ceiling,
                },
            )
        ]

    def _pressure(self, machine: MachineReading) -> list[Reason]:
        return [
            Reason(
                ReasonCode.PRESSURE,
                f"{resource} pressure is {share(now)}, the guard is {share(limit)}",
                {"resource": resource, "pressure": now, "limit": limit},
            )
            for resource, now, limit in (
                ("CPU", machine.pressure.cpu, self.guards.pressure.cpu),
                ("memory", machine.pressure.memory, self.guards.pressure.memory),
                ("I/O", machine.pressure.io, self.guards.pressure.io),
            )
            if now is not None and limit is not None and now > limit
        ]
