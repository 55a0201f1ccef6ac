"""Whether the ledger of an installation can be written, what waits for it, and who launches runs."""

from dataclasses import dataclass
from pathlib import Path

from adaptive_assets.cli.installation import Installation


@dataclass(frozen=True, slots=True)
class LedgerState:
    """``error`` says why the ledger cannot be read, ``unwritable`` why not written.

    ``waiting`` entries are kept in ``outbox`` by daemons, those that are being written included.  ``holder``
    is the daemon that holds the lease, and launches runs; ``gone`` if its process has ended.
    """

    url: str | None
    error: str | None
    unwritable: str | None
    outbox: Path
    waiting: int
    holder: str | None = None
    gone: bool = False


def ledger_state(installation: Installation, error: str | None) -> LedgerState:
    """Look at the ledger, and try a write of no consequence where our coordinator is in charge."""
    from adaptive_assets.coordinator.lease import NAME, Holder
    from adaptive_assets.ledger import LedgerError
    from adaptive_assets.ledger.outbox import DIRECTORY, waiting_in

    ledger, unwritable, holder = installation.ledger, None, None
    if ledger is not None and installation.settings is not None:
        try:
            ledger.probe()
        except LedgerError as failed:
            unwritable = str(failed)
        try:
            row = None if error else ledger.lease(NAME)
            holder = Holder.of_text(row.holder) if row else None
        except LedgerError:
            holder = None  # that it cannot be read has been found already
    outbox = Path(installation.instance.root_directory, DIRECTORY)
    return LedgerState(
        url=ledger.safe_url if ledger else None,
        error=error,
        unwritable=unwritable,
        outbox=outbox,
        waiting=waiting_in(outbox),
        holder=str(holder) if holder else None,
        gone=holder is not None and holder.is_gone,
    )
