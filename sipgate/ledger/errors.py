"""What can go wrong with a ledger."""


class LedgerError(Exception):
    """The store can't be read or written, or isn't the one that it was."""


class LedgerFullError(Exception):
    """So many entries wait for the disk that no more are taken."""
