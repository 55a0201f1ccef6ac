"""The ledger: an append-only record of what happened and why, in SQLite or PostgreSQL.

Nothing here knows Dagster: whoever opens a :class:`Ledger` hands over its URL.
"""

from adaptive_assets.ledger.entries import Stamp
from adaptive_assets.ledger.errors import LedgerAwayError, LedgerError, NoLedgerError
from adaptive_assets.ledger.location import at_home, ledger_url, sqlite_ledger_url
from adaptive_assets.ledger.outbox import Outbox
from adaptive_assets.ledger.rows import (
    ActivationRow,
    DecisionRow,
    FaultRow,
    LedgerStatus,
    OutOfMemory,
    RunUsageRow,
)
from adaptive_assets.ledger.run_requests import RequestState, RunRequestRow
from adaptive_assets.ledger.store import Ledger
from adaptive_assets.ledger.writer import LedgerWriter

__all__ = [
    "ActivationRow",
    "DecisionRow",
    "FaultRow",
    "Ledger",
    "LedgerAwayError",
    "LedgerError",
    "LedgerStatus",
    "LedgerWriter",
    "NoLedgerError",
    "OutOfMemory",
    "Outbox",
    "RequestState",
    "RunRequestRow",
    "RunUsageRow",
    "Stamp",
    "at_home",
    "ledger_url",
    "sqlite_ledger_url",
]
