"""`sipgate.toml` read and checked as a whole; its sections are in `config_sections.py`."""

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field, ValidationError

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
from sipgate.config_sections import (
    Caller,
    Gate,
    Limits,
    Listen,
    Redress,
    Section,
    Source,
    Upstream,
)
from sipgate.config_values import BUILT_IN_CALLEE, SIP_PORT, Address, Network, Target

__all__ = [
    "Address",
    "Caller",
    "Config",
    "ConfigError",
    "Gate",
    "Limits",
    "Listen",
    "Problem",
    "Redress",
    "Source",
    "Target",
    "Upstream",
    "load_config",
]


class Config(Section):
    """The whole file, read and checked."""

    LATER: ClassVar = {"http": "the HTTP API"}

    gate: Gate
    listen: tuple[Listen, ...] = Field(min_length=1)
    source: tuple[Source, ...] = Field(min_length=1)
    upstream: tuple[Upstream, ...] = Field(min_length=1)
    caller: tuple[Caller, ...] = ()
    redress: Redress | None = None
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
    realms = {
        table.get("name")
        for (kind, _), table in sections.items()
        if kind == "source" and "realm" in table
    }
    for (kind, index), table in sections.items():
        steps: Steps = (kind, index)
        if kind == "source":
            problems += _taken_prefixes(settings, steps, table, prefixes)
            problems += _upstream_of_source(settings, steps, table, upstreams)
            problems += _realm_of_source(settings, steps, table)
        elif kind == "listen":
            spoken = (table.get("transport", "udp"), table.get("address", f"0.0.0.0:{SIP_PORT}"))
            if spoken in listening and not str(spoken[1]).endswith(":0"):
                text = f"{spoken[0]} on {spoken[1]} is listened on twice"
                problems.append(settings.problem((*steps, "address"), text))
            listening.add(spoken)
            problems += _certificate_of_listener(settings, steps, table)
        elif kind == "upstream":
            problems += _built_in_callee(settings, steps, table)
        elif kind == "caller":
            source, slash, identity = str(table.get("id", "-/-")).partition("/")
            if not slash or not identity:
                text = 'expected "SOURCE/identity", such as "hq/4711"'
                problems.append(settings.problem((*steps, "id"), text))
            elif "password-file" in table and source in sources and source not in realms:
                text = f"the source {shown(source)} has no realm, so nobody asks for a password"
                problems.append(settings.problem((*steps, "password-file"), text, at_key=True))
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


def _certificate_of_listener(
    settings: SettingsFile, steps: Steps, table: dict[str, object]
) -> Iterator[Problem]:
    is_tls = table.get("transport") == "tls"
    if is_tls and "certificate-file" not in table:
        yield settings.problem(steps, 'missing key "certificate-file" in [[listen]]: TLS needs one')
    for key in ("certificate-file", "key-file", "ca-file", "verify-client"):
        if key in table and not is_tls:
            text = f'{key} is for transport = "tls" only'
            yield settings.problem((*steps, key), text, at_key=True)


def _realm_of_source(
    settings: SettingsFile, steps: Steps, table: dict[str, object]
) -> Iterator[Problem]:
    realm, match, identity = table.get("realm"), table.get("match"), table.get("identity")
    asks = isinstance(identity, list) and "digest" in identity
    if realm is not None and not asks:
        text = 'a realm without identity = ["digest"]: nobody would be asked for a password'
        yield settings.problem((*steps, "realm"), text, at_key=True)
    elif asks and realm is None:
        text = 'identity "digest" needs a realm, such as realm = "example.com"'
        yield settings.problem((*steps, "identity"), text)
    if isinstance(match, list) and "any" in match and realm is None:
        text = 'match = ["any"] needs a realm: whoever comes is asked for a password'
        yield settings.problem((*steps, "match", match.index("any")), text)


def _built_in_callee(
    settings: SettingsFile, steps: Steps, table: dict[str, object]
) -> Iterator[Problem]:
    targets = table.get("targets")
    if isinstance(targets, list) and len(targets) > 1 and BUILT_IN_CALLEE in targets:
        text = f'"{BUILT_IN_CALLEE}" stands alone: it takes no part in failover'
        yield settings.problem((*steps, "targets", targets.index(BUILT_IN_CALLEE)), text)
    if "plan" in table and isinstance(targets, list) and BUILT_IN_CALLEE not in targets:
        text = f'"plan" is for targets = ["{BUILT_IN_CALLEE}"] only'
        yield settings.problem((*steps, "plan"), text, at_key=True)
