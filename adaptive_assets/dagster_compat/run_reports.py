"""What the process of a run tells in an engine event, written there and read by the coordinator."""

from dataclasses import dataclass

import dagster as dg
from dagster._core.events import EngineEventData

CPU_SECONDS = "adaptive/cpu_seconds"
MEMORY_PEAK = "adaptive/memory_peak"


@dataclass(frozen=True, slots=True)
class TakenByRun:
    """What a run took, as its own process told: CPU in core-seconds, memory in bytes at the peak."""

    cpu_seconds: float
    memory: int

    @property
    def metadata(self) -> dict[str, dg.MetadataValue]:
        """As an event carries it."""
        return {
            CPU_SECONDS: dg.MetadataValue.float(self.cpu_seconds),
            MEMORY_PEAK: dg.MetadataValue.int(self.memory),
        }


def report_taken(instance: dg.DagsterInstance, run: dg.DagsterRun, taken: TakenByRun) -> None:
    """Put what ``run`` took into its events."""
    said = f"{taken.cpu_seconds:.1f} core-seconds and {taken.memory / 2**20:.0f} MiB of memory"
    instance.report_engine_event(f"The run took {said}.", run, EngineEventData(taken.metadata))


def taken_by_run(instance: dg.DagsterInstance, run_id: str) -> TakenByRun | None:
    """What the process of the run has told that it took; ``None`` if it told nothing."""
    page = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    for record in reversed(page.records):
        event = record.event_log_entry.dagster_event
        told = event.engine_event_data.metadata if event else {}
        cpu, memory = told.get(CPU_SECONDS), told.get(MEMORY_PEAK)
        if isinstance(cpu, dg.FloatMetadataValue) and isinstance(memory, dg.IntMetadataValue):
            return TakenByRun(cpu.value or 0.0, memory.value or 0)
    return None
