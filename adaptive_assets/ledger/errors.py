"""The error of the ledger, and a kind of it."""

__all__ = ["LedgerError", "LostCheckpointError"]


class LedgerError(Exception):
    """The ledger cannot be opened, read or written.

    The message names the ledger by its masked URL, what was being done, and the cause.  It holds no secret,
    and neither does anything chained to it: the driver's own exception is never attached.
    """


class LostCheckpointError(LedgerError):
    """What a snapshot is to be compared with is not in the ledger: it was replaced since."""
