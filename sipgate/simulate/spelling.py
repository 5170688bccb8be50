"""How durations, ranges of durations, shares and addresses are spelled in a simulation's files."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random
from typing import Annotated

from pydantic import BeforeValidator, Field

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_SECONDS = 7 * 86_400.0
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s\[\]:/@]+)):(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """A duration that may vary: seconds from `low` to `high`, drawn evenly."""

    low: float
    high: float

    def draw(self, random: Random) -> float:
        """A number of seconds in the span."""
        return self.low if self.low == self.high else random.uniform(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Address:
    """A host (name or number, IPv6 without brackets) and a port."""

    host: str
    port: int

    @property
    def is_numeric(self) -> bool:
        """Whether the host needs no look-up."""
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_seconds(text: object) -> float:
    """`9.6s`, `40m`, `250ms`, `1h` or `0`; raises ValueError."""
    if text == "0":
        return 0.0
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f'"{text}" is no duration; expected one such as 250ms, 9.6s, 40m or 1h')
    seconds = float(match[1]) * _UNIT_SECONDS[match[2]]
    if seconds > _LONGEST_SECONDS:
        raise ValueError(f'"{text}" is too long; expected at most 168h')
    return seconds


def parse_span(text: object) -> Span:
    """`7s`, or `6s-8s` for anything in between; raises ValueError."""
    low, _, high = text.partition("-") if isinstance(text, str) else (text, "", "")
    span = Span(parse_seconds(low), parse_seconds(high or low))
    if span.low > span.high:
        raise ValueError(f'"{text}" runs backwards; expected the shorter duration first')
    return span


def parse_address(text: object) -> Address:
    """`192.0.2.1:5060`, `[2001:db8::1]:5060` or `gate.example:5060`; raises ValueError."""
    match = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[3]) > 65_535:
        raise ValueError(f'"{text}" is no address; expected host:port, such as 127.0.0.1:5060')
    return Address(match[1] or match[2], int(match[3]))


Seconds = Annotated[float, BeforeValidator(parse_seconds)]
Spanned = Annotated[Span, BeforeValidator(parse_span)]
Share = Annotated[float, Field(ge=0, le=1)]
HostPort = Annotated[Address, BeforeValidator(parse_address)]
