"""Reads a TOML file so that every mistake in it has a place and the nearest right name.

`tomllib` gives the values; it keeps no positions, so a second look at the (by then valid) text
finds where each key and value stands. pydantic's findings become sentences for whoever wrote it.
"""

import itertools
import re
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

ENVIRONMENT_PREFIX = "SIPGATE_"
NO_KEYS = frozenset({"SIPGATE_CONFIG", "SIPGATE_PURE"})  # of the command and of the build

# (section, index, key, …) in the file's own spelling, as pydantic's `loc`.
Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake; `line` and `column` count from 1, None where there is no text to point at."""

    file: str
    line: int | None
    column: int | None
    text: str

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.file}: {self.text}"
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


class ConfigError(Exception):
    """The configuration can't be used; `problems` has all that is wrong, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(
            problems, key=lambda problem: (problem.line or 0, problem.column or 0)
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(slots=True)
class SettingsFile:
    """The values of one file, and where each of them stands."""

    path: Path
    values: dict[str, object]
    key_places: dict[Steps, tuple[int, int]] = field(default_factory=dict)
    value_places: dict[Steps, tuple[int, int]] = field(default_factory=dict)
    variables: dict[Steps, str] = field(default_factory=dict)  # overridden by this variable

    def problem(self, steps: Steps, text: str, *, at_key: bool = False) -> Problem:
        """The mistake at `steps`; what isn't in the file is shown at the nearest table that is."""
        for length in range(len(steps), 0, -1):
            if name := self.variables.get(steps[:length]):
                return Problem(name, None, None, text)
        places = self.key_places if at_key else self.value_places
        place = places.get(steps)
        while place is None and steps:
            place = self.key_places.get(steps)
            steps = steps[:-1]
        line, column = place or (1, 1)
        return Problem(str(self.path), line, column, text)


def setting_error(text: str) -> PydanticCustomError:
    """What a validator raises: `text` reaches the user as it is."""
    return PydanticCustomError("setting", "{text}", {"text": text})


def read_settings(path: Path) -> SettingsFile:
    """Raises ConfigError where the file can't be read or isn't TOML."""
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        reason = (error.strerror or "can't be read").lower()
        raise ConfigError([Problem(str(path), None, None, reason)]) from error
    except UnicodeDecodeError as error:
        place = f"not UTF-8 at byte {error.start + 1}"
        raise ConfigError([Problem(str(path), None, None, place)]) from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_problem(path, text, str(error))]) from error
    scan = _Scan(text)
    scan.document()
    return SettingsFile(path, values, scan.key_places, scan.value_places)


def override(settings: SettingsFile, environ: Mapping[str, str]) -> list[Problem]:
    """Put `SIPGATE_GATE__MODE`, `SIPGATE_SOURCE__HQ__REGION` and the like over the file's values.

    Of several sections of one kind, one is named by its name or by its index from 0.
    Values go in as text; `retype_overrides` reads those again that had to be something else.
    """
    problems = []
    for name, value in sorted(environ.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or "__" not in name:
            continue
        parts = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("_", "-").split("--")
        steps = _named_steps(settings.values, parts)
        complaint = _set_value(settings.values, steps, value)
        if complaint is not None:
            problems.append(Problem(name, None, None, complaint))
            continue
        settings.variables[steps] = name
    return problems


def unknown_variables(
    settings: SettingsFile, model: type[BaseModel], environ: Mapping[str, str]
) -> list[Problem]:
    """Variables that look like ours and that `override` left alone (`SIPGATE_GATE_MODE`)."""
    names = [name for name in sorted(environ) if name.startswith(ENVIRONMENT_PREFIX)]
    wrong = [name for name in names if "__" not in name and name not in NO_KEYS]
    if not wrong:
        return []
    known = {re.sub("_+", "_", name): name for name in _variable_names(settings.values, model)}
    problems = []
    for name in wrong:
        near = get_close_matches(name, known, n=1, cutoff=0.8)
        hint = f'did you mean "{known[near[0]]}"?' if near else "expected SIPGATE_SECTION__KEY"
        problems.append(Problem(name, None, None, f"no key is named so; {hint}"))
    return problems


def _variable_names(values: Mapping[str, object], model: type[BaseModel]) -> Iterator[str]:
    """The variables that could override something in this file."""
    for section in key_names(model):
        found = values.get(section, {})
        parts = [section]
        if isinstance(found, list):
            named = [item.get("name") if isinstance(item, dict) else None for item in found]
            parts = [f"{section}__{name or index}" for index, name in enumerate(named)]
        for part in parts:
            for key in key_names(section_of(model, (section,))):
                yield f"{ENVIRONMENT_PREFIX}{part}__{key}".upper().replace("-", "_")


def retype_overrides(settings: SettingsFile, error: ValidationError) -> bool:
    """Read refused overrides as TOML (`true`, `12`, `["a"]`); False when there are none to try."""
    changed = False
    for steps in settings.variables:
        if not any(_steps(detail)[: len(steps)] == steps for detail in error.errors()):
            continue
        text = _value_at(settings.values, steps)
        if not isinstance(text, str):
            continue
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            continue
        _set_value(settings.values, steps, value)
        changed = True
    return changed


def problems_in(
    settings: SettingsFile, model: type[BaseModel], error: ValidationError
) -> list[Problem]:
    """pydantic's findings in the words of the one who wrote the file."""
    return [
        _problem_of(settings, model, detail) for detail in error.errors() if not _is_echo(detail)
    ]


def suggestion(name: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    """`; did you mean "limit"?`, or all of `known` to choose from, or nothing."""
    names = list(dict.fromkeys(known))
    near = get_close_matches(name.lower(), [*names, *also], n=1, cutoff=0.6)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; expected one of: {', '.join(names)}" if names else ""


def shown(value: object) -> str:
    """A found value as it would stand in the file, short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + (value if len(value) <= 60 else value[:57] + "…") + '"'
    if isinstance(value, tuple | list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return str(value)


def key_names(model: type[BaseModel]) -> dict[str, str]:
    """The keys of a section in the file's spelling, each with the name of its attribute."""
    return {info.alias or name: name for name, info in model.model_fields.items()}


def section_of(model: type[BaseModel], steps: Steps) -> type[BaseModel]:
    """The model that the value at `steps` is read into; the innermost one that is known."""
    for step in steps:
        name = key_names(model).get(step) if isinstance(step, str) else None
        if name is None:
            continue
        inner = _model_in(model.model_fields[name].annotation)
        if inner is None:
            return model
        model = inner
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        if (found := _model_in(argument)) is not None:
            return found
    return None


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether pydantic says this only because of another finding further in."""
    if detail["type"] == "too_short":
        return bool(len(detail["input"]) >= detail["ctx"]["min_length"])
    return detail["type"] == "default_factory_not_called"


def _steps(detail: ErrorDetails) -> Steps:
    return tuple(detail["loc"])


def _problem_of(settings: SettingsFile, model: type[BaseModel], detail: ErrorDetails) -> Problem:
    steps, kind, found = _steps(detail), detail["type"], detail.get("input")
    context = detail.get("ctx", {})
    section = section_of(model, steps[:-1])
    if kind == "extra_forbidden":
        name = str(steps[-1])
        later: Mapping[str, str] = getattr(section, "LATER", {})
        if name in later:
            text = f'"{name}" is not in this version ({later[name]})'
        else:
            text = f'unknown key "{name}"{suggestion(name, key_names(section), [*later])}'
        return settings.problem(steps, text, at_key=True)
    if kind == "missing":
        text = f'missing key "{steps[-1]}"{_where(steps)}'
        return settings.problem(steps[:-1], text, at_key=True)
    match kind:
        case "setting":
            text = str(context["text"])
        case "literal_error":
            known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            text = f"{shown(found)} is not a value of this key{suggestion(str(found), known)}"
        case "less_than_equal":
            text = f"expected at most {context['le']}, found {shown(found)}"
        case "greater_than_equal":
            text = f"expected at least {context['ge']}, found {shown(found)}"
        case "too_short":
            text = "expected at least one"
        case "string_pattern_mismatch":
            text = f"{shown(found)} does not look like this: {context['pattern']}"
        case _:
            text = f"expected {_EXPECTED.get(kind, detail['msg'])}, found {shown(found)}"
    return settings.problem(steps, text)


_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "float_type": "a number",
    "int_type": "a whole number",
    "model_attributes_type": "a table",
    "model_type": "a table",
    "string_type": "text",
    "tuple_type": "a list",
}


def _where(steps: Steps) -> str:
    names = [str(step) for step in steps[:-1] if isinstance(step, str)]
    if not names:
        return ""
    inside = ".".join(names)
    return f" in [[{inside}]]" if isinstance(steps[-2], int) else f" in [{inside}]"


def _syntax_problem(path: Path, text: str, message: str) -> Problem:
    match = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if match is None:
        return Problem(str(path), 1, 1, message)
    told = message[: match.start()]
    told = told[0].lower() + told[1:]
    if match[1] is not None and _TWICE.match(told):
        return _twice(path, text, int(match[1]), int(match[2]))
    if match[1] is None:
        lines = text.split("\n")
        return Problem(str(path), len(lines), len(lines[-1]) + 1, told)
    return Problem(str(path), int(match[1]), int(match[2]), told)


_TWICE = re.compile(
    "cannot (overwrite|declare|mutate|redefine)|duplicate inline"
)  # in tomllib's words


def _twice(path: Path, text: str, line: int, column: int) -> Problem:
    """A key or table that is there again, which tomllib finds after it has read it."""
    end = sum(len(before) + 1 for before in text.split("\n")[: line - 1]) + column - 1
    scan = _Scan(text[:end] + "]" * text.startswith("]", end))  # the end of a table's name
    scan.document()
    steps, place, is_table = scan.last
    first = place
    while first == place and steps:  # a.b.c where a.b is a value: that one is there again
        first = scan.first_places.get(steps, place)
        same, steps = steps, steps[:-1]
    names = ".".join(step for step in same if isinstance(step, str))
    told = f"[{names}]" if is_table else f'key "{names}"'
    return Problem(
        str(path), *place, f"{told} is there for the second time; the first is in line {first[0]}"
    )


def _named_steps(values: object, parts: list[str]) -> Steps:
    """The way to a value; a section's name becomes its index."""
    steps: list[str | int] = []
    for part in parts:
        step: str | int = part
        if isinstance(values, list):
            names = [str(item.get("name")).lower() for item in values if isinstance(item, dict)]
            if part in names:
                step = names.index(part)
            elif part.isdecimal():
                step = int(part)
        steps.append(step)
        values = _value_at(values, (step,))
    return tuple(steps)


def _value_at(values: object, steps: Steps) -> object:
    for step in steps:
        if isinstance(values, dict) and isinstance(step, str):
            values = values.get(step)
        elif isinstance(values, list) and isinstance(step, int) and step < len(values):
            values = values[step]
        else:
            return None
    return values


def _set_value(values: dict[str, object], steps: Steps, value: object) -> str | None:
    """Put the value there; a sentence when there is no such place."""
    inside: object = values
    for step, following in itertools.pairwise(steps):
        if isinstance(inside, dict) and isinstance(step, str):
            inside = inside.setdefault(step, [] if isinstance(following, int) else {})
        elif isinstance(inside, list) and isinstance(step, int) and step < len(inside):
            inside = inside[step]
        else:
            return f"the file has no {_told(steps)} to override"
    last = steps[-1]
    if isinstance(inside, dict) and isinstance(last, str):
        inside[last] = value
        return None
    if isinstance(inside, list) and isinstance(last, int) and last < len(inside):
        inside[last] = value
        return None
    return f"the file has no {_told(steps)} to override"


def _told(steps: Steps) -> str:
    return " ".join(str(step) for step in steps[:2])


class _Scan:
    """Finds the places in a text that `tomllib` has already accepted, in one pass.

    `last`: the key or table that came last, its place, and whether it is a table. `first_places`
    has also what is only implied: of `[a.b]` the `a`.
    """

    def __init__(self, text: str) -> None:
        self.key_places: dict[Steps, tuple[int, int]] = {}
        self.value_places: dict[Steps, tuple[int, int]] = {}
        self.first_places: dict[Steps, tuple[int, int]] = {}
        self.last: tuple[Steps, tuple[int, int], bool] = ((), (1, 1), False)
        self._text = text
        self._at = 0
        self._line = 1
        self._line_starts_at = 0
        self._last_index: dict[Steps, int] = {}  # of each array of tables

    def document(self) -> None:
        """Walk the whole text."""
        table: Steps = ()
        while self._skip_blank():
            if self._text.startswith("[[", self._at):
                table = self._array_table()
            elif self._text[self._at] == "[":
                place = self._place()
                self._move(1)
                table = self._table(self._keys())
                self.key_places[table] = place
                self._note(table, place, is_table=True)
                self._move(1)
            else:
                self._pair(table)

    def _array_table(self) -> Steps:
        place = self._place()
        self._move(2)
        names = self._keys()
        self._move(2)
        array: Steps = (*self._table(names[:-1]), names[-1])
        index = self._last_index.get(array, -1) + 1
        self._last_index[array] = index
        self.key_places.setdefault(array, place)
        self._note(array, place, is_table=True)
        self.key_places[(*array, index)] = place
        return (*array, index)

    def _table(self, names: list[str]) -> Steps:
        steps: Steps = ()
        for name in names:
            steps = (*steps, name)
            if steps in self._last_index:
                steps = (*steps, self._last_index[steps])
        return steps

    def _pair(self, table: Steps) -> None:
        place = self._place()
        steps = table
        for name in self._keys():
            steps = (*steps, name)
            self.key_places.setdefault(steps, place)
        self._note(steps, place, is_table=False)
        self._move(1)  # the equals sign
        self._skip_blank()
        self._value(steps)

    def _note(self, steps: Steps, place: tuple[int, int], *, is_table: bool) -> None:
        for length in range(1, len(steps) + 1):
            self.first_places.setdefault(steps[:length], place)
        self.last = (steps, place, is_table)

    def _keys(self) -> list[str]:
        """A dotted key, with the blanks after it."""
        names = []
        while True:
            self._skip_blank()
            if self._text[self._at] in "\"'":
                quoted = self._string()
                names.append(str(tomllib.loads(f"value = {quoted}")["value"]))
            else:
                start = self._at
                while self._text[self._at] not in " \t.=]":
                    self._move(1)
                names.append(self._text[start : self._at])
            self._skip_blank()
            if self._text[self._at] != ".":
                return names
            self._move(1)

    def _value(self, steps: Steps) -> None:
        self.value_places[steps] = self._place()
        first = self._text[self._at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._items(steps, "]")
        elif first == "{":
            self._items(steps, "}")
        else:
            while self._at < len(self._text) and self._text[self._at] not in ",]}#\n":
                self._move(1)

    def _items(self, steps: Steps, closing: str) -> None:
        self._move(1)
        outer = self.last
        index = 0
        while self._skip_blank() and self._text[self._at] != closing:
            if self._text[self._at] == ",":
                self._move(1)
            elif closing == "}":
                self._pair(steps)
            else:
                self._value((*steps, index))
                index += 1
        if self._at < len(self._text):  # else it is cut off, and its last key was the last
            self.last = outer
        self._move(1)

    def _string(self) -> str:
        start = self._at
        mark = self._text[start]
        quote = mark * 3 if self._text.startswith(mark * 3, start) else mark
        end = start + len(quote)
        while not self._text.startswith(quote, end):
            end += 2 if mark == '"' and self._text[end] == "\\" else 1
        end += len(quote)
        while len(quote) == 3 and self._text[end : end + 1] == mark:
            end += 1  # up to two quotes may stand right before the closing three
        self._move(end - start)
        return self._text[start:end]

    def _skip_blank(self) -> bool:
        """Go to the next character that means something; False at the end."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "#":
                end = self._text.find("\n", self._at)
                self._move((end if end >= 0 else len(self._text)) - self._at)
            elif character in " \t\n":
                self._move(1)
            else:
                return True
        return False

    def _move(self, characters: int) -> None:
        end = self._at + characters
        while (newline := self._text.find("\n", self._at, end)) >= 0:
            self._at = newline + 1
            self._line += 1
            self._line_starts_at = self._at
        self._at = end

    def _place(self) -> tuple[int, int]:
        return self._line, self._at - self._line_starts_at + 1
