"""The error of the ledger, and kinds of it."""


class LedgerError(Exception):
    """The ledger cannot be opened, read or written.

    The message names the ledger by its masked URL, what was being done, and the cause.  It holds no secret,
    and neither does anything chained to it: the driver's own exception is never attached.
    """


class LedgerAwayError(LedgerError):
    """It is the ledger that fails, and not what was to be written: it is locked, full, away."""


class NoLedgerError(LedgerError):
    """There is no ledger where one was looked for, and none was to be made."""


class LostCheckpointError(LedgerError):
    """What a snapshot is to be compared with is not in the ledger: it was replaced since."""
