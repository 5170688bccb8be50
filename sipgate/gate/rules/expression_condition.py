"""What an `expression` rule asks per attempt: its facts, and what CEL makes of them."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sipgate.counters import Definition, Seen, Value, microseconds
from sipgate.gate.attempt import Attempt
from sipgate.gate.callee_place import callee_place
from sipgate.gate.lists import Lookups
from sipgate.gate.zone_clock import offsets_at

from .condition import Ask, Asked, SharedCounters
from .expression_source import BadExpression, Source, flat_name, read_source
from .pattern_weight import pattern_weight

if TYPE_CHECKING:
    import cel

Fact: TypeAlias = str | int | datetime | None
ReadFact: TypeAlias = Callable[[Attempt, float], Fact]

HOUR = 3600
LOCAL_HOUR: Final = "attempt.local_hour"
CEL_ERRORS: Final = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
MAX_PATTERN = 128  # characters
MAX_PATTERN_WEIGHT = 150  # about 2 ms
MAX_ERROR = 200  # characters of an error that the record keeps

_UNDEFINED = re.compile(r"Undefined variable or function: '([^']*)'")
_SYNTAX = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_AT_END = re.compile(r"mismatched input '<EOF>' expecting .*")
_EXPECTING = re.compile(r" expecting \{.*\}")


def _region(attempt: Attempt, time: float) -> Fact:
    regions = callee_place(attempt).regions
    return regions[0] if len(regions) == 1 else None


def _field(name: str) -> ReadFact:
    of = attrgetter(name)
    return lambda attempt, time: of(attempt)


READERS: Final[Mapping[str, ReadFact]] = {
    "attempt.time": lambda attempt, time: datetime.fromtimestamp(time, UTC),
    "attempt.cli": _field("cli"),
    "attempt.caller": _field("caller"),
    "attempt.campaign": _field("campaign"),
    "attempt.organisation": _field("organisation"),
    "attempt.source": _field("source"),
    "attempt.user_agent": _field("user_agent"),
    "callee.number": _field("callee"),
    "callee.kind": _field("callee_kind"),
    "callee.country": _field("callee_country"),
    "callee.region": _region,
}
"""How each fact is read; local_hour is not among them, for it may be several."""

SAMPLE: Final[Mapping[str, Fact]] = {
    "attempt.time": datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    LOCAL_HOUR: 9,
    "attempt.cli": "+13055550100",
    "attempt.caller": "hq/4711",
    "attempt.campaign": "solar",
    "attempt.organisation": "acme",
    "attempt.source": "hq",
    "attempt.user_agent": "Phone/1.0",
    "callee.number": "+13055550123",
    "callee.kind": "number",
    "callee.country": "US",
    "callee.region": "US-FL",
}
"""An attempt that has every fact, to see at load what an expression gives."""


class ExpressionCondition:
    """Holds when the expression is true; where it fails, it doesn't, and the record says why.

    `zones` are where a callee is of whose place nothing is known, `own_zone` where a short one is.
    Raises BadExpression for a text that gives no truth value.
    """

    def __init__(self, text: str, zones: tuple[str, ...], own_zone: str) -> None:
        self.text = text
        self._source = read_source(text)
        self._program = _compiled(text, self._source)
        self._zones = zones
        self._own_zones: tuple[str, ...] = (own_zone,)
        self.definitions: tuple[Definition, ...] = ()
        self.placeholders: frozenset[str] = frozenset()

    def compile(self, shared: SharedCounters) -> Ask:
        facts = self._source.facts
        readers = [(name, flat_name(name), READERS[name]) for name in facts if name != LOCAL_HOUR]
        execute = self._program.execute
        hours = self._hours if LOCAL_HOUR in facts else None

        def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
            known: dict[str, Fact] = {}
            values: dict[str, Value] = {}
            for name, flat, read in readers:
                fact = read(attempt, time)
                known[flat] = fact
                values[name] = str(fact) if isinstance(fact, datetime) else fact
            if hours is None:
                return _asked(execute, known, values)
            asked: Asked | None = None
            for hour in hours(attempt, time):
                known["attempt_local_hour"] = hour
                found = _asked(execute, known, {**values, LOCAL_HOUR: hour})
                if found.holds:
                    return found
                asked = asked or found
            assert asked is not None
            return asked

        return ask

    def _hours(self, attempt: Attempt, time: float) -> tuple[int, ...]:
        """What the clocks show where the callee may be; most often it is one hour."""
        utc = microseconds(time) // 1_000_000
        zones = self._own_zones
        if attempt.callee_kind != "short":
            zones = callee_place(attempt).zones or self._zones
        offsets = offsets_at(zones, utc)
        if len(offsets) == 1:
            return ((utc + offsets[0]) // HOUR % 24,)
        return tuple(sorted({(utc + offset) // HOUR % 24 for offset in offsets}))

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert asked.values is not None
        return asked.values

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        saw = ", ".join(
            f"{name} {'null' if value is None else value}"
            for name, value in values.items()
            if name != "error"
        )
        told = "it is true" if held else "it is false"
        if values.get("error") is not None:
            told = f"it fails: {values['error']}"
        return f"{told} ({saw})" if saw else told


def _asked(
    execute: Callable[[dict[str, Fact]], Any], known: dict[str, Fact], values: dict[str, Value]
) -> Asked:
    try:
        result = execute(known)
    except CEL_ERRORS as error:
        return Asked(False, (), {**values, "error": _told(error, known)})
    if result is True or result is False:
        return Asked(result, (), values)
    return Asked(False, (), {**values, "error": f"it gave {_type_of(result)}"})


def _compiled(text: str, source: Source) -> "cel.Program":
    """The program, tried once; raises BadExpression for what can't be or gives no truth value."""
    import cel  # 0.15 s, for its own command line comes along; few policies need it

    try:
        cel.compile(text)
        program = cel.compile(source.flat)
    except CEL_ERRORS as error:
        raise _bad_syntax(text, str(error)) from error
    for offset, pattern in source.patterns:
        _check_pattern(offset, cel.compile(pattern).execute({}))
    for offset, call in source.constant_calls:
        try:
            cel.compile(call).execute({})
        except CEL_ERRORS as error:
            raise BadExpression(offset, _told(error, {})) from error
    for hour in (0, 9, 21):
        facts = {flat_name(name): fact for name, fact in SAMPLE.items()}
        facts["attempt_local_hour"] = hour
        _try(program, facts)
    _try(program, {flat_name(name): None for name in SAMPLE}, may_fail=True)
    return program


def _check_pattern(offset: int, pattern: object) -> None:
    if not isinstance(pattern, str):
        raise BadExpression(offset, "a pattern of bytes", "a text")
    if len(pattern) > MAX_PATTERN or pattern_weight(pattern) > MAX_PATTERN_WEIGHT:
        raise BadExpression(
            offset,
            "a pattern that takes too long to compile, which is done for each call",
            f"up to {MAX_PATTERN} characters, [0-9] in place of \\d, fewer repetitions",
        )


def _try(program: "cel.Program", facts: dict[str, Fact], *, may_fail: bool = False) -> None:
    try:
        result = program.execute(facts)
    except TypeError as error:
        if may_fail:
            return
        raise BadExpression(0, _told(error, facts)) from error
    except CEL_ERRORS as error:
        if may_fail or not _UNDEFINED.search(str(error)):
            return  # of this sample's values, perhaps not of all
        raise BadExpression(0, _told(error, facts)) from error
    if result is not True and result is not False:
        raise BadExpression(0, f"it gives {_type_of(result)}", "true or false")


def _bad_syntax(text: str, said: str) -> BadExpression:
    found = _SYNTAX.search(said)
    if found is None:
        return BadExpression(0, f"no CEL: {said.splitlines()[0][:MAX_ERROR]}")
    lines = text.split("\n")
    line = min(int(found[1]), len(lines)) - 1
    offset = sum(len(one) + 1 for one in lines[:line]) + int(found[2]) - 1
    what = found[3].removeprefix("Syntax error: ")
    if _AT_END.match(what):
        return BadExpression(min(offset, len(text)), "it ends too early", "the rest of it")
    return BadExpression(min(offset, len(text)), f"no CEL: {_EXPECTING.sub('', what)[:MAX_ERROR]}")


def _told(error: Exception, facts: Mapping[str, Fact]) -> str:
    """An error in a sentence that a person can use."""
    undefined = _UNDEFINED.search(str(error))
    if undefined is not None:
        missing = sorted(name for name, fact in facts.items() if fact is None)
        names = ", ".join(name.replace("_", ".", 1) for name in missing)
        return f"{undefined[1]} doesn't fit its values{f', with {names} null' if names else ''}"
    text = "key " + str(error) if isinstance(error, KeyError) else str(error)
    text = " ".join(text.split()).partition(" Check function arguments")[0]
    text = text.partition(" CEL does not coerce")[0]
    return text.rstrip(".")[:MAX_ERROR]


def _type_of(value: object) -> str:
    names = {str: "text", int: "a number", float: "a number", type(None): "null", list: "a list"}
    return names.get(type(value), f"a {type(value).__name__}")
