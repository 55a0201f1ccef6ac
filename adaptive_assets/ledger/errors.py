"""The one error of the ledger."""

__all__ = ["LedgerError"]


class LedgerError(Exception):
    """The ledger cannot be opened, read or written.

    The message names the ledger by its masked URL, what was being done, and the cause.  It holds no secret,
    and neither does anything chained to it: the driver's own exception is never attached.
    """
