"""What the test callee does with each number: the plan's file, and the fate of one call."""

import re
from pathlib import Path
from random import Random
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .document import Section, parse_document, read_document
from .fate import Fate
from .spelling import Share, Span, Spanned

_SEPARATORS = re.compile(r"[\s().\-]+", re.ASCII)  # RFC 3966 §5.1.1, and blanks
_QUICK = Span(0.5, 0.5)


class Behaviour(Section):
    """One thing that a called line does."""

    do: Literal["answer", "ring", "busy", "refuse"]
    ring: Spanned | None = None  # answer: from 180 to 200; refuse: from 180 to the refusal
    talk: Spanned | None = None  # answer: then the callee hangs up; absent: it never does
    code: Annotated[int, Field(ge=300, le=699)] | None = None  # refuse; 603 by default
    phrase: str | None = None  # refuse; the RFC's by default

    @model_validator(mode="after")
    def _keys_fit(self) -> "Behaviour":
        fitting = _KEYS_OF[self.do]
        for key in ("ring", "talk", "code", "phrase"):
            if getattr(self, key) is not None and key not in fitting:
                kinds = " or ".join(do for do, keys in _KEYS_OF.items() if key in keys)
                raise ValueError(f'"do: {self.do}" has no "{key}"; expected it with {kinds} only')
        if self.phrase is not None and not self.phrase.isprintable():
            raise ValueError("control characters in the phrase; expected one line of text")
        return self

    def draw(self, random: Random) -> Fate:
        """Settle what varies, for one call."""
        ring = self.ring or (_QUICK if self.do == "answer" else None)
        return Fate(
            do=self.do,
            ring_seconds=ring.draw(random) if ring else 0.0,
            talk_seconds=self.talk.draw(random) if self.talk else None,
            code=486 if self.do == "busy" else self.code or 603,
            phrase=self.phrase.encode() if self.phrase else None,
        )


_KEYS_OF: dict[str, tuple[str, ...]] = {
    "answer": ("ring", "talk"),
    "ring": (),
    "busy": (),
    "refuse": ("ring", "code", "phrase"),
}


class SharedBehaviour(Behaviour):
    """A behaviour that a share of the calls meets."""

    share: Share


class PlannedLine(Section):
    """A number, or all that begin with a prefix, and what it does."""

    number: str | None = None
    prefix: str | None = None
    then: Behaviour | None = None
    random: tuple[SharedBehaviour, ...] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "PlannedLine":
        if (self.number is None) == (self.prefix is None):
            raise ValueError('not one of "number" and "prefix"; expected exactly one of them')
        if (self.then is None) == (self.random is None):
            raise ValueError('not one of "then" and "random"; expected exactly one of them')
        if not clean_number(self.number or self.prefix or ""):
            raise ValueError("no digits; expected a number or its first digits")
        if self.random is not None:
            total = sum(behaviour.share for behaviour in self.random)
            if abs(total - 1) > 0.001:
                raise ValueError(f"the shares add up to {total:g}; expected 1")
        return self


class PlanFile(Section):
    """The file: lines by number, and what all others do."""

    seed: int = 1
    obey_callers: bool = True  # a header of the INVITE may choose the fate: see `fate`
    lines: tuple[PlannedLine, ...] = ()
    others: Behaviour = Behaviour(do="answer")

    @model_validator(mode="after")
    def _lines_differ(self) -> "PlanFile":
        seen: set[tuple[bool, str]] = set()
        for line in self.lines:
            key = (line.number is None, clean_number(line.number or line.prefix or ""))
            if key in seen:
                raise ValueError(f'"{key[1]}" is planned twice; expected one plan for each')
            seen.add(key)
        return self


class CalleePlan:
    """Chooses the fate of each call: the number itself, else its longest prefix, else `others`."""

    def __init__(self, file: PlanFile) -> None:
        self.obeys_callers = file.obey_callers
        self._random = Random(file.seed)
        self._others = file.others
        self._by_number: dict[str, PlannedLine] = {}
        self._by_prefix: dict[str, PlannedLine] = {}
        for line in file.lines:
            if line.number is not None:
                self._by_number[clean_number(line.number)] = line
            else:
                self._by_prefix[clean_number(line.prefix or "")] = line
        self._longest = max(map(len, self._by_prefix), default=0)

    def fate(self, user: str) -> Fate:
        """What becomes of a call to this user part of a Request-URI, escapes already decoded."""
        number = clean_number(user)
        line = self._by_number.get(number)
        for length in range(min(self._longest, len(number)), 0, -1):
            if line is not None:
                break
            line = self._by_prefix.get(number[:length])
        if line is None:
            return self._others.draw(self._random)
        if line.then is not None:
            return line.then.draw(self._random)
        assert line.random, line
        weights = [behaviour.share for behaviour in line.random]
        return self._random.choices(line.random, weights)[0].draw(self._random)


def clean_number(user: str) -> str:
    """A number without separators, parameters and password; a name in lower case."""
    bare = user.partition(";")[0].partition(":")[0]
    return _SEPARATORS.sub("", bare).lower()


def load_plan(path: Path) -> CalleePlan:
    """Read a plan's file; raises BadFile."""
    return CalleePlan(read_document(path, PlanFile))


def parse_plan(text: str, path: Path = Path("plan.yaml")) -> CalleePlan:
    """Read a plan as if it stood in `path`; raises BadFile."""
    return CalleePlan(parse_document(text.encode(), path, PlanFile))


def default_plan() -> CalleePlan:
    """Every number rings for half a second and answers; the caller hangs up."""
    return CalleePlan(PlanFile())
