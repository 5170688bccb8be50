"""A YAML document as a tree in which everything knows its place and its own spelling.

YAML 1.2. Scalars stay the text that they were written as: whether `2026.10` is a revision or a
number is for whoever reads the field. Anchors, aliases, tags and doubled keys are problems.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
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
_HALF = re.compile("[\ud800-\udfff]")
_QUOTED = re.compile(r"""\"[^"]*\"|'[^']*'|#.*""")  # in one line, or a comment
_BYTE_ORDER_MARK = "\ufeff"

LOOKALIKES = {
    # What an input method or a web page writes in the place of YAML's own characters.
    "：": ":",
    "，": ",",
    "｛": "{",
    "｝": "}",
    "［": "[",
    "］": "]",
    "＃": "#",
    "－": "-",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "\u3000": "a space",
    "\xa0": "a space",
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value as it was written, without its quotes.

    `lead` is how many columns after `place` the text begins, where it stands in one line and in
    the file as it is here; None where escapes or line breaks make that unlike.
    """

    place: Place
    text: str
    is_quoted: bool
    lead: int | None = None

    def place_of(self, offset: int) -> Place:
        """Where a character of the text stands; where that can't be said, the value."""
        if self.lead is None:
            return self.place
        return Place(self.place.line, self.place.column + self.lead + offset)

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


def read_raw(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """A file's bytes, one more than `max_bytes` at most: a device never ends. Raises OSError."""
    with path.open("rb") as file:
        return file.read(max_bytes + 1)


def read_document(
    raw: bytes,
    problems: Problems,
    *,
    what: str = "policy",
    keys: str = "policy, revision and rules",
) -> Mapping:
    """The document in `raw`; what can be read past is added to `problems`.

    `what` the file is, and which `keys` it has, is for the message that it isn't one. Raises
    PolicyError for what isn't YAML or isn't a mapping.
    """
    reader = _Reader(problems, what)
    text = reader.decode(raw)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            reader.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.fail(*_syntax(error, text, mark))
    except YAMLStreamError as error:
        problems.fail(Place(1, 1), f"not YAML: {error}")
    except (ValueError, RecursionError) as error:
        problems.fail(Place(1, 1), f"not YAML: {error}")
    root = reader.root
    if root is None:
        problems.fail(Place(1, 1), "the file is empty", f"a {what}")
    if not isinstance(root, Mapping):
        problems.fail(root.place, f"found {root}", f"a mapping with {keys}")
    return root


class _Reader:
    """Builds the tree from events, without recursion."""

    def __init__(self, problems: Problems, what: str) -> None:
        self.root: Node | None = None
        self._problems = problems
        self._what = what
        self._open: list[Sequence | Mapping] = []
        self._keys: list[tuple[str, Place] | None] = []  # of each open mapping: key without value

    def decode(self, raw: bytes) -> str:
        if len(raw) > MAX_BYTES:
            self._problems.fail(Place(1, 1), f"more than {MAX_BYTES} bytes", "a smaller file")
        other = _other_encoding(raw)
        if other is not None:
            self._problems.fail(Place(1, 1), other, "UTF-8")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = raw[: error.start].decode("utf-8-sig", "replace")
            found = f"byte 0x{raw[error.start]:02x} is not UTF-8"
            if _is_gbk(raw):
                found += "; the file looks like GBK"
            self._problems.fail(_place_after(before), found, "UTF-8")
        at = text.find(_BYTE_ORDER_MARK)
        if at >= 0:
            self._problems.fail(
                _place_after(text[:at]),
                "a byte order mark inside the file",
                "one at its beginning, or none",
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
                    self._problems.fail(place, "a second document", f"one {self._what} per file")
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
                self._put(Scalar(place, self._text(event, place), bool(event.style), _lead(event)))
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
            includes = event.tag.startswith("!include")
            expected = "no tags: a policy is one file" if includes else "no tags"
            self._problems.add(at, f'tag "{event.tag}"', expected)

    def _text(self, event: ScalarEvent, at: Place) -> str:
        """What it says; an escape such as "\\ud800" makes half a character, which no UTF-8 has."""
        text: str = event.value
        half = _HALF.search(text)
        if half is None:
            return text
        self._problems.add(at, f"half a character, U+{ord(half[0]):04X}", "a whole one")
        return _HALF.sub("\ufffd", text)

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


def _lead(event: ScalarEvent) -> int | None:
    """How many characters of quotes stand before the text, if it is in the file as it was read."""
    start, end = event.start_mark, event.end_mark
    quotes = 1 if event.style in ("'", '"') else 0
    is_same = start.line == end.line and end.column - start.column == len(event.value) + 2 * quotes
    return quotes if is_same and event.style in (None, "", "'", '"') else None


def _place_after(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _other_encoding(raw: bytes) -> str | None:
    """What the file is written in when two or four bytes make a character of it."""
    if raw.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return "UTF-32"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    head = raw[:512]
    # Without a mark: text in which every second byte of the Latin letters is zero.
    for zeros, letters in ((head[1::2], head[::2]), (head[::2], head[1::2])):
        if len(zeros) > 1 and zeros.count(0) * 2 > len(zeros) and 0 not in letters:
            return "UTF-16"
    return None


def _is_gbk(raw: bytes) -> bool:
    """Whether the bytes make sense as GBK: mostly Chinese in what isn't ASCII.

    Asked is its common part, GB 2312, which can't be Latin-1 by chance as easily.
    """
    try:
        text = raw.decode("gb2312")
    except UnicodeDecodeError:
        return False
    others = [character for character in text if character > "\x7f"]
    return sum("\u2e80" <= character <= "\uffef" for character in others) * 2 > len(others)


def _syntax(error: MarkedYAMLError, text: str, mark: _Mark) -> tuple[Place, str, str | None]:
    """Where a document stops being YAML, what is there, what would be right."""
    lines = text.split("\n")
    at = Place(mark.line + 1, mark.column + 1)
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return at, "a tab in the indentation", "spaces"
    if "'\\t'" in str(error.problem):
        return at, "a tab", "spaces"
    begun: _Mark | None = error.context_mark
    first = max(0, mark.line - 1) if begun is None else begun.line
    for number, one in enumerate(lines[first : mark.line + 1], first + 1):
        bare = _QUOTED.sub(lambda found: " " * len(found[0]), one)
        for column, character in enumerate(bare, 1):
            if character in LOOKALIKES:
                found = f'"{character}" (U+{ord(character):04X})'
                return Place(number, column), found, LOOKALIKES[character]
    if begun is not None and "end of stream" in str(error.problem):
        return Place(begun.line + 1, begun.column + 1), "a quote that is never closed", None
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    if begun is not None and begun.line < mark.line:
        said += f" (it begins in line {begun.line + 1})"
    return at, f"not YAML: {said}", None
