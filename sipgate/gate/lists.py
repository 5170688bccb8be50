"""Lists of numbers, callers and CLIs, as rules look them up."""

from typing import Protocol

from sipgate.consent import ConsentLookup

REFUSALS = "refusals"  # always exists and has no age


class Entries(Protocol):
    """What is on a list."""

    def __contains__(self, value: str, /) -> bool: ...


class ListLookup(Protocol):
    """Where a `list` rule finds what it asks for; must answer at once, from memory."""

    def holds(self, name: str, value: str) -> bool:
        """Whether `value` is on the list; one that was never imported holds nothing."""
        ...

    def as_of(self, name: str) -> float | None:
        """The date of the list's content in calendar seconds; None when never imported."""
        ...


class Lookups:
    """Where the conditions of rules look up what they don't count."""

    __slots__ = ("consents", "lists")

    def __init__(self, lists: ListLookup, consents: ConsentLookup) -> None:
        self.lists = lists
        self.consents = consents


class MemoryLists:
    """Lists held in memory; an import replaces one whole."""

    def __init__(self) -> None:
        self._lists_by_name: dict[str, tuple[Entries, float]] = {}

    def replace(self, name: str, values: Entries, as_of: float) -> None:
        """Put a list in the place of its predecessor; `as_of` is calendar seconds."""
        self._lists_by_name[name] = (values, as_of)

    def drop(self, name: str) -> None:
        """Forget a list, as if it had never been imported."""
        self._lists_by_name.pop(name, None)

    def holds(self, name: str, value: str) -> bool:
        found = self._lists_by_name.get(name)
        return found is not None and value in found[0]

    def as_of(self, name: str) -> float | None:
        found = self._lists_by_name.get(name)
        return None if found is None else found[1]
