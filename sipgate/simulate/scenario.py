"""A scenario's file: which gate, how fast, and the rooms that call through it.

All durations in the file are those of the life that it describes; `pace` divides them.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from .document import Section, parse_document, read_document
from .plan import PlanFile
from .spelling import HostPort, Seconds, Share, Span, Spanned

MAX_AGENTS = 2000  # or lines; each has a socket of its own
MAX_NUMBERS = 10_000_000

_DIGITS = re.compile(r"\+?\d{1,20}", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9+*_.!~'()&=$,-]+", re.ASCII)  # RFC 3261 §25.1, no escapes needed
_LINE = re.compile(r"[\x20-\x7e]+", re.ASCII)
_HEADER_NAME = re.compile(r"X-[A-Za-z0-9-]+", re.ASCII)


def _number(text: str) -> str:
    if not _DIGITS.fullmatch(text):
        raise ValueError(f'"{text}" is no number; expected up to 20 digits, with + or without')
    return text


def _user(text: str) -> str:
    if not _USER.fullmatch(text):
        raise ValueError(f'"{text}" is no user part; expected letters and digits')
    return text


def _line(text: str) -> str:
    if not _LINE.fullmatch(text):
        raise ValueError(f'"{text}" is no header value; expected printable ASCII')
    return text


def _header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text) or text.lower().startswith("x-sipgate"):
        raise ValueError(f'"{text}" is no header for this; expected one like X-Campaign')
    return text


def _pattern(text: str) -> str:
    if len(re.findall("#+", text)) > 1:
        raise ValueError(f'"{text}" has two runs of #; expected one, for the agent\'s number')
    return text


Number = Annotated[str, AfterValidator(_number)]
HeaderValue = Annotated[str, AfterValidator(_line)]


class Agents(Section):
    """Who calls: `##` in both patterns becomes 01, 02, …"""

    count: Annotated[int, Field(ge=1, le=MAX_AGENTS)] = 1
    extension: Annotated[str, AfterValidator(_pattern)]
    name: Annotated[str, AfterValidator(_pattern)] | None = None  # the extension by default
    lines: Annotated[float, Field(ge=1, le=10)] = 1.0  # of each agent, on average: over-dialling

    @property
    def seats(self) -> int:
        """How many lines they have together."""
        return round(self.count * self.lines)

    @model_validator(mode="after")
    def _all_differ(self) -> "Agents":
        room = re.findall("#+", self.extension)
        if self.count > max(1, 10 ** len(room[0] if room else "") - 1):
            raise ValueError(
                f'"{self.extension}" has no room for {self.count} agents; expected one # per digit'
            )
        for index in range(1, self.count + 1):
            _user(self.extension_of(index))
        return self

    def extension_of(self, index: int) -> str:
        """The extension of the agent with this number, from 1."""
        return _numbered(self.extension, index)

    def name_of(self, index: int) -> str:
        """What the table calls the agent."""
        return _numbered(self.name or self.extension, index)


class Numbers(Section):
    """Whom they call: a range or a list, from the top again once it is used up."""

    first: Number | None = None
    count: Annotated[int, Field(ge=1, le=MAX_NUMBERS)] = 1000
    step: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    list_: tuple[Number, ...] | None = Field(default=None, alias="list", min_length=1)
    order: Literal["as-listed", "random"] = "as-listed"
    shared: bool = True  # one pool for the room; else each agent walks through all of it
    recalled: Share = 0.0  # of the calls go to a number that the pool has given out before

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Numbers":
        if (self.first is None) == (self.list_ is None):
            raise ValueError('not one of "first" and "list"; expected exactly one of them')
        if self.list_ is not None and {"count", "step"} & self.model_fields_set:
            raise ValueError('"count" or "step" beside "list"; expected them with "first" only')
        if self.first is not None:
            digits = self.first.lstrip("+")
            if len(str(int(digits) + self.step * (self.count - 1))) > len(digits):
                raise ValueError("the range runs out of digits; expected a lower first or count")
        return self

    def __len__(self) -> int:
        return len(self.list_) if self.list_ is not None else self.count

    def __getitem__(self, index: int) -> str:
        if self.list_ is not None:
            return self.list_[index]
        assert self.first is not None
        digits = self.first.lstrip("+")
        plus = self.first[: len(self.first) - len(digits)]
        return f"{plus}{int(digits) + index * self.step:0{len(digits)}d}"


class Called(Section):
    """How the called lines behave; only the test callee can be told, a real one does as it does."""

    answered: Share = 0.0  # shares of all calls; what is left rings until the agent gives up
    busy: Share = 0.0
    declined: Share = 0.0
    invalid: Share = 0.0  # 404: nobody has this number
    rings: Spanned = Span(2.0, 5.0)  # before an answer

    @model_validator(mode="after")
    def _shares_fit(self) -> "Called":
        total = self.answered + self.busy + self.declined + self.invalid
        if total > 1.0001:
            raise ValueError(f"the shares add up to {total:g}; expected at most 1")
        return self


class Abandons(Section):
    """Answered calls that the agent's side drops at once: nobody was free to talk."""

    share: Share
    after: Spanned  # the answer


class Redials(Section):
    """The same number again after a busy or refused call."""

    times: Annotated[int, Field(ge=1, le=1000)]  # in a row
    pause: Spanned = Span(0.0, 2.0)


class Room(Section):
    """Agents who work alike. On a line there is no call before the last one has ended."""

    name: str
    agents: Agents
    numbers: Numbers
    every: Seconds | None = None  # from one call's start to the next one's
    pause: Seconds | None = None  # or: from one call's end to the next one's start
    jitter: Share = 0.1  # how far either strays, evenly to both sides
    ring_patience: Spanned = Span(20.0, 20.0)  # then CANCEL
    talk: Spanned = Span(10.0, 60.0)
    agent_hangs_up: Share = 0.5  # of the answered calls; the called person ends the others
    abandons: Abandons | None = None
    redials: Redials | None = None
    clis: Numbers | None = None  # presented in turn, in From; the agent is then in an asserted
    neighbour: bool = False  # identity; or each time a number that is almost the called one's
    called: Called | None = None  # None: as the callee's plan says
    user_agent: HeaderValue = "sipgate-simulate"
    campaign: HeaderValue | None = None
    campaign_header: Annotated[str, AfterValidator(_header_name)] = "X-Campaign"

    @model_validator(mode="after")
    def _has_one_rhythm(self) -> "Room":
        if (self.every is None) == (self.pause is None):
            raise ValueError('not one of "every" and "pause"; expected exactly one of them')
        if self.every == 0:
            raise ValueError('"every: 0" never ends; expected at least 1ms')
        if self.neighbour and self.clis is not None:
            raise ValueError('"clis" beside "neighbour"; expected one of them')
        return self


class OwnCallee(Section):
    """A test callee that runs with the scenario, as the gate's upstream."""

    listen: HostPort
    plan: PlanFile = PlanFile()


class Scenario(Section):
    """The whole file."""

    scenario: str
    gate: HostPort
    transport: Literal["udp", "tcp"] = "udp"
    pace: Annotated[float, Field(gt=0, le=1000)] = 1.0  # times as fast as life
    duration: Seconds | None = None  # no new calls after it
    calls: Annotated[int, Field(ge=1)] | None = None  # nor after so many, of all rooms together
    seed: int = 1
    expect: Literal["abusive", "lawful"] | None = None  # for `sipgate policy rooms`
    callee: OwnCallee | None = None
    rooms: Annotated[tuple[Room, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ends(self) -> "Scenario":
        if self.duration is None and self.calls is None:
            raise ValueError('neither "duration" nor "calls"; expected at least one of them')
        seats = sum(room.agents.seats for room in self.rooms)
        if seats > MAX_AGENTS:
            raise ValueError(f"{seats} agents or lines; expected at most {MAX_AGENTS}")
        seen: dict[str, str] = {}
        for room in self.rooms:
            for index in range(1, room.agents.count + 1):
                extension = room.agents.extension_of(index)
                if extension in seen:
                    raise ValueError(
                        f'extension {extension} in "{seen[extension]}" and "{room.name}"; '
                        "expected each once"
                    )
                seen[extension] = room.name
        return self

    @property
    def real_seconds(self) -> float | None:
        """How long it takes at its pace; None when only the calls are counted."""
        return None if self.duration is None else self.duration / self.pace

    def at_pace(self, pace: float) -> "Scenario":
        """The same at another pace; raises ValueError for one that can't be kept."""
        if not 0 < pace <= 1000:
            raise ValueError(f"pace {pace:g}; expected more than 0 and at most 1000")
        return self.model_copy(update={"pace": pace})


def load_scenario(path: Path) -> Scenario:
    """Read a scenario's file; raises BadFile."""
    return read_document(path, Scenario)


def parse_scenario(text: str, path: Path = Path("scenario.yaml")) -> Scenario:
    """Read a scenario as if it stood in `path`; raises BadFile."""
    return parse_document(text.encode(), path, Scenario)


def _numbered(pattern: str, index: int) -> str:
    return re.sub("#+", lambda run: f"{index:0{len(run[0])}d}", pattern)
