"""A YAML document as a tree in which everything knows its place and its own spelling.

YAML 1.2. Scalars stay the text that they were written as: whether `2026.10` is a revision or a
number is for whoever reads the field. Anchors, aliases, tags and doubled keys are problems.
"""

import re
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from .problem import Place, Problems

MAX_BYTES = 1_000_000
MAX_DEPTH = 20

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value as it was written, without its quotes."""

    place: Place
    text: str
    is_quoted: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written, or what YAML 1.2 takes for nothing."""
        return not self.is_quoted and self.text in ("", "~", "null", "Null", "NULL")

    def __str__(self) -> str:
        if self.is_empty:
            return "nothing"
        return f'the text "{self.text}"' if self.is_quoted else f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Sequence:
    place: Place
    items: list["Node"] = field(default_factory=list)

    def __str__(self) -> str:
        return "a list"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys with their own place and their value."""

    place: Place
    entries: dict[str, tuple[Place, "Node"]] = field(default_factory=dict)

    def __str__(self) -> str:
        return "a mapping"


Node: TypeAlias = Scalar | Sequence | Mapping


class _Mark(Protocol):
    line: int
    column: int


def read_document(raw: bytes, problems: Problems) -> Mapping:
    """The document in `raw`; what can be read past is added to `problems`.

    Raises PolicyError for what isn't YAML or isn't a mapping.
    """
    reader = _Reader(problems)
    text = reader.decode(raw)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            reader.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.fail(Place(mark.line + 1, mark.column + 1), *_syntax(error, text, mark))
    except YAMLStreamError as error:
        problems.fail(Place(1, 1), f"not YAML: {error}")
    except (ValueError, RecursionError) as error:
        problems.fail(Place(1, 1), f"not YAML: {error}")
    root = reader.root
    if root is None:
        problems.fail(Place(1, 1), "the file is empty", "a policy")
    if not isinstance(root, Mapping):
        problems.fail(root.place, f"found {root}", "a mapping with policy, revision and rules")
    return root


class _Reader:
    """Builds the tree from events, without recursion."""

    def __init__(self, problems: Problems) -> None:
        self.root: Node | None = None
        self._problems = problems
        self._open: list[Sequence | Mapping] = []
        self._keys: list[tuple[str, Place] | None] = []  # of each open mapping: key without value

    def decode(self, raw: bytes) -> str:
        if len(raw) > MAX_BYTES:
            self._problems.fail(Place(1, 1), f"{len(raw)} bytes", f"at most {MAX_BYTES}")
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            self._problems.fail(Place(1, 1), "UTF-16", "UTF-8")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = raw[: error.start].decode("utf-8-sig", "replace")
            self._problems.fail(
                _place_after(before), f"byte 0x{raw[error.start]:02x} is not UTF-8", "UTF-8"
            )
        control = _CONTROL.search(text)
        if control is not None:
            self._problems.fail(
                _place_after(text[: control.start()]),
                f"control character U+{ord(control[0]):04X}",
                "text",
            )
        return text

    def take(self, event: Event) -> None:
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case DocumentStartEvent():
                if self.root is not None:
                    self._problems.fail(place, "a second document", "one policy per file")
                if event.version is not None and tuple(event.version) != (1, 2):
                    self._problems.fail(place, "a %YAML line of another version", "YAML 1.2")
                if event.tags:
                    self._problems.add(place, "a %TAG line", "no tags")
            case AliasEvent():
                self._problems.add(place, f'alias "*{event.anchor}"', "no anchors or aliases")
                self._put(Scalar(place, "", is_quoted=False))
            case ScalarEvent():
                self._plain(event, place)
                # A style is there for quotes and for the block forms | and >.
                self._put(Scalar(place, event.value, is_quoted=bool(event.style)))
            case MappingStartEvent():
                self._plain(event, place)
                self._enter(Mapping(place))
            case SequenceStartEvent():
                self._plain(event, place)
                self._enter(Sequence(place))
            case MappingEndEvent() | SequenceEndEvent():
                self._open.pop()
                self._keys.pop()
            case _:
                pass

    def _plain(
        self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, at: Place
    ) -> None:
        if event.anchor is not None:
            self._problems.add(at, f'anchor "&{event.anchor}"', "no anchors or aliases")
        if event.tag is not None:
            self._problems.add(at, f'tag "{event.tag}"', "no tags")

    def _enter(self, node: Sequence | Mapping) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._problems.fail(node.place, "nested too deeply", f"at most {MAX_DEPTH} levels")
        self._put(node)
        self._open.append(node)
        self._keys.append(None)

    def _put(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is None:
            if not isinstance(node, Scalar):
                self._problems.add(node.place, f"{node} as a key", "text")
            text = node.text if isinstance(node, Scalar) else f"({node})"
            self._keys[-1] = (text, node.place)
            return
        self._keys[-1] = None
        name, place = key
        if name in parent.entries:
            first = parent.entries[name][0]
            self._problems.add(
                place, f'key "{name}" for the second time; the first is in line {first.line}'
            )
            return
        parent.entries[name] = (place, node)


def _place_after(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _syntax(error: MarkedYAMLError, text: str, mark: _Mark) -> tuple[str, str | None]:
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab in the indentation", "spaces"
    if "'\\t'" in str(error.problem):
        return "a tab", "spaces"
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    return f"not YAML: {said}", None
