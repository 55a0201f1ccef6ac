"""What a ledger holds of a time in which the coordinator only observed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from adaptive_assets.ledger import Ledger, RunUsageRow
from adaptive_assets.planning.snapshot import MachineReading
from adaptive_assets.policy import PolicyBook
from adaptive_assets.reporting.observation.decided import Decided, decided
from adaptive_assets.simulation.traces.recorded import recorded_book, workload_of
from adaptive_assets.simulation.traces.trace import TracedRun, Workload

_EASED: Final = 0.05
"""The share of the readings that may be below what is taken to be always in use."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Times are POSIX seconds.  ``usages`` are those of the runs of ``workload``, by run id.

    ``left_out`` counts the other runs that ended, by Dagster's status: nobody knows what they would have
    taken.  ``killed`` counts those among all that were killed for want of memory.
    """

    since: float
    until: float
    book: PolicyBook
    workload: Workload
    usages: Mapping[str, RunUsageRow]
    left_out: Mapping[str, int]
    killed: int
    decided: Decided
    readings: Sequence[MachineReading]

    @property
    def starts_at(self) -> float:
        """When the first run of the workload was submitted."""
        return min((usage.submitted_at for usage in self.usages.values()), default=self.since)

    @property
    def over_guard(self) -> float | None:
        """The share of the readings in which more memory was in use than the guard allows."""
        guard = self.book.guards.memory
        over = sum(each.memory_used > guard * each.memory_capacity for each in self.readings)
        return over / len(self.readings) if self.readings else None

    @property
    def memory_peak(self) -> float | None:
        """The largest share of the memory that was read in use."""
        return max((each.memory_used / each.memory_capacity for each in self.readings), default=None)

    @property
    def others(self) -> tuple[float, int]:
        """Cores and bytes that other processes are taken to use all the time: the least that was read.

        Of the CPU, the fifth percentile: single readings of none say nothing.
        """
        cpu = sorted(each.cpu_used for each in self.readings)
        memory = min((each.memory_used for each in self.readings), default=0)
        return (cpu[int(_EASED * len(cpu))] if cpu else 0.0), memory


def read_trial(ledger: Ledger, since: float, until: float, observed_since: float) -> Trial:
    """The runs that were submitted from ``since`` to ``until``; the coordinator observes as of
    ``observed_since``.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    ended = [row for row in ledger.usages(since=since) if since <= row.submitted_at <= until]
    cycles = ledger.recorded_cycles(since=observed_since, until=until)
    found = decided(cycles, since, until)
    workload = workload_of(ended, ledger.works(), {}, ledger.safe_url)
    kept = {run.run_id for run in workload.runs}
    return Trial(
        since=since,
        until=until,
        book=recorded_book(ledger) or PolicyBook(version=1),
        workload=Workload.of(workload.name, (_prior(run, found.priorities) for run in workload.runs)),
        usages={row.run_id: row for row in ended if row.run_id in kept},
        left_out=Counter(row.status for row in ended if row.run_id not in kept),
        killed=sum(row.out_of_memory is not None for row in ended),
        decided=found,
        readings=ledger.readings(since, until),
    )


def _prior(run: TracedRun, priorities: Mapping[str, int]) -> TracedRun:
    priority = priorities.get(run.run_id, 0)
    return replace(run, priority=priority) if priority else run
