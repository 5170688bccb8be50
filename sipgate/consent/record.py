"""The record of a consent, or of its revocation."""

import re
from dataclasses import dataclass, field

MAX_WORD = 64  # characters of purpose, channel, source and basis
MAX_TEXT = 256  # of organisation, the source's particulars and reasons
MAX_EVIDENCE = 4096

_GAP = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """That somebody agreed to be called, or that somebody no longer does.

    `callee` is the number in E.164. `organisation` is on whose behalf calls may be made, None:
    anybody's. `channel` is how, None: in any way. `source` is the kind of place where it was got,
    with where, when and how that was; `evidence` is a text, a URI or a SHA-256; `basis` is what it
    rests on, such as `explicit`. Words are as `plain_word` makes them.

    Times are calendar seconds. From `expires` on it no longer holds, from `revoked` on neither it
    nor any earlier one. `granted` is None where only the revocation is on record, and `reason` is
    why. `id` is its place in the store, 0 before it has one.
    """

    callee: str
    purpose: str
    organisation: str | None = None
    channel: str | None = None
    source: str | None = None
    source_where: str | None = None
    source_time: float | None = None
    source_how: str | None = None
    evidence: str | None = None
    basis: str | None = None
    granted: float | None = None
    expires: float | None = None
    revoked: float | None = None
    reason: str | None = None
    id: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        assert self.granted is not None or self.revoked is not None, "a record of nothing"

    def is_revoked(self, time: float) -> bool:
        """Whether it has been revoked at a calendar time."""
        return self.revoked is not None and self.revoked <= time

    def is_expired(self, time: float) -> bool:
        """Whether it has expired at a calendar time; at the exact instant it has."""
        return self.expires is not None and self.expires <= time

    def holds(self, time: float) -> bool:
        """Whether it is neither revoked nor expired; a newer record may have superseded it."""
        return not self.is_revoked(time) and not self.is_expired(time)


def plain_word(text: str) -> str | None:
    """`Web Form`, `web_form` and `web-form` as one word, `web-form`; None for what is none."""
    word = _GAP.sub("-", text.strip().casefold()).strip("-")
    return word if 0 < len(word) <= MAX_WORD and word.isprintable() else None
