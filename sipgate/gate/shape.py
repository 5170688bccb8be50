"""The shapes of a policy file: pydantic models that read a tree of nodes, each with its place.

A field's type says how text is read, its description what the manual says. `read_shape` turns
all that pydantic finds into problems with line and column.
"""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from .problem import Problems, nearest, unknown_key
from .yaml_document import Mapping, Node, Scalar, Sequence

MAX_POINTS = 100  # all that a caller can lose
MAX_LIMIT = 10_000_000
MAX_SECONDS = 400 * 86_400  # a year and a month

DURATION = r"^[0-9]{1,9}[smhdw]$"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

ShapeType = TypeVar("ShapeType", bound="Shape")


class Shape(BaseModel):
    """A mapping with known keys; a key is its field's name with hyphens."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
    )

    @classmethod
    def wrong_together(cls, present: Collection[str]) -> tuple[str, str] | None:
        """What is wrong with these keys in one mapping, and what would be right; None: nothing."""
        return None


def wrong(text: str, expected: str | None = None) -> PydanticCustomError:
    """The error of a field: what was found, what would have been right."""
    return PydanticCustomError("policy", "{text}", {"text": text, "expected": expected})


def read_shape(shape: type[ShapeType], node: Node, problems: Problems) -> ShapeType | None:
    """Read a node; None when something was wrong, which is then in `problems`."""

    if not isinstance(node, Mapping):
        problems.add(node.place, f"found {node}", f"a mapping with {listed(keys(shape))}")
        return None
    together = None
    if node.entries.keys() <= set(keys(shape)):  # else what is missing may only be misspelled
        together = shape.wrong_together(node.entries.keys())
    if together is not None:
        problems.add(node.place, *together)
    try:
        read = shape.model_validate(_entries(node))
    except ValidationError as error:
        for one in error.errors(include_url=False):
            _add(problems, shape, node, one)
        return None
    return None if together is not None else read


def keys(shape: type[Shape]) -> list[str]:
    """The keys that a shape knows."""
    return [field.alias or name for name, field in shape.model_fields.items()]


def listed(words: Iterable[str]) -> str:
    """Words for people: `a, b or c`."""
    *head, last = words
    return f"{', '.join(head)} or {last}" if head else last


def _entries(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: node for key, (_, node) in value.entries.items()}
    if isinstance(value, Scalar | Sequence):
        raise wrong(f"found {value}", "a mapping")
    return value


def _items(value: object) -> object:
    if isinstance(value, Sequence):
        if not value.items:
            raise wrong("found an empty list", "at least one value")
        return value.items
    return [value]


def _text(value: object) -> object:
    if not isinstance(value, Scalar) or value.is_empty:
        raise wrong(f"found {value}", "text")
    return value.text


def _whole(value: object) -> object:
    if isinstance(value, Scalar) and not value.is_quoted:
        number = int(value.text) if re.fullmatch(r"[0-9]{1,12}", value.text) else MAX_LIMIT + 1
        if number <= MAX_LIMIT:
            return number
    raise wrong(f"found {value}", f"a whole number from 0 to {MAX_LIMIT}")


def _yes_or_no(value: object) -> object:
    if isinstance(value, Scalar) and not value.is_quoted:
        if value.text in ("true", "True", "TRUE"):
            return True
        if value.text in ("false", "False", "FALSE"):
            return False
    raise wrong(f"found {value}", "true or false")


def _seconds(value: object) -> object:
    seconds = read_seconds(value.text) if isinstance(value, Scalar) else None
    if seconds is None:
        raise wrong(f"found {value}", "a duration such as 30s, 40m, 24h, 7d or 2w")
    if not 1 <= seconds <= MAX_SECONDS:
        raise wrong(f"found {value}", "a duration from 1s to 400d")
    return seconds


def reads(function: Callable[[object], object], **schema: object) -> BeforeValidator:
    """What reads a field, with the JSON Schema of what it takes, for editors."""
    return BeforeValidator(function, json_schema_input_type=Annotated[Any, WithJsonSchema(schema)])


def _per_mille(value: object) -> object:
    if isinstance(value, Scalar) and not value.is_quoted:
        found = re.fullmatch(r"([0-9])(?:\.([0-9]{1,3}))?", value.text)
        if found:
            share = 1000 * int(found[1]) + int((found[2] or "").ljust(3, "0"))
            if share <= 1000:
                return share
    raise wrong(f"found {value}", "a share from 0 to 1, with up to three decimals such as 0.15")


def _milli_points(value: object) -> object:
    if isinstance(value, Scalar) and not value.is_quoted:
        found = re.fullmatch(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?", value.text)
        if found:
            points = 1000 * int(found[1]) + int((found[2] or "").ljust(3, "0"))
            if points <= MAX_POINTS * 1000:
                return points
    raise wrong(f"found {value}", f"points from 0 to {MAX_POINTS}, such as 4 or 0.5")


def choice(*options: str) -> BeforeValidator:
    """For a field that takes one of these words."""

    def check(value: object) -> object:
        text = value.text if isinstance(value, Scalar) else None
        if text not in options:
            hint = nearest(text or "", options)
            raise wrong(f"found {value}{hint}", listed(options))
        return text

    return reads(check, enum=list(options))


def read_seconds(text: str) -> int | None:
    """`40m` as seconds; None when it is no duration."""
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text)
    return int(found[1]) * UNITS[found[2]] if found else None


def spelled_duration(seconds: int) -> str:
    """Seconds as a policy writes them, in the largest unit that fits."""
    for unit, length in reversed(UNITS.items()):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _add(problems: Problems, shape: type[Shape], root: Node, error: ErrorDetails) -> None:
    """One of pydantic's errors as a problem, at the key or the value that it is about."""
    loc = error["loc"]
    match error["type"]:
        case "extra_forbidden":
            parent, key = _node_at(root, loc[:-1]), str(loc[-1])
            assert isinstance(parent, Mapping)
            known = keys(_shape_at(shape, loc[:-1]))
            problems.add(parent.entries[key][0], *unknown_key(key, known))
        case "missing":
            problems.add(_node_at(root, loc[:-1]).place, f'the key "{loc[-1]}" is missing')
        case "policy":
            context = error["ctx"]
            problems.add(_node_at(root, loc).place, context["text"], context["expected"])
        case _:
            problems.add(_node_at(root, loc).place, error["msg"])


def _node_at(node: Node, loc: tuple[int | str, ...]) -> Node:
    for part in loc:
        if isinstance(node, Mapping) and part in node.entries:
            node = node.entries[str(part)][1]
        elif isinstance(node, Sequence) and isinstance(part, int):
            node = node.items[part]
    return node


def _shape_at(shape: type[Shape], loc: tuple[int | str, ...]) -> type[Shape]:
    for part in loc:
        if isinstance(part, int):
            continue
        field = next(f for f in shape.model_fields.values() if f.alias == part)
        inner = field.annotation
        for candidate in (inner, *getattr(inner, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, Shape):
                shape = candidate
    return shape


TEXT_SCHEMA = ("string", "number", "boolean")  # a revision 2026.10 is text, whatever it looks like

NodeField = Any  # a node that its owner reads
TextField = Annotated[str, reads(_text, type=list(TEXT_SCHEMA))]
WholeField = Annotated[int, reads(_whole, type="integer", minimum=0, maximum=MAX_LIMIT)]
FlagField = Annotated[bool, reads(_yes_or_no, type="boolean")]
SecondsField = Annotated[int, reads(_seconds, type="string", pattern=DURATION)]
MilliPointsField = Annotated[
    int, reads(_milli_points, type="number", minimum=0, maximum=MAX_POINTS)
]
PerMilleField = Annotated[int, reads(_per_mille, type="number", minimum=0, maximum=1)]
Inner = BeforeValidator(_entries)
Items = BeforeValidator(_items)
