"""What can go wrong with a store."""


class StoreError(Exception):
    """The store can't be used as it is; the text says where and why."""


class StoreOwnedError(StoreError):
    """Another process owns the store."""


class NoOwner(StoreError):
    """Nobody owns the store, so there is nobody to ask."""


class RequestError(StoreError):
    """The owner says no. Raised by a handler in the owner, raised again in the client."""
