"""What ``adaptive status`` found: the policy book in force, daemon, queue and ledger."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adaptive_assets.cli.status_ledger import LedgerState
    from adaptive_assets.coordinator.weight_watch import Weighting
    from adaptive_assets.ledger import LedgerStatus
    from adaptive_assets.policy import Guards, Problem


@dataclass(frozen=True, slots=True)
class Governed:
    """The policy book in force and the file that it should be read from; ``None`` where none is configured.

    ``in_force`` and ``since`` are ``None`` before the first cycle; ``written`` is the revision of what the
    file says now, ``None`` when it is refused: then ``refused`` says why.
    """

    file: Path | None
    in_force: str | None
    since: float | None
    written: str | None
    refused: "tuple[Problem, ...]" = ()


@dataclass(frozen=True, slots=True)
class Modes:
    """The coordinator's mode in ``dagster.yaml``, and the one that the daemon noted last, with since when."""

    configured: str
    running: str | None = None
    since: float | None = None

    @property
    def observes(self) -> bool:
        """Whether nothing is held now."""
        return (self.running or self.configured) == "observe"


@dataclass(frozen=True, slots=True)
class Daemon:
    """The dequeue daemon, in whose passes the cycles run."""

    beat_at: float | None
    alive: bool
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs in Dagster's storage at this moment: ``unseen`` ones carry none of our tags."""

    held: int
    admitted: int
    unseen: int
    active: int


@dataclass(frozen=True, slots=True)
class Status:
    """What ``adaptive status`` says; ``governed`` is ``None`` where another coordinator is in charge."""

    at: float
    home: Path
    coordinator: str
    ledger: "LedgerStatus | None"
    ledger_state: "LedgerState"
    governed: Governed | None
    guards: "Guards | None"
    daemon: Daemon
    queue: Queue
    weights: "Weighting | None" = None
    """Whether CPU weights are in force; ``None`` before the first cycle, and where that cannot be read."""
    mode: Modes | None = None
    problems: tuple[str, ...] = ()

    @property
    def daemon_faults(self) -> tuple[str, ...]:
        """What a living daemon found in the last minutes and the ledger does not tell."""
        recorded = (
            {f"{fault.part}: {fault.message}" for fault in self.ledger.faults} if self.ledger else set()
        )
        errors = dict.fromkeys(self.daemon.errors if self.daemon.alive else ())
        # of the policy file `governed` says more, and is never late
        return tuple(one for one in errors if one not in recorded and not one.startswith("policy: "))

    @property
    def cycle_at(self) -> float | None:
        """When cycles were last seen at work: they record decisions that change, and a reading every 15 s."""
        if self.ledger is None:
            return None
        read_at = self.ledger.reading.at if self.ledger.reading else None
        return max((at for at in (self.ledger.at, read_at) if at is not None), default=None)
