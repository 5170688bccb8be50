"""Reading a test file: its cases with their places, or all that is wrong with it at once."""

import os
from collections.abc import Iterable
from collections.abc import Mapping as Mapping_
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from sipgate.gate.problem import Place, PolicyError, Problems, unknown_key
from sipgate.gate.shape import keys, listed, read_shape
from sipgate.gate.yaml_document import Mapping, Node, Scalar, Sequence, read_document, read_raw

from .case_shape import (
    IN_PROGRESS,
    AttemptShape,
    CallShape,
    CaseFileShape,
    CaseShape,
    ConsentShape,
    ExpectShape,
    ListChangeShape,
    WouldShape,
    read_moment,
)

MAX_HISTORY: Final = 500_000  # calls before one attempt: more take minutes and say nothing new
TALKED: Final = ("answered", "refused", "lost", IN_PROGRESS)  # outcomes of calls with an answer

GivenShape = TypeVar("GivenShape", CallShape, ListChangeShape, ConsentShape)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenCall:
    """A call of the past, or several alike."""

    place: Place
    at_us: int
    said: CallShape


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenListChange:
    """A list was changed."""

    place: Place
    at_us: int
    said: ListChangeShape


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenConsent:
    """A consent was given or taken back."""

    place: Place
    at_us: int
    said: ConsentShape


Given: TypeAlias = GivenCall | GivenListChange | GivenConsent


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One part of a decision as it should be; `part` is its key, or `would rule`, `tags X-A`.

    Of `retry-after` the value is the shortest and the longest, in seconds.
    """

    place: Place
    part: str
    value: str | int | tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case. `expected` is in the order of the file."""

    place: Place
    name: str
    given: tuple[Given, ...]
    attempt: AttemptShape
    attempt_place: Place
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A test file. `policy` is the path of the policy that it names, as seen from here."""

    path: Path
    policy: Path
    timezone: str
    cases: tuple[Case, ...]


class BadAttempt(Exception):
    """Words that make no attempt: each with its key (None: one is missing) and what was right."""

    def __init__(self, problems: Sequence_[tuple[str | None, str, str | None]]) -> None:
        self.problems = problems
        super().__init__("; ".join(text for _, text, _ in problems))


def load_cases(path: Path) -> CaseFile:
    """Read and check a test file, but not its policy.

    Raises PolicyError with every mistake in the file; OSError when it can't be read.
    """
    return read_cases(read_raw(path), path)


def read_cases(raw: bytes, path: Path) -> CaseFile:
    """Like `load_cases`, from the file's bytes; `path` is what problems name."""
    return _CaseReader(path).read(raw)


def read_given(raw: bytes, path: Path, attempt_us: int) -> tuple[Given, ...]:
    """A file with nothing but `given`: what has happened before an attempt at that time."""
    reader = _CaseReader(path)
    return reader.history(raw, attempt_us)


def read_attempt(words: Mapping_[str, str | list[str]]) -> AttemptShape:
    """An attempt from its keys and their texts, as a command line has them.

    Raises BadAttempt.
    """
    places = {key: Place(number, 1) for number, key in enumerate(words, 1)}
    entries: dict[str, tuple[Place, Node]] = {
        key: (places[key], _as_node(places[key], value)) for key, value in words.items()
    }
    problems = Problems(Path())
    attempt = read_shape(AttemptShape, Mapping(Place(0, 1), entries), problems)
    if attempt is None:
        keys_by_line = {place.line: key for key, place in places.items()}
        raise BadAttempt(
            [
                (keys_by_line.get(problem.line), problem.text, problem.expected)
                for problem in problems.found
            ]
        )
    return attempt


def _as_node(place: Place, value: str | list[str]) -> Node:
    if isinstance(value, str):
        return Scalar(place, value, is_quoted=False)
    return Sequence(place, [Scalar(place, text, is_quoted=False) for text in value])


class _CaseReader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._problems = Problems(path)
        self._places_by_name: dict[str, Place] = {}

    def read(self, raw: bytes) -> CaseFile:
        root = read_document(raw, self._problems, what="test file", keys="policy and cases")
        shape = read_shape(CaseFileShape, root, self._problems)
        shared = self._given(root)
        timezone = "UTC"
        if shape is not None and shape.timezone is not None:
            timezone = shape.timezone
        cases = [self._case(node, shared) for node in self._items(root, "cases", "a list of cases")]
        policy = None if shape is None else self._policy(root, shape.policy)
        if policy is None or self._problems.found:
            raise PolicyError(self._problems.found)
        return CaseFile(
            path=self._path,
            policy=policy,
            timezone=timezone,
            cases=tuple(case for case in cases if case is not None),
        )

    def history(self, raw: bytes, attempt_us: int) -> tuple[Given, ...]:
        root = read_document(raw, self._problems, what="history", keys="given")
        for key, (place, _) in root.entries.items():
            if key != "given":
                self._problems.add(place, *unknown_key(key, ("given",)))
        given = tuple(self._given(root))
        self._refuse_late(given, attempt_us)
        if self._problems.found:
            raise PolicyError(self._problems.found)
        return given

    def _policy(self, root: Mapping, name: str) -> Path | None:
        path = Path(os.path.normpath(self._path.parent / name))
        if path.is_file():
            return path
        place = root.entries["policy"][1].place
        self._problems.add(place, f"there is no file {path}", "a policy, relative to this file")
        return None

    def _items(self, node: Mapping, key: str, expected: str) -> list[Node]:
        """What stands in a list; nothing for a key that isn't there."""
        if key not in node.entries:
            return []
        _, found = node.entries[key]
        if isinstance(found, Sequence):
            return found.items
        self._problems.add(found.place, f"found {found}", expected)
        return []

    def _case(self, node: Node, shared: list[Given]) -> Case | None:
        before = len(self._problems.found)
        shape = read_shape(CaseShape, node, self._problems)
        if not isinstance(node, Mapping):
            return None
        if shape is not None:
            self._note_name(node.entries["name"][1], shape.name)
        given = (*shared, *self._given(node))
        attempt = None
        if "attempt" in node.entries:
            attempt = read_shape(AttemptShape, node.entries["attempt"][1], self._problems)
        expected = self._expected(node)
        if attempt is not None:
            self._refuse_late(given, attempt.at)
        if shape is None or attempt is None or len(self._problems.found) > before:
            return None
        return Case(
            place=node.place,
            name=shape.name,
            given=given,
            attempt=attempt,
            attempt_place=node.entries["attempt"][1].place,
            expected=tuple(expected),
        )

    def _note_name(self, node: Node, name: str) -> None:
        first = self._places_by_name.setdefault(name, node.place)
        if first != node.place:
            self._problems.add(
                node.place, f"case {node} for the second time; the first is in line {first.line}"
            )

    # History

    def _given(self, node: Mapping) -> list[Given]:
        items = self._items(node, "given", "a list of calls, consents and list changes")
        given = [self._given_item(item) for item in items]
        return [item for item in given if item is not None]

    def _given_item(self, node: Node) -> Given | None:
        if not isinstance(node, Mapping):
            expected = "a mapping with at and a call, a consent or a list"
            self._problems.add(node.place, f"found {node}", expected)
            return None
        if "list" in node.entries:
            change, at_us = self._dated(node, "list", ListChangeShape)
            if change is None or at_us is None:
                return None
            if change.add is None and change.remove is None:
                place = node.entries["list"][1].place
                self._problems.add(place, "a list change without add or remove", "one or both")
            return GivenListChange(place=node.place, at_us=at_us, said=change)
        if "consent" in node.entries:
            consent, at_us = self._dated(node, "consent", ConsentShape)
            if consent is None or at_us is None:
                return None
            return GivenConsent(place=node.place, at_us=at_us, said=consent)
        call = read_shape(CallShape, node, self._problems)
        if call is None:
            return None
        self._check_call(node, call)
        return GivenCall(place=node.place, at_us=call.at, said=call)

    def _dated(
        self, node: Mapping, key: str, shape: type[GivenShape]
    ) -> tuple[GivenShape | None, int | None]:
        """What stands under `key`, and when it was."""
        for other, (place, _) in node.entries.items():
            if other not in ("at", key):
                self._problems.add(place, *unknown_key(other, ("at", key)))
        at_us = None
        if "at" not in node.entries:
            self._problems.add(node.place, 'the key "at" is missing')
        else:
            at_us = read_moment(node.entries["at"][1], self._problems)
        return read_shape(shape, node.entries[key][1], self._problems), at_us

    def _check_call(self, node: Mapping, call: CallShape) -> None:
        """What can't be of one and the same call."""

        def refuse(key: str, text: str, expected: str) -> None:
            if key in node.entries:
                self._problems.add(node.entries[key][0], text, expected)

        if call.verdict == "reject":
            for key in ("outcome", "status", "ring", "talk", "ended-by", "cancelled"):
                refuse(key, f"{key} of a call that was refused", "verdict: allow or tag")
        else:
            refuse("rule", "rule of a call that was let through", "verdict: reject")
        if call.outcome is None:
            for key in ("status", "ring", "talk", "ended-by", "cancelled", "info-digits"):
                refuse(key, f"{key} without outcome", "what became of the call")
        elif call.outcome not in TALKED:
            refuse("talk", f"talk of a call that was {call.outcome}", listed(TALKED))

    def _refuse_late(self, given: Iterable[Given], attempt_us: int) -> None:
        """History is what was before the attempt; what it takes is bounded."""
        calls = 0
        for item in given:
            if item.at_us > attempt_us:
                self._problems.add(item.place, "this is after the attempt", "history")
            if isinstance(item, GivenCall):
                calls += item.said.repeat
                last_us = item.at_us + (item.said.repeat - 1) * (item.said.every or 0) * 1000
                if item.at_us <= attempt_us < last_us:
                    self._problems.add(
                        item.place, "the last of these calls is after the attempt", "history"
                    )
                if calls > MAX_HISTORY:
                    self._problems.add(item.place, f"{calls} calls", f"at most {MAX_HISTORY}")
                    return

    # Expectations

    def _expected(self, node: Mapping) -> list[Expected]:
        if "expect" not in node.entries:
            return []
        _, found = node.entries["expect"]
        shape = read_shape(ExpectShape, found, self._problems)
        if shape is None:
            return []
        assert isinstance(found, Mapping)
        if not found.entries:
            self._problems.add(found.place, "nothing is expected", listed(keys(ExpectShape)))
        parts: list[Expected] = []
        for key, (place, value) in found.entries.items():
            if key == "tags":
                parts += self._expected_tags(place, value)
            elif key == "would":
                parts += self._expected_would(place, value)
            else:
                wanted = getattr(shape, key.replace("-", "_"))
                parts.append(Expected(place=place, part=key, value=wanted))
        return parts

    def _expected_tags(self, place: Place, node: Node) -> list[Expected]:
        if not isinstance(node, Mapping):
            self._problems.add(node.place, f"found {node}", "header names with their values")
            return []
        if not node.entries:
            return [Expected(place=place, part="tags", value=None)]
        parts = []
        for name, (at, value) in node.entries.items():
            if not isinstance(value, Scalar):
                self._problems.add(value.place, f"found {value}", "text, or ~ for none")
                continue
            wanted = None if value.is_empty else value.text
            parts.append(Expected(place=at, part=f"tags {name}", value=wanted))
        return parts

    def _expected_would(self, place: Place, node: Node) -> list[Expected]:
        if isinstance(node, Scalar) and node.is_empty:
            return [Expected(place=place, part="would", value=None)]
        shape = read_shape(WouldShape, node, self._problems)
        if shape is None:
            return []
        assert isinstance(node, Mapping)
        return [
            Expected(place=at, part=f"would {key}", value=getattr(shape, key))
            for key, (at, _) in node.entries.items()
        ]
