"""The attempt: all that the gate knows about a call before it lets it out."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

CalleeKind: TypeAlias = Literal["number", "short", "emergency", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to set up one call, as the rules see it.

    `caller` is `source/identity`, such as `hq/4711`. `callee` is the key that limits and lists go
    by: E.164 with its plus, the digits of a short number, or the cleaned spelling of what can't be
    read; `callee_spelled` is what was dialled. `to_number` is a number in To that is not the
    callee's, else None. `callee_country` is the number's, for what can't be read that of the
    source; else None. `cseq` is the number of the INVITE that is being decided. `lead_region`
    (`US-FL`) and `lead_zone` are what a trusted source says of where the callee is. `asserted` is
    the number that a trusted source asserts, `is_anonymous` that the call shows none, and
    `owned_clis` are the caller's own numbers; None: nobody has said which.
    """

    source: str
    caller: str
    organisation: str
    campaign: str | None = None
    cli: str | None = None
    callee: str
    callee_kind: CalleeKind
    callee_spelled: str
    callee_country: str | None = None
    to_number: str | None = None
    call_id: str
    from_tag: str
    cseq: int
    user_agent: str | None = None
    lead_region: str | None = None
    lead_zone: str | None = None
    asserted: str | None = None
    is_anonymous: bool = False
    owned_clis: frozenset[str] | None = None
