"""What is wrong in a policy file or one that it names, and where."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake; `line` and `column` count from 1. `expected` is what would have been right."""

    file: Path
    line: int
    column: int
    text: str
    expected: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: {self.text}"
        return where if self.expected is None else f"{where}; expected {self.expected}"


class PolicyError(Exception):
    """A policy file that can't be used, with all that is wrong with it, in its order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Problems:
    """Gathers what is wrong with one file, so that all of it can be said at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.found: list[Problem] = []

    def add(self, place: Place, text: str, expected: str | None = None) -> None:
        self.found.append(
            Problem(
                file=self._file,
                line=place.line,
                column=place.column,
                text=text,
                expected=expected,
            )
        )

    def fail(self, place: Place, text: str, expected: str | None = None) -> NoReturn:
        """Add one that nothing can be read beyond, and raise them all."""
        self.add(place, text, expected)
        raise PolicyError(self.found)


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` with the nearest of the known words, or nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def unknown_key(key: str, known: Iterable[str]) -> tuple[str, str | None]:
    """What is wrong with a key that nobody knows, and what would be right."""
    if key in ("include", "includes", "import", "extends"):
        return f'unknown key "{key}": a policy is one file', "its rules written out"
    return f'unknown key "{key}"{nearest(key, known)}', None
