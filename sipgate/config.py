"""What `sipgate.toml` says: every key with its default, limits, unit and one sentence.

`docs/configuration.md` is generated from the fields here (`config_page.py`). Keys that the design
has and this version hasn't stand in each section's `LATER`: known, and refused by name.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sipgate.config_file import (
    ConfigError,
    Problem,
    SettingsFile,
    Steps,
    override,
    problems_in,
    read_settings,
    retype_overrides,
    shown,
    suggestion,
    unknown_variables,
)
from sipgate.config_values import (
    BUILT_IN_CALLEE,
    SIP_PORT,
    Address,
    DialPattern,
    DialPrefix,
    Digits,
    Duration,
    ExistingFile,
    FilePath,
    HeaderName,
    Host,
    Identity,
    ListenAddress,
    Name,
    Network,
    Prefix,
    PublicAddress,
    Region,
    SipTarget,
    State,
    StoreUrl,
    Target,
    Text,
    TimeZone,
    not_yet,
)

__all__ = [
    "Address",
    "Caller",
    "Config",
    "ConfigError",
    "Gate",
    "Limits",
    "Listen",
    "Problem",
    "Source",
    "Target",
    "Upstream",
    "load_config",
]


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
        "session-timer": "session timers",
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

    LATER = dict.fromkeys(("certificate-file", "key-file", "ca-file", "verify-client"), "TLS")

    transport: Annotated[Literal["udp", "tcp"], not_yet(tls="TLS")] = Field(
        "udp", description="The transport."
    )
    address: ListenAddress = Field(
        Address("0.0.0.0", SIP_PORT), description="Address and port of this machine."
    )
    advertise: PublicAddress | None = Field(
        None,
        description="What Via and Record-Route say, where peers know the gate by another address.",
        json_schema_extra={"default-text": "the address itself"},
    )


class Source(Section):
    """Where SIP comes from: a PBX, a trunk, a subnet of softphones; at least one."""

    LATER = {
        "realm": "digest",
        "strip": "number rewriting",
        "prefix": "number rewriting",
        "e164": "number rewriting",
        "to-mismatch": "refusing a To that contradicts the Request-URI",
        "lead-headers": "lead data",
        "uri-lists": "several callees in one request",
    }

    name: Name = Field(description="The source's name: callers are written `NAME/identity`.")
    match: tuple[Prefix, ...] = Field(
        min_length=1,
        description="Addresses and networks that belong to it; of several sources the longest"
        " prefix wins, and two with an equal prefix are an error.",
    )
    identity: tuple[Identity, ...] = Field(
        ("p-asserted-identity", "from"),
        min_length=1,
        description="What says who is calling, the first that gives a name wins; the two P- headers"
        " only from a trusted source, `source` makes the whole source one caller.",
    )
    trusted: bool = Field(
        False,
        description="Whether its P-Asserted-Identity and campaign header are believed.",
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
    callers: Literal["any", "listed"] = Field(
        "any", description="`listed` makes all who are no `[[caller]]` one caller, `NAME/unlisted`."
    )
    registrations: Annotated[
        Literal["pass", "refuse"],
        not_yet(path="phones behind the gate", contact="phones behind the gate"),
    ] = Field("pass", description="Whether REGISTER is forwarded or gets 403.")
    mode: Annotated[Literal["proxy"], not_yet(redirect="redirect")] = Field(
        "proxy", description="How it is served."
    )
    nat: bool = Field(False, description="Treats a Via without rport as if it had it (RFC 3581).")
    routes: bool = Field(False, description="Whether it may send a Route set of its own.")
    accept_tags: bool = Field(
        False, description="Believes `X-SipGate-*`: there is another gate in front."
    )
    upstream: Name | None = Field(
        None,
        description="The `[[upstream]]` that its calls go to.",
        json_schema_extra={"default-text": "the only one there is"},
    )


class Upstream(Section):
    """Where allowed calls go; at least one."""

    LATER = {
        "probe": "several targets",
        "answer-within": "several targets",
        "large-requests": "changing the transport by size",
        "sips": "TLS",
        **dict.fromkeys(("ca-file", "certificate-file", "key-file", "server-name"), "TLS"),
    }

    name: Name = Field(description="The upstream's name.")
    targets: tuple[SipTarget, ...] = Field(
        min_length=1,
        description="Where it is; one in this version. `callee` is the built-in test callee.",
    )
    select: Annotated[Literal["failover"], not_yet(**{"round-robin": "several targets"})] = Field(
        "failover", description="Which of several targets is tried first."
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


class Caller(Section):
    """What is known of one caller; none is needed."""

    LATER = {"clis": "the identity rule", "password-file": "digest"}

    id: Text = Field(description="`SOURCE/identity`, as `sipgate calls` shows it.")
    organisation: Text | None = Field(
        None,
        description="On whose behalf it calls.",
        json_schema_extra={"default-text": "its source's"},
    )
    campaign: Text | None = Field(
        None, description="What its calls are for, where no campaign header says it."
    )


class Limits(Section):
    """What a peer may send before it is refused or dropped."""

    LATER = {
        "packets-per-second": "packet limits",
        "transactions-per-source": "packet limits",
    }

    max_message_bytes: int = Field(
        65535, ge=1500, le=16777216, description="Longest message; bytes."
    )
    max_headers: int = Field(256, ge=32, le=4096, description="Most header lines in a message.")
    max_header_bytes: int = Field(
        8192, ge=512, le=65535, description="Longest header, folded lines included; bytes."
    )
    max_vias: int = Field(70, ge=8, le=256, description="Most Via values in a message.")
    connections: int = Field(
        2048, ge=1, le=65535, description="Most TCP connections open at once, in each direction."
    )


class Config(Section):
    """The whole file, read and checked."""

    LATER = {"http": "the HTTP API"}

    gate: Gate
    listen: tuple[Listen, ...] = Field(min_length=1)
    source: tuple[Source, ...] = Field(min_length=1)
    upstream: tuple[Upstream, ...] = Field(min_length=1)
    caller: tuple[Caller, ...] = ()
    limits: Limits = Limits()

    def upstream_of(self, source: Source) -> Upstream:
        """Where this source's calls go."""
        if source.upstream is None:
            return self.upstream[0]
        return next(upstream for upstream in self.upstream if upstream.name == source.upstream)


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """Read and check `path`, environment variables over it; ConfigError has all that is wrong."""
    settings = read_settings(path)
    problems = override(settings, environ) + unknown_variables(settings, Config, environ)
    problems += _contradictions(settings)
    config: Config | None = None
    try:
        config = _validated(settings)
    except ValidationError as error:
        problems += problems_in(settings, Config, error)
    if problems or config is None:
        raise ConfigError(problems)
    return config


def _validated(settings: SettingsFile) -> Config:
    context = {"folder": settings.path.resolve().parent}
    try:
        return Config.model_validate(_with_tuples(settings.values), context=context)
    except ValidationError as error:
        if not retype_overrides(settings, error):
            raise
    return Config.model_validate(_with_tuples(settings.values), context=context)


def _with_tuples(value: object) -> object:
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_with_tuples(item) for item in value)
    return value


def _contradictions(settings: SettingsFile) -> list[Problem]:
    """What no key alone shows. Works on raw values, so that it finds its part of all mistakes."""
    sections = dict(_tables(settings.values))
    problems: list[Problem] = []
    for kind, key in (("source", "name"), ("upstream", "name"), ("caller", "id")):
        problems += _twice(settings, kind, key)
    prefixes: dict[Network, object] = {}
    listening: set[object] = set()
    upstreams = [table.get("name") for (kind, _), table in sections.items() if kind == "upstream"]
    sources = [table.get("name") for (kind, _), table in sections.items() if kind == "source"]
    for (kind, index), table in sections.items():
        steps: Steps = (kind, index)
        if kind == "source":
            problems += _taken_prefixes(settings, steps, table, prefixes)
            problems += _upstream_of_source(settings, steps, table, upstreams)
        elif kind == "listen":
            spoken = (table.get("transport", "udp"), table.get("address", f"0.0.0.0:{SIP_PORT}"))
            if spoken in listening and not str(spoken[1]).endswith(":0"):
                text = f"{spoken[0]} on {spoken[1]} is listened on twice"
                problems.append(settings.problem((*steps, "address"), text))
            listening.add(spoken)
        elif kind == "upstream":
            problems += _built_in_callee(settings, steps, table)
        elif kind == "caller":
            source, slash, identity = str(table.get("id", "-/-")).partition("/")
            if not slash or not identity:
                text = 'expected "SOURCE/identity", such as "hq/4711"'
                problems.append(settings.problem((*steps, "id"), text))
            elif source not in sources and source != "-":
                text = f"unknown source {shown(source)}{suggestion(source, map(str, sources))}"
                problems.append(settings.problem((*steps, "id"), text))
    return problems


def _tables(values: dict[str, object]) -> Iterator[tuple[tuple[str, int], dict[str, object]]]:
    for kind, tables in values.items():
        for index, table in enumerate(tables if isinstance(tables, list) else ()):
            if isinstance(table, dict):
                yield (kind, index), table


def _twice(settings: SettingsFile, kind: str, key: str) -> Iterator[Problem]:
    seen = set()
    for (found, index), table in _tables(settings.values):
        name = table.get(key)
        if found != kind or not isinstance(name, str):
            continue
        if name in seen:
            yield settings.problem(
                (kind, index, key), f"there are two {kind}s with {key} {shown(name)}"
            )
        seen.add(name)


def _taken_prefixes(
    settings: SettingsFile,
    steps: Steps,
    table: dict[str, object],
    prefixes: dict[Network, object],
) -> Iterator[Problem]:
    match = table.get("match")
    for index, text in enumerate(match if isinstance(match, list) else ()):
        try:
            network = ipaddress.ip_network(str(text))
        except ValueError:
            continue
        owner = prefixes.setdefault(network, table.get("name"))
        if owner != table.get("name"):
            told = f"{text} already belongs to the source {shown(owner)}"
            yield settings.problem((*steps, "match", index), told)


def _upstream_of_source(
    settings: SettingsFile, steps: Steps, table: dict[str, object], upstreams: list[object]
) -> Iterator[Problem]:
    name = table.get("upstream")
    if name is None and len(upstreams) > 1:
        yield settings.problem(steps, 'missing key "upstream" in [[source]]: there are several')
    elif isinstance(name, str) and name not in upstreams:
        told = f"unknown upstream {shown(name)}{suggestion(name, map(str, upstreams))}"
        yield settings.problem((*steps, "upstream"), told)


def _built_in_callee(
    settings: SettingsFile, steps: Steps, table: dict[str, object]
) -> Iterator[Problem]:
    targets = table.get("targets")
    if isinstance(targets, list) and len(targets) > 1:
        text = "a second target is not in this version (several targets)"
        yield settings.problem((*steps, "targets", 1), text)
    if "plan" in table and isinstance(targets, list) and BUILT_IN_CALLEE not in targets:
        text = f'"plan" is for targets = ["{BUILT_IN_CALLEE}"] only'
        yield settings.problem((*steps, "plan"), text, at_key=True)
