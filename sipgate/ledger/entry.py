"""The ledger's entries and their canonical form.

Canonical form: JSON with sorted keys and without white space, in UTF-8, made of integers, text,
booleans and null only. With ASCII keys and integers up to 2**53 that is what RFC 8785 asks for, so
the bytes that are stored are the bytes that a proof hashes. One line each: JSON escapes newlines.
Times in `…_us` are microseconds: `time_us` on the calendar since 1970-01-01 UTC, `boot_us` on the
boot-time clock of the boot that `boot` names.
"""

from typing import Literal, TypeAlias

import msgspec

Scalar: TypeAlias = int | str | bool | None
Verdict: TypeAlias = Literal["allow", "tag", "reject"]
CalleeKind: TypeAlias = Literal["number", "short", "emergency", "unreadable"]
Direction: TypeAlias = Literal["outbound", "inbound"]
OutcomeKind: TypeAlias = Literal[
    "answered", "cancelled", "busy", "refused", "blocked", "unanswered", "failed", "lost"
]
EndedBy: TypeAlias = Literal["caller", "callee", "gate", "lost"]

MAX_INTEGER = 2**53 - 1  # RFC 8785 §3.2.2.3 through RFC 7493: larger ones need not survive


class Stamped(msgspec.Struct, kw_only=True, gc=False):
    """What every entry has: its number, and when it was made by both clocks.

    `seq` is given by `Ledger.append`; 0 means not yet appended.
    """

    seq: int = 0
    time_us: int
    boot: str
    boot_us: int


class Would(msgspec.Struct, kw_only=True, gc=False, frozen=True):
    """What a policy in monitor mode would have done."""

    verdict: Verdict
    rule: str | None = None
    reason: str | None = None


class DecisionEntry(Stamped, kw_only=True, gc=False, tag_field="type", tag="decision"):
    """The gate's answer to one attempt, with all that a rebuild needs.

    `id` is `GATE-SEQ`, given by `Ledger.append`. `method` is `REFER` where the caller asked
    somebody else to place the call, and `request_uri` then what Refer-To said. `via` is sent-by
    and branch of the caller's top Via with a `;` between; `target` and `caller_flow` look like
    `udp:127.0.0.1:5070`. `lead_region`, `lead_zone`, `asserted` and `anonymous` are those of the
    attempt. `transfer`: a call that is up goes to somebody else, which is recorded and not counted.
    `retry_after` is seconds, `redress` what a 603+ said. Each step has `rule` and `held` and the
    values that the rule saw.
    """

    id: str = ""
    gate: str
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
    anonymous: bool = False
    via: str
    method: str = "INVITE"
    request_uri: str
    target: str | None = None
    caller_flow: str
    caller_contact: str | None = None
    direction: Direction = "outbound"
    emergency: bool = False
    transfer: bool = False
    verdict: Verdict
    rule: str | None = None
    code: int | None = None
    reason: str | None = None
    retry_after: int | None = None
    redress: str | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    would: Would | None = None
    policy: str
    revision: str
    policy_sha256: str
    steps: list[dict[str, Scalar]] = msgspec.field(default_factory=list)


class AnsweredEntry(Stamped, kw_only=True, gc=False, tag_field="type", tag="answered"):
    """A 2xx came.

    `routes` are the Record-Route lines of its dialog where there are others than ours. `decision`
    is the decision's `seq`; `session_expires` is in seconds.

    `target` is the one that answered; the decision's is the one of first choice.
    """

    decision: int
    to_tag: str
    contact: str | None = None
    session_expires: int | None = None
    routes: list[str] = msgspec.field(default_factory=list)
    target: str | None = None


class OutcomeEntry(Stamped, kw_only=True, gc=False, tag_field="type", tag="outcome"):
    """What became of an attempt that was let through.

    `info_digits` are those that the caller sent in INFO after the answer, as for a calling card.
    `status` is the final response that decided `kind`; `end_status` is the one that the caller
    got, from which the window for retries counts. `cancelled` with `answered`: the 2xx and the
    CANCEL crossed.
    """

    decision: int
    kind: OutcomeKind
    status: int | None = None
    answered_us: int | None = None
    ring_ms: int | None = None
    talk_ms: int | None = None
    ended_by: EndedBy | None = None
    cancelled: bool = False
    reason: str | None = None
    end_status: int | None = None
    info_digits: int = 0


class ActEntry(Stamped, kw_only=True, gc=False, tag_field="type", tag="act"):
    """Something that was done to the gate: policy loaded, list imported, clock jumped."""

    kind: str
    by: str
    detail: dict[str, Scalar] = msgspec.field(default_factory=dict)


Entry: TypeAlias = DecisionEntry | AnsweredEntry | OutcomeEntry | ActEntry

_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)

encode_entry = _ENCODER.encode
"""The canonical bytes of an entry; ValueError for text that is no Unicode (lone surrogates)."""


def decode_entry(body: bytes) -> Entry:
    """Read an entry back; msgspec.ValidationError or DecodeError when it is none."""
    return _DECODER.decode(body)
