"""A list of numbers, callers or CLIs in memory."""

import re
from collections.abc import Iterable

LIST_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


class NumberList:
    """Answers whether an entry is on the list, exactly or by a prefix (written `+49900*`).

    Immutable: an import makes a new one. Costs about 100 bytes an entry; a nation's registry needs
    the memory-mapped kind.
    """

    __slots__ = ("_exact", "_prefix_lengths", "_prefixes")

    def __init__(self, entries: Iterable[str] = ()) -> None:
        exact, prefixes = set(), set()
        for entry in entries:
            if entry.endswith("*") and len(entry) > 1:
                prefixes.add(entry[:-1])
            else:
                exact.add(entry)
        self._exact = frozenset(exact)
        self._prefixes = frozenset(prefixes)
        self._prefix_lengths = tuple(sorted({len(prefix) for prefix in prefixes}))

    def __contains__(self, key: str) -> bool:
        if key in self._exact:
            return True
        for length in self._prefix_lengths:  # noqa: SIM110  a generator costs twice as much
            if key[:length] in self._prefixes:
                return True
        return False

    def __len__(self) -> int:
        return len(self._exact) + len(self._prefixes)
