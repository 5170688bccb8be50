"""The kinds of value in `sipgate.toml`: durations, addresses, targets, networks, paths, names.

Each is a type whose validator says what was expected; `Shown` is how the manual names it. Paths
are relative to the folder that stands as `folder` in the validation context.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, ValidationInfo

from sipgate.config_file import setting_error, shown, suggestion

SIP_PORT = 5060  # RFC 3261 §19.1.2
BUILT_IN_CALLEE = "callee"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ANY = "any"
BY_CERTIFICATE = "tls:"  # a source that shows a certificate with this name
EVERYWHERE: tuple[Network, ...] = (
    ipaddress.ip_network("0.0.0.0/0"),
    ipaddress.ip_network("::/0"),
)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_IDENTITIES = (
    "digest",
    "tls",
    "p-asserted-identity",
    "p-preferred-identity",
    "header:NAME",
    "from",
    "source",
)
_TOKEN = re.compile(r"[A-Za-z0-9!%'*+.`_~-]+")  # RFC 3261 §25.1
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class Address:
    """A host (IPv6 without brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where an upstream takes calls; `is_built_in` is the test callee inside the gate itself.

    `authority` is host and port in the file's spelling: what a rewritten Request-URI says. Port 0
    and transport "" are for DNS to say (RFC 3263).
    """

    host: str
    port: int = 0
    transport: str = ""
    authority: str = ""
    is_built_in: bool = False
    is_secure: bool = False  # a sips URI: TLS and nothing else

    @property
    def is_name(self) -> bool:
        """Whether its host is a name, which may be several places."""
        return not self.is_built_in and not _is_numeric(self.host)

    @property
    def is_tls(self) -> bool:
        """Whether it is reached by TLS."""
        return self.is_secure or self.transport == "tls"

    def __str__(self) -> str:
        if self.is_built_in:
            return BUILT_IN_CALLEE
        transport = f";transport={self.transport}" if self.transport else ""
        return f"{'sips' if self.is_secure else 'sip'}:{self.authority}{transport}"


@dataclass(frozen=True, slots=True)
class Shown:
    """How the manual names the values of a type."""

    text: str


def parse_duration(text: object) -> float:
    """`"90s"`, `"4h"`, `"1h30m"` as seconds."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise setting_error(f'expected a duration such as "30s", "5m" or "4h", found {shown(text)}')
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def parse_beat(text: object) -> float:
    """A duration of a second or more, or `"0s"` for never."""
    seconds = parse_duration(text)
    if 0 < seconds < 1:
        raise setting_error(f'expected "0s" for never, or at least "1s", found {shown(text)}')
    return seconds


def parse_address(text: object) -> Address:
    """`"0.0.0.0:5060"`, `"[::1]:5060"`, `"gate.example.com"`; port 5060 when it isn't said."""
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", str(text))
    if not isinstance(text, str) or match is None or int(match[3] or 0) > 65535:
        raise setting_error(
            f'expected host and port such as "192.0.2.1:5060" or "[2001:db8::1]:5060",'
            f" found {shown(text)}"
        )
    host = (match[1] or match[2]).lower()
    if match[1] is not None and not _is_numeric(host):
        raise setting_error(f"{shown(host)} is no IPv6 address")
    if match[2] is not None and not _is_numeric(host) and not _HOST_NAME.fullmatch(host):
        raise setting_error(f"{shown(host)} is neither an address nor a host name")
    return Address(host, SIP_PORT if match[3] is None else int(match[3]))


def parse_target(text: object) -> Target:
    """A SIP URI without a user, or `callee` for the built-in one."""
    if text == BUILT_IN_CALLEE:
        return Target("127.0.0.1", is_built_in=True)
    match = re.fullmatch(r"(?i)(sips?):([^;@?]+)((?:;[^;]*)*)", str(text))
    if match is None:
        raise setting_error(
            f'expected a SIP URI such as "sip:192.0.2.1:5060;transport=tcp", or "callee"'
            f" for the built-in test callee; found {shown(text)}"
        )
    transport = ""
    for parameter in match[3].split(";")[1:]:
        name, _, value = parameter.lower().partition("=")
        if name != "transport":
            raise setting_error(f"unknown parameter {shown(name)} in a target; expected transport")
        transport = value
    is_secure = match[1].lower() == "sips"
    if transport not in ("", "udp", "tcp", "tls"):
        raise setting_error(f"unknown transport {shown(transport)}; expected udp, tcp or tls")
    if is_secure and transport == "udp":
        raise setting_error("sips goes over TLS; expected no transport, tcp or tls")
    address = parse_address(match[2])
    if address.port == 0:
        raise setting_error("a target needs a port other than 0")
    port = address.port if re.search(r":\d+$", match[2]) else 0
    return Target(address.host, port, transport, match[2], is_secure=is_secure)


def parse_network(text: object) -> Network | str:
    """An address or a network; host bits that are set are a mistake.

    `any` is all of them, `tls:NAME` whoever proves that name by a certificate.
    """
    if text == ANY:
        return ANY
    if isinstance(text, str) and text.startswith(BY_CERTIFICATE):
        return BY_CERTIFICATE + _host(text.removeprefix(BY_CERTIFICATE))
    try:
        return ipaddress.ip_network(str(text))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        raise setting_error(
            f'expected an address or network such as "10.1.0.0/16", found {shown(text)}'
        ) from None
    raise setting_error(f'{shown(text)} has bits set after its prefix; did you mean "{meant}"?')


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _local_address(text: object) -> Address:
    address = parse_address(text)
    if not _is_numeric(address.host):
        raise setting_error(f"{shown(address.host)} is a name; expected an address of this machine")
    return address


def _host(text: object) -> str:
    host = str(text).strip("[]").lower()
    if not isinstance(text, str) or not (_is_numeric(host) or _HOST_NAME.fullmatch(host)):
        raise setting_error(f"expected a host name or address without a port, found {shown(text)}")
    return host


def _folder(info: ValidationInfo) -> Path:
    assert info.context is not None
    folder: Path = info.context["folder"]
    return folder


def _path(text: object, info: ValidationInfo) -> Path:
    if not isinstance(text, str) or not text:
        raise setting_error(f"expected a path, found {shown(text)}")
    return (_folder(info) / text).resolve()


def _existing_file(text: object, info: ValidationInfo) -> Path:
    path = _path(text, info)
    if not path.is_file():
        raise setting_error(f"there is no file {path}")
    return path


def _store_url(text: object, info: ValidationInfo) -> str:
    if isinstance(text, str) and text.startswith(("postgresql:", "postgres:")):
        raise setting_error("PostgreSQL is not in this version (only sqlite:///PATH)")
    if not isinstance(text, str) or not re.fullmatch(r"sqlite:///.+", text):
        raise setting_error(f'expected "sqlite:///PATH", found {shown(text)}')
    return f"sqlite:///{(_folder(info) / text.removeprefix('sqlite:///')).resolve()}"


def _state(text: object) -> object:
    if isinstance(text, str) and text.startswith(("redis:", "rediss:", "valkey:")):
        raise setting_error('Redis is not in this version (only "memory")')
    return text


def not_yet(**later: str) -> BeforeValidator:
    """Names values that the design has and this version hasn't."""

    def refuse(value: object) -> object:
        if isinstance(value, str) and value in later:
            raise setting_error(f'"{value}" is not in this version ({later[value]})')
        return value

    return BeforeValidator(refuse)


def _time_zone(text: object) -> object:
    if isinstance(text, str) and text != "UTC":
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise setting_error(
                f'{shown(text)} is no time zone; expected one like "Europe/Berlin"'
            ) from None
    return text


def _region(text: object) -> object:
    import phonenumbers

    if not isinstance(text, str) or text not in phonenumbers.SUPPORTED_REGIONS:
        capitals = "GB" if str(text).upper() == "UK" else str(text).upper()
        known = capitals in phonenumbers.SUPPORTED_REGIONS
        hint = f'; did you mean "{capitals}"?' if known else ""
        raise setting_error(
            f"{shown(text)} is no region; expected two capital letters such as US{hint}"
        )
    return text


def _identity(text: object) -> str:
    name = text.lower() if isinstance(text, str) else str(text)
    header = name.removeprefix("header:")
    if name in _IDENTITIES or (header != name and _TOKEN.fullmatch(header)):
        return name
    raise setting_error(f"{shown(text)} is no identity scheme{suggestion(name, _IDENTITIES)}")


State = Annotated[Literal["memory"], BeforeValidator(_state)]
Duration = Annotated[float, BeforeValidator(parse_duration), Shown('duration: `"30s"`, `"4h"`')]
Beat = Annotated[float, BeforeValidator(parse_beat), Shown('duration, `"0s"`: never')]
ListenAddress = Annotated[Address, BeforeValidator(_local_address), Shown("address and port")]
PublicAddress = Annotated[Address, BeforeValidator(parse_address), Shown("host and port")]
SipTarget = Annotated[Target, BeforeValidator(parse_target), Shown('SIP URI, or `"callee"`')]
Prefix = Annotated[Network | str, BeforeValidator(parse_network), Shown("address or network")]
Host = Annotated[str, BeforeValidator(_host), Shown("host")]
FilePath = Annotated[Path, BeforeValidator(_path), Shown("path")]
ExistingFile = Annotated[Path, BeforeValidator(_existing_file), Shown("path")]
StoreUrl = Annotated[str, BeforeValidator(_store_url), Shown("`sqlite:///PATH`")]
TimeZone = Annotated[str, BeforeValidator(_time_zone), Shown("time zone")]
Region = Annotated[str, BeforeValidator(_region), Shown("two letters")]
Identity = Annotated[
    str, BeforeValidator(_identity), Shown(", ".join(f'`"{name}"`' for name in _IDENTITIES))
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"), Shown("name")]
Realm = Annotated[str, Field(pattern=r'^[^"\\\x00-\x1f\x7f]{1,100}$'), Shown("text")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!%'*+.`_~-]+$"), Shown("header name")]
Digits = Annotated[str, Field(pattern=r"^[0-9]{1,8}$"), Shown("digits")]
DialPrefix = Annotated[str, Field(pattern=r"^\+?[0-9*#]{1,6}$"), Shown("digits")]
DialPattern = Annotated[str, Field(pattern=r"^[0-9*#xX]{1,12}$"), Shown("digits, `x` for any")]
HttpsUrl = Annotated[
    str, Field(pattern=r"^https://[A-Za-z0-9._~:/?#@!$&()*+,=%\[\]-]{4,200}$"), Shown("https URL")
]
Text = Annotated[str, Field(min_length=1, max_length=200), Shown("text")]
OwnNumber = Annotated[
    str, Field(pattern=r"^(\+[1-9][0-9]{0,14}\*|[^*\x00-\x1f\x7f]{1,64})$"), Shown("number")
]
