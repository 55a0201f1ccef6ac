"""What is read from the ledger, as plain values.  Times are POSIX seconds, sizes bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adaptive_assets.planning.snapshot import Declaration, MachineReading

__all__ = [
    "ActivationRow",
    "DecisionRow",
    "FaultRow",
    "LedgerStatus",
    "OutOfMemory",
    "RunUsageRow",
    "Stances",
]


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision: on the run ``run_id``, or (where that is ``None``) on the ``runs`` of a kind that wait.

    ``work`` holds the fields of ``planning.Work``; ``reasons`` are mappings with ``code``, ``sentence`` and
    ``numbers``, of which the first one is repeated in ``reason`` and ``sentence``.  ``run_ids`` names at most
    the first twenty runs.
    """

    id: int
    cycle_id: int
    at: float
    node: str
    revision: str
    verdict: str
    run_id: str | None
    work_key: str
    work: Mapping[str, object]
    policy: str
    tier: str
    mode: str
    parameters: Mapping[str, object]
    reason: str
    sentence: str
    reasons: tuple[Mapping[str, object], ...]
    runs: int
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """Why a run is held to have been killed for want of memory.

    Dagster found at ``killed_at`` that one of its processes was ended by SIGKILL, and between ``since`` and
    ``until`` the kernel's count of such kills, in the file ``counter``, rose by ``kills``.
    """

    killed_at: float
    counter: str
    kills: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class RunUsageRow:
    """What one run that ended took of the machine; ``None`` where it could not be seen.

    ``status`` is Dagster's word (``SUCCESS``, ``FAILURE``, ``CANCELED``).  ``input_size`` is in whatever unit
    the kind of work counts its input by.  ``root_run_id`` is the first run of those that it repeats, if it
    does; ``out_of_memory`` the evidence, if it was killed for that; ``declared`` what was said that it takes.
    """

    run_id: str
    work_key: str
    policy: str
    mode: str
    node: str
    status: str
    submitted_at: float
    launched_at: float | None
    started_at: float | None
    ended_at: float
    cpu_seconds: float | None = None
    memory_peak: int | None = None
    io_read: int | None = None
    io_write: int | None = None
    input_size: float | None = None
    root_run_id: str | None = None
    out_of_memory: OutOfMemory | None = None
    declared: Declaration | None = None


@dataclass(frozen=True, slots=True)
class ActivationRow:
    """A policy book that came into force, and where it was read from."""

    at: float
    revision: str
    source: str


@dataclass(frozen=True, slots=True)
class FaultRow:
    """The same fault of the same part, seen ``times`` times from ``first_at`` to ``at``."""

    at: float
    first_at: float
    node: str
    part: str
    message: str
    times: int


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """The ledger at a glance; ``None`` and empty where nothing was recorded yet.

    ``cycle_id``, ``at``, ``node``, ``revision``, ``queued`` and ``active`` are those of the last cycle.
    ``counts`` gives runs by verdict: under ``defer`` those that the last cycle left waiting, under the others
    those decided in the hour before it (or before the time asked for).  A cycle is recorded when something
    changes: ``reading`` is the better sign of life.  ``faults`` are the recent ones, the newest first.
    """

    cycle_id: int | None = None
    at: float | None = None
    node: str | None = None
    revision: str | None = None
    queued: int = 0
    active: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    reading: MachineReading | None = None
    reading_node: str | None = None
    activation: ActivationRow | None = None
    faults: tuple[FaultRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Stances:
    """Decisions in force: (verdict, mode, the codes of all reasons).

    ``runs`` has the last decision on each run, ``ids`` its row; ``kinds`` the last deferrals of each kind of
    work, by its key.
    """

    runs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ids: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
