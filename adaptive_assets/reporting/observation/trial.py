"""What a ledger holds of a time in which the coordinator only observed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from adaptive_assets.ledger import Ledger, RunUsageRow
from adaptive_assets.ledger.recorded_cycles import RecordedCycle
from adaptive_assets.planning.snapshot import MachineReading
from adaptive_assets.policy import PolicyBook
from adaptive_assets.reporting.observation.decided import Decided, decided
from adaptive_assets.simulation.traces.recorded import recorded_book, workload_of
from adaptive_assets.simulation.traces.trace import TracedRun, Workload


@dataclass(frozen=True, slots=True)
class Trial:
    """Times are POSIX seconds.  ``usages`` are those of the runs of ``workload``, by run id.

    ``left_out`` counts the other runs that ended, by Dagster's status: nobody knows what they would have
    taken.  ``killed`` counts those among all that were killed for want of memory.  ``others`` are the cores
    and bytes that other processes had in use: the medians of what was read less what runs used then.
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
    others: tuple[float, int] = (0.0, 0)

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


def read_trial(ledger: Ledger, since: float, until: float, observed_since: float) -> Trial:
    """The runs that were submitted from ``since`` to ``until``; the coordinator observes as of
    ``observed_since``.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    ended = [row for row in ledger.usages(since=since) if since <= row.submitted_at <= until]
    cycles = ledger.recorded_cycles(since=observed_since, until=until)
    others: list[tuple[float, int]] = []
    found = decided(_with_others(cycles, others), since, until)
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
        others=_medians(others),
    )


def _with_others(cycles: Iterable[RecordedCycle], others: list[tuple[float, int]]) -> Iterator[RecordedCycle]:
    """``cycles``; of each whose runs could all be seen, ``others`` takes in what other processes used."""
    for cycle in cycles:
        snapshot = cycle.snapshot
        if snapshot and snapshot.machine:
            cpu = [run.cpu_used for run in snapshot.active if run.cpu_used is not None]
            memory = [run.memory_used for run in snapshot.active if run.memory_used is not None]
            if len(cpu) == len(memory) == len(snapshot.active):
                machine = snapshot.machine
                others.append(
                    (max(0.0, machine.cpu_used - sum(cpu)), max(0, machine.memory_used - sum(memory)))
                )
        yield cycle


def _medians(others: Sequence[tuple[float, int]]) -> tuple[float, int]:
    if not others:
        return 0.0, 0
    return median(cpu for cpu, _ in others), round(median(memory for _, memory in others))


def _prior(run: TracedRun, priorities: Mapping[str, int]) -> TracedRun:
    priority = priorities.get(run.run_id, 0)
    return replace(run, priority=priority) if priority else run
