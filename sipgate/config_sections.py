"""The sections of `sipgate.toml`: every key with its default, limits, unit and one sentence.

`docs/configuration.md` is generated from the fields here (`config_page.py`). Keys that the design
has and this version hasn't stand in each section's `LATER`: known, and refused by name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from sipgate.config_values import (
    ANY,
    BY_CERTIFICATE,
    EVERYWHERE,
    SIP_PORT,
    Address,
    Beat,
    DialPattern,
    DialPrefix,
    Digits,
    Duration,
    ExistingFile,
    FilePath,
    HeaderName,
    Host,
    HttpsUrl,
    Identity,
    ListenAddress,
    Name,
    Network,
    OwnNumber,
    Prefix,
    PublicAddress,
    Realm,
    Region,
    Shown,
    SipTarget,
    State,
    StoreUrl,
    Text,
    TimeZone,
    not_yet,
)


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Section(BaseModel):
    """What all sections have in common: frozen, strict, keys with hyphens."""

    model_config = ConfigDict(
        alias_generator=_kebab,
        arbitrary_types_allowed=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        strict=True,
    )
    LATER: ClassVar[Mapping[str, str]] = {}  # known key -> what it belongs to


class Gate(Section):
    """The gate as a whole."""

    LATER = {
        "on-state-failure": "Redis",
        "privacy": "hashed callees",
        "min-free-disk": "the watch on free disk space",
    }

    name: Name = Field("gate-1", description="The gate's name; a decision's id begins with it.")
    mode: Literal["enforce", "monitor"] = Field(
        "enforce",
        description="`monitor` lets every call through and records what would have happened.",
    )
    policy: ExistingFile = Field(description="The policy file.")
    store: StoreUrl = Field(
        "sqlite:///var/sipgate.db",
        validate_default=True,
        description="Where decisions, outcomes and lists are kept.",
    )
    state: State = Field(
        "memory", description="Where counters live; they are rebuilt from the store at start."
    )
    on_store_failure: Literal["refuse", "pass"] = Field(
        "refuse",
        description="What new calls get while their evidence can't be written:"
        " 503, or through without it. Emergency calls always pass.",
    )
    unknown_source: Literal["drop", "403"] = Field(
        "drop",
        description="What a request gets that no source matches;"
        " `sipgate strangers` lists it anyway.",
    )
    aliases: tuple[Host, ...] = Field(
        (), description="More host names that mean this gate in a Request-URI or Route."
    )
    max_call: Duration = Field(
        14400.0,
        ge=60.0,
        le=604800.0,
        description="How long an answered call without a BYE stays in the table and is counted.",
    )
    session_timer: Duration | None = Field(
        None,
        ge=90.0,
        le=86400.0,
        description="Asks for sessions that are refreshed that often (RFC 4028), so that a call"
        " whose BYE was lost ends; without it only timers that the phones agree on are seen.",
        json_schema_extra={"default-text": "none is asked for"},
    )
    drain_timeout: Duration = Field(
        30.0, ge=0.0, le=3600.0, description="How long SIGTERM waits for calls being set up."
    )
    timezone: TimeZone = Field(
        "UTC", description="Where a policy's calendar days begin, if the policy doesn't say."
    )
    key_file: FilePath = Field(
        default_factory=lambda data: _store_path(data.get("store", "")).with_name("sipgate.key"),
        description="The secret behind branches and dialog tokens; made at first start, mode 0600.",
        json_schema_extra={"default-text": "`sipgate.key` beside the store"},
    )

    @property
    def store_path(self) -> Path:
        """The SQLite file of `store`."""
        return _store_path(self.store)


def _store_path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


class Listen(Section):
    """One address that the gate listens on; at least one."""

    transport: Literal["udp", "tcp", "tls"] = Field("udp", description="The transport.")
    address: ListenAddress = Field(
        Address("0.0.0.0", SIP_PORT),
        description="Address and port of this machine; the usual port for TLS is 5061.",
    )
    advertise: PublicAddress | None = Field(
        None,
        description="What Via and Record-Route say, where peers know the gate by another address.",
        json_schema_extra={"default-text": "the address itself"},
    )
    certificate_file: ExistingFile | None = Field(
        None, description="For TLS: the gate's certificate, PEM, with what leads to its authority."
    )
    key_file: ExistingFile | None = Field(
        None,
        description="For TLS: its key, PEM, without a password.",
        json_schema_extra={"default-text": "in `certificate-file`"},
    )
    ca_file: ExistingFile | None = Field(
        None,
        description="For TLS: the authorities that client certificates must come from.",
        json_schema_extra={"default-text": "the machine's"},
    )
    verify_client: Literal["no", "request", "require"] = Field(
        "no",
        description="For TLS: whether peers are asked for a certificate; `require` lets nobody in"
        " without one.",
    )


class LeadHeaders(Section):
    """The headers by which a source says where the called person is."""

    region: HeaderName | None = Field(
        None, description="The header with a region by ISO 3166-2, such as `US-FL`."
    )
    timezone: HeaderName | None = Field(
        None, description="The header with a time zone, such as `America/New_York`."
    )


class Source(Section):
    """Where SIP comes from: a PBX, a trunk, a subnet of softphones; at least one."""

    name: Name = Field(description="The source's name: callers are written `NAME/identity`.")
    match: tuple[Prefix, ...] = Field(
        min_length=1,
        description="Addresses and networks that belong to it; of several sources the longest"
        " prefix wins, and two with an equal prefix are an error. `any`, with a `realm`: whoever"
        " no other source matches. `tls:NAME`: who shows a client certificate with that name, from"
        " wherever.",
    )
    realm: Realm | None = Field(
        None,
        description="Whose password is asked for (digest); it goes with the identity `digest`.",
    )
    identity: tuple[Identity, ...] = Field(
        ("p-asserted-identity", "from"),
        min_length=1,
        description="What says who is calling, the first that gives a name wins; the two P- headers"
        " only from a trusted source, `source` makes the whole source one caller.",
    )
    trusted: bool = Field(
        False,
        description="Whether its P-Asserted-Identity, campaign and lead headers are believed.",
    )
    decide: bool = Field(
        True,
        description="`false` for the trunk or PBX whose calls come in: recorded, never decided.",
    )
    region: Region | None = Field(
        None,
        description="Where its numbers are dialled: how they are read, and what an emergency is.",
        json_schema_extra={"default-text": "the policy's"},
    )
    area_code: Digits | None = Field(None, description="Completes a local number.")
    international_prefix: DialPrefix | None = Field(
        None,
        description="What is dialled before a country code.",
        json_schema_extra={"default-text": "the region's"},
    )
    outside_line: tuple[DialPrefix, ...] = Field(
        (), description="Prefixes that only reach the outside line, such as 9."
    )
    extensions: tuple[DialPattern, ...] = Field(
        (),
        description="Patterns of internal numbers, `47xx`; with none, up to five digits are short.",
    )
    short_codes: tuple[DialPattern, ...] = Field((), description="Further numbers that are short.")
    organisation: Text | None = Field(
        None,
        description="On whose behalf its callers call.",
        json_schema_extra={"default-text": "the source's name"},
    )
    campaign_header: HeaderName | None = Field(
        None, description="The header that says what a call is for, such as `X-Campaign`."
    )
    lead_headers: Annotated[LeadHeaders, Shown("table of `region`, `timezone`: header names")] = (
        Field(
            LeadHeaders(),
            description="The headers, if it is trusted, that say better than the number where the"
            ' called person is: `{region = "X-Lead-Region", timezone = "X-Lead-Timezone"}` with'
            " values such as `US-FL` and `America/New_York`. They decide which hours and regional"
            " rules hold.",
            json_schema_extra={"default-text": "none"},
        )
    )
    callers: Literal["any", "listed"] = Field(
        "any",
        description="`listed` makes all who are no `[[caller]]` one caller, `NAME/unlisted`, which"
        " may have an entry of its own.",
    )
    registrations: Literal["pass", "refuse", "path", "contact"] = Field(
        "pass",
        description="`pass` forwards REGISTER as it is, `refuse` gives it 403; `contact` puts the"
        " gate in place of the phone's address, so that calls to the phone come through the gate,"
        " `path` does that by a Path header for phones that support it.",
    )
    mode: Annotated[Literal["proxy"], not_yet(redirect="redirect")] = Field(
        "proxy", description="How it is served."
    )
    nat: bool = Field(False, description="Treats a Via without rport as if it had it (RFC 3581).")
    routes: bool = Field(False, description="Whether it may send a Route set of its own.")
    accept_tags: bool = Field(
        False, description="Believes `X-SipGate-*`: there is another gate in front."
    )
    uri_lists: bool = Field(
        False, description="May name several callees in one request, of which one is decided on."
    )
    to_mismatch: Literal["allow", "reject"] = Field(
        "allow", description="`reject` refuses an INVITE whose To has another number."
    )
    e164: bool = Field(False, description="Numbers go out as they were read, `+13055550123`.")
    strip: int = Field(
        0, ge=0, le=15, description="Characters taken off a number before it goes out."
    )
    prefix: DialPrefix | None = Field(
        None, description="What is put in front of a number before it goes out, after `strip`."
    )
    upstream: Name | None = Field(
        None,
        description="The `[[upstream]]` that its calls go to.",
        json_schema_extra={"default-text": "the only one there is"},
    )

    @property
    def certificates(self) -> tuple[str, ...]:
        """The names of `match` that are proven by a certificate: `tls:NAME`."""
        return tuple(
            one.removeprefix(BY_CERTIFICATE)
            for one in self.match
            if isinstance(one, str) and one.startswith(BY_CERTIFICATE)
        )

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks of `match`; `any` is all of both families, certificates are none."""
        return tuple(
            network
            for one in self.match
            for network in (EVERYWHERE if one == ANY else (one,))
            if not isinstance(network, str)
        )


class Upstream(Section):
    """Where allowed calls go; at least one."""

    name: Name = Field(description="The upstream's name.")
    targets: tuple[SipTarget, ...] = Field(
        min_length=1,
        description="Where it is, best first. A name without a port is located by NAPTR and SRV"
        " (RFC 3263) and may be several places. `callee` is the built-in test callee.",
    )
    select: Literal["failover", "round-robin"] = Field(
        "failover",
        description="Which living target an INVITE tries first: the first one, or each in turn.",
    )
    probe: Beat | None = Field(
        None,
        le=3600.0,
        description="How often OPTIONS asks each target whether it lives.",
        json_schema_extra={"default-text": "30s with several targets or a name, else never"},
    )
    answer_within: Duration = Field(
        4.0,
        ge=0.5,
        le=30.0,
        description="How long a target may be silent, without even a 100, before the next one is"
        " tried.",
    )
    large_requests: Literal["udp", "tcp"] = Field(
        "udp",
        description="`tcp` sends requests over 1,300 bytes to a UDP target over TCP, same host and"
        " port; without a connection within 500 ms over UDP after all, for 5 minutes.",
    )
    plan: ExistingFile | None = Field(
        None,
        description="What the built-in callee does for which number.",
        json_schema_extra={"default-text": "it answers every call"},
    )
    trusted: bool = Field(
        True,
        description="`false` removes P-Asserted-Identity where the caller asked for privacy.",
    )
    tags: Literal["id", "full", "none"] = Field(
        "id",
        description="What X-SipGate-Verdict says: `id` the decision's id, `full` rule and policy"
        " too, `none` nothing.",
    )
    sips: Literal["refuse", "downgrade"] = Field(
        "refuse",
        description="What a sips call gets where no target is TLS: 480, or its URI becomes sip.",
    )
    ca_file: ExistingFile | None = Field(
        None,
        description="For TLS: the authorities that its certificate must come from.",
        json_schema_extra={"default-text": "the machine's"},
    )
    certificate_file: ExistingFile | None = Field(
        None, description="For TLS: the gate's own certificate, where the upstream asks for one."
    )
    key_file: ExistingFile | None = Field(
        None,
        description="For TLS: its key.",
        json_schema_extra={"default-text": "in `certificate-file`"},
    )
    server_name: Host | None = Field(
        None,
        description="For TLS: the name that its certificate must prove.",
        json_schema_extra={"default-text": "the target's host"},
    )


class Caller(Section):
    """What is known of one caller; none is needed."""

    id: Text = Field(description="`SOURCE/identity`, as `sipgate calls` shows it.")
    organisation: Text | None = Field(
        None,
        description="On whose behalf it calls.",
        json_schema_extra={"default-text": "its source's"},
    )
    campaign: Text | None = Field(
        None, description="What its calls are for, where no campaign header says it."
    )
    clis: tuple[OwnNumber, ...] | None = Field(
        None,
        description="The numbers that it may show, for `identity` rules: as its phone writes them,"
        " or a block by its first digits, `+4930901*`. An empty list: none.",
        json_schema_extra={"default-text": "nobody has said which"},
    )
    password_file: ExistingFile | None = Field(
        None,
        description="Its password, hashed: made by `sipgate password`. For a source with a realm.",
    )


class Redress(Section):
    """The signed card that a 608 points to (RFC 8688), with the policy's contact; not required."""

    card_url: HttpsUrl = Field(
        description="Where callers read it: an https URL at your web server."
    )
    card_file: FilePath = Field(
        description="The file behind that URL; the gate writes it anew when it refuses with 608."
    )
    key_file: ExistingFile = Field(
        description="The key that signs it: EC, P-256, PEM, without a password."
    )
    certificate_url: HttpsUrl = Field(
        description="Where that key's certificate is (`x5u`): an https URL."
    )


class Limits(Section):
    """What a peer may send before it is refused or dropped."""

    max_message_bytes: int = Field(
        65535, ge=1500, le=16777216, description="Longest message; bytes."
    )
    max_headers: int = Field(256, ge=32, le=4096, description="Most header lines in a message.")
    max_header_bytes: int = Field(
        8192, ge=512, le=65535, description="Longest header, folded lines included; bytes."
    )
    max_vias: int = Field(70, ge=8, le=256, description="Most Via values in a message.")
    connections: int = Field(
        2048,
        ge=1,
        le=65535,
        description="Most TCP connections open at once, in each direction; of those that came in, "
        "one address may hold half.",
    )
    packets_per_second: int = Field(
        5000,
        ge=1,
        le=1_000_000,
        description="New requests a second from one address of a source, in bursts of as many; "
        "what is over waits for its retransmission, over TCP it gets 503.",
    )
    stranger_packets_per_second: int = Field(
        50,
        ge=1,
        le=1_000_000,
        description="Packets a second that are looked at from an address that is no source's, or "
        "only that of `any` and where no password was right yet, in bursts of as many; the others "
        "are counted and thrown away.",
    )
    transactions_per_source: int = Field(
        10_000,
        ge=10,
        le=1_000_000,
        description="Requests of one source without a final response, calls that ring included; "
        "with as many open, new ones get 503.",
    )
