"""A YAML file that people write, checked by a model, with mistakes named by file and line.

Every scalar is taken as text in its own spelling (`+4930…` and `0301…` must not become numbers);
the model turns it into what it wants. Anchors and aliases are refused, a doubled key is an error.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_FILE_BYTES = 1 << 20  # a thousand times the longest example

Tree = str | None | list["Tree"] | dict[str, "Tree"]
Place = tuple[int | str, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """One mistake in a file, in words for whoever wrote it."""

    file: Path
    line: int | None  # from 1; None: the file as a whole
    text: str
    expected: str | None = None

    def __str__(self) -> str:
        where = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.text}" + (f"; expected {self.expected}" if self.expected else "")


class BadFile(Exception):
    """A file that can't be used; `problems` has everything that is wrong with it."""

    def __init__(self, problems: tuple[FileProblem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Section(BaseModel):
    """A mapping in such a file: keys are written with hyphens, unknown ones are mistakes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        alias_generator=lambda name: name.replace("_", "-"),
    )


def read_document(path: Path, model: type[M]) -> M:
    """Read a file into its model; raises BadFile."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _bad(path, None, f"can't be read: {error.strerror}") from error
    return parse_document(raw, path, model)


def parse_document(raw: bytes, path: Path, model: type[M]) -> M:
    """Check text as if it stood in `path`; raises BadFile."""
    lines: dict[Place, int] = {}
    tree = _parse(raw, path, lines)
    if not isinstance(tree, dict):
        raise _bad(path, 1, "no keys at the top", "a mapping of keys to values")
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        problems = tuple(_problems(error, tree, lines, path, model))
        raise BadFile(tuple(sorted(problems, key=lambda problem: problem.line or 0))) from None


def _parse(raw: bytes, path: Path, lines: dict[Place, int]) -> Tree:
    if len(raw) > MAX_FILE_BYTES:
        raise _bad(path, None, f"{len(raw)} bytes long", f"at most {MAX_FILE_BYTES}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _bad(path, line, f"byte 0x{raw[error.start]:02x} is not UTF-8", "UTF-8") from error
    try:
        node = YAML(typ="safe", pure=True).compose(text)
        return _tree(node, (), lines, set(), path)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _bad(path, mark.line + 1 if mark else None, f"not YAML: {error.problem}") from error
    except YAMLError as error:
        raise _bad(path, None, f"not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise _bad(path, None, "nested too deeply") from error


def _tree(
    node: Node | None, place: Place, lines: dict[Place, int], seen: set[int], path: Path
) -> Tree:
    if node is None:
        return None
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if id(node) in seen or node.anchor is not None:
        raise _bad(path, line, "an anchor or alias", "the value itself, written out")
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        is_plain = node.style is None
        return None if is_plain and node.value in ("", "~", "null") else str(node.value)
    if isinstance(node, SequenceNode):
        return [
            _tree(item, (*place, index), lines, seen, path) for index, item in enumerate(node.value)
        ]
    assert isinstance(node, MappingNode), node
    mapping: dict[str, Tree] = {}
    for key_node, value_node in node.value:
        key_line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode):
            raise _bad(path, key_line, "a key that is no word", "a word")
        key = str(key_node.value)
        if key in mapping:
            raise _bad(path, key_line, f'key "{key}" a second time', "each key once")
        lines[(*place, key)] = key_line
        mapping[key] = _tree(value_node, (*place, key), lines, seen, path)
    return mapping


def _problems(
    error: ValidationError,
    tree: Tree,
    lines: dict[Place, int],
    path: Path,
    model: type[BaseModel],
) -> Iterator[FileProblem]:
    details = error.errors(include_url=False)
    for detail in details:
        place: Place = detail["loc"]
        if detail["type"] == "too_short" and any(
            other["loc"][: len(place)] == place and len(other["loc"]) > len(place)
            for other in details
        ):
            continue  # only because its items are wrong, which is told
        text, expected = _words(detail["type"], detail["msg"], place, tree, model)
        yield FileProblem(file=path, line=_line(lines, place), text=text, expected=expected)


def _words(
    kind: str, message: str, place: Place, tree: Tree, model: type[BaseModel]
) -> tuple[str, str | None]:
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    if kind == "extra_forbidden":
        known = _known_keys(model, place[:-1])
        near = difflib.get_close_matches(key, known, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        return f'unknown key "{key}"{hint}', None if near else "one of " + ", ".join(known)
    if kind == "missing":
        return f'key "{key}" is missing', None
    if kind == "value_error":
        said, _, wanted = message.removeprefix("Value error, ").partition("; expected ")
        return (f"{key}: {said}" if place and place[-1] == key else said), wanted or None
    found = _at(tree, place)
    shown = f'"{found}"' if isinstance(found, str) else "a mapping or list" if found else "nothing"
    if kind == "too_short":
        return f"{key}: too little", "at least one item"
    expected = message.removeprefix("Input should be ").split(", unable")[0]
    return f"{key}: {shown}", expected[:1].lower() + expected[1:]


def _line(lines: dict[Place, int], place: Place) -> int | None:
    while place not in lines and place:
        place = place[:-1]
    return lines.get(place)


def _at(tree: Tree, place: Place) -> Tree:
    for part in place:
        if isinstance(tree, dict) and isinstance(part, str):
            tree = tree.get(part)
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
        else:
            return None
    return tree


def _known_keys(model: type[BaseModel], place: Place) -> list[str]:
    for part in place:
        if isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        inner = _model_in(fields[part].annotation) if part in fields else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:  # a typing form, whatever it is
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _bad(path: Path, line: int | None, text: str, expected: str | None = None) -> BadFile:
    return BadFile((FileProblem(file=path, line=line, text=text, expected=expected),))
