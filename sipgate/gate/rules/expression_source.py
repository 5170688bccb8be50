"""The text of an expression: which facts it names, and that it names nothing else.

CEL (github.com/google/cel-spec) with less in it: no macros over lists, and no names but the facts.
What is left always ends, after a time that the text's length bounds.
"""

import re
from typing import Final, NamedTuple

from sipgate.gate.problem import nearest
from sipgate.gate.shape import listed

ATTEMPT_FACTS: Final = (
    *("time", "local_hour", "cli", "caller", "campaign", "organisation", "source", "user_agent"),
)
CALLEE_FACTS: Final = ("number", "kind", "country", "region")
FACTS: Final = (
    *(f"attempt.{name}" for name in ATTEMPT_FACTS),
    *(f"callee.{name}" for name in CALLEE_FACTS),
)
ROOTS: Final = ("attempt", "callee")

MACROS: Final = ("all", "exists", "exists_one", "existsOne", "map", "filter")
FUNCTIONS: Final = ("double", "duration", "dyn", "int", "size", "string", "timestamp", "uint")
METHODS: Final = (
    *("contains", "endsWith", "matches", "size", "startsWith"),
    *("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours"),
    *("getMilliseconds", "getMinutes", "getMonth", "getSeconds"),
)
WORDS: Final = ("true", "false", "null", "in")

MAX_CHARACTERS = 1000
MAX_NESTING = 20

_TOKEN = re.compile(
    r"""
    (?P<space> \s+ | //[^\n]* )
  | (?P<text> [bB]?[rR][bB]? (?: \"{3} .*? \"{3} | '{3} .*? '{3} | "[^"\n]*" | '[^'\n]*' )
      | [bB]? (?: \"{3} (?:\\.|[^\\])*? \"{3} | '{3} (?:\\.|[^\\])*? '{3}
      | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' ) )
  | (?P<number> (?: 0[xX][0-9a-fA-F]+ | [0-9]+ (?:\.[0-9]+)? (?:[eE][+-]?[0-9]+)?
      | \.[0-9]+ (?:[eE][+-]?[0-9]+)? ) [uU]? )
  | (?P<name> [_a-zA-Z][_a-zA-Z0-9]* )
  | (?P<mark> . )
    """,
    re.X | re.S,
)


class BadExpression(Exception):
    """What is wrong in an expression, `offset` characters into it, and what would be right."""

    def __init__(self, offset: int, text: str, expected: str | None = None) -> None:
        super().__init__(text)
        self.offset = offset
        self.text = text
        self.expected = expected


class Token(NamedTuple):
    """A piece of the text; `kind` is text, number, name or mark."""

    kind: str
    text: str
    offset: int


class Source(NamedTuple):
    """An expression that names nothing but facts.

    `flat` is the same with one name for each fact (`attempt_cli`), which costs a third to ask;
    `facts` are those that it names. `constant_calls` are those of its calls, with their offsets,
    whose arguments are constants: what is wrong in one is always wrong. `patterns` are what
    `matches` looks for, as they are written.
    """

    flat: str
    facts: tuple[str, ...]
    constant_calls: tuple[tuple[int, str], ...]
    patterns: tuple[tuple[int, str], ...]


def read_source(text: str) -> Source:
    """Check an expression's names and its size; raises BadExpression. CEL checks its grammar."""
    if len(text) > MAX_CHARACTERS:
        raise BadExpression(MAX_CHARACTERS, f"{len(text)} characters", f"at most {MAX_CHARACTERS}")
    tokens = [
        Token(str(match.lastgroup), match[0], match.start())
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "space"
    ]
    _check_marks(tokens)
    return _Reader(tokens).read(text)


def flat_name(fact: str) -> str:
    """The one name that a fact has in `Source.flat`."""
    return fact.replace(".", "_")


def _check_marks(tokens: list[Token]) -> None:
    """Every text has its end, and brackets are not too deep in each other."""
    depth = 0
    for token in tokens:
        if token.kind == "mark" and token.text in "'\"":
            raise BadExpression(token.offset, "a text without its end", token.text)
        if token.kind == "mark" and token.text in "([{":
            depth += 1
            if depth > MAX_NESTING:
                raise BadExpression(
                    token.offset, "nested too deeply", f"at most {MAX_NESTING} brackets in another"
                )
        elif token.kind == "mark" and token.text in ")]}":
            depth -= 1


class _Reader:
    """Walks through the tokens once."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._facts: dict[str, None] = {}
        self._edits: list[tuple[int, int, str]] = []  # from, to, new text
        self._constant_calls: list[tuple[int, str]] = []
        self._patterns: list[tuple[int, str]] = []

    def read(self, text: str) -> Source:
        index = 0
        while index < len(self._tokens):
            token = self._tokens[index]
            if token.kind == "name":
                index = self._read_name(index)
            else:
                index += 1
        pieces, done = [], 0
        for start, end, new in self._edits:
            pieces += [text[done:start], new]
            done = end
        flat = "".join(pieces) + text[done:]
        return Source(flat, tuple(self._facts), tuple(self._constant_calls), tuple(self._patterns))

    def _read_name(self, index: int) -> int:
        """Read what begins with a name; gives the index after it."""
        token = self._tokens[index]
        is_member = self._is(index - 1, ".")
        is_call = self._is(index + 1, "(")
        if is_call and token.text in MACROS:
            raise BadExpression(
                token.offset, f'"{token.text}" is a macro over lists', "no macros over lists"
            )
        if is_member:
            if not is_call:
                raise BadExpression(
                    token.offset, f'"{token.text}" of what is no fact', listed(ROOTS) + " before it"
                )
            return self._read_method(index)
        if is_call:
            return self._read_function(index)
        if token.text in ROOTS:
            return self._read_fact(index)
        if token.text not in WORDS:
            hint = nearest(token.text, (*FACTS, *ATTEMPT_FACTS, *CALLEE_FACTS))
            raise BadExpression(token.offset, f'unknown name "{token.text}"{hint}', _all_facts())
        return index + 1

    def _read_fact(self, index: int) -> int:
        fact, end = self._fact_at(index)
        self._facts[fact] = None
        last = self._tokens[end - 1]
        # As long as it was: what CEL says of places is still true.
        length = last.offset + len(last.text) - self._tokens[index].offset
        flat = flat_name(fact).ljust(length)
        self._edits.append((self._tokens[index].offset, last.offset + len(last.text), flat))
        return end

    def _fact_at(self, index: int) -> tuple[str, int]:
        """The fact that begins with this root, and the index after it."""
        root = self._tokens[index]
        if not self._is(index + 1, ".") or index + 2 >= len(self._tokens):
            raise BadExpression(root.offset, f'"{root.text}" alone', _all_facts())
        name = self._tokens[index + 2]
        fact = f"{root.text}.{name.text}"
        if fact not in FACTS:
            hint = nearest(fact, FACTS)
            raise BadExpression(root.offset, f'unknown fact "{fact}"{hint}', _all_facts())
        return fact, index + 3

    def _read_function(self, index: int) -> int:
        token = self._tokens[index]
        if token.text == "has":
            return self._read_has(index)
        if token.text not in FUNCTIONS:
            known = (*FUNCTIONS, "has")
            if token.text in METHODS:
                expected = f"after a value: attempt.cli.{token.text}(…)"
                raise BadExpression(token.offset, f'"{token.text}" as a function', expected)
            hint = nearest(token.text, known)
            raise BadExpression(
                token.offset, f'unknown function "{token.text}"{hint}', listed(known)
            )
        self._note_constant(index, "")
        return index + 2

    def _read_has(self, index: int) -> int:
        """`has(attempt.cli)`: a fact that isn't there is null."""
        start = self._tokens[index].offset
        inner = index + 2
        if inner >= len(self._tokens) or self._tokens[inner].text not in ROOTS:
            raise BadExpression(start, '"has" of what is no fact', "has(attempt.cli)")
        fact, end = self._fact_at(inner)
        if not self._is(end, ")"):
            raise BadExpression(start, '"has" of more than a fact', "has(attempt.cli)")
        self._facts[fact] = None
        self._edits.append((start, self._tokens[end].offset + 1, f"({flat_name(fact)} != null)"))
        return end + 1

    def _read_method(self, index: int) -> int:
        token = self._tokens[index]
        name = token.text
        if name not in METHODS:
            hint = nearest(name, METHODS)
            raise BadExpression(token.offset, f'unknown function "{name}"{hint}', listed(METHODS))
        if name.startswith("get") and not self._is(index + 2, ")"):
            raise BadExpression(
                token.offset, f"{name} with a time zone", f"{name}(), which is UTC's"
            )
        if name == "matches":
            self._note_pattern(index)
            self._note_constant(index, "''.")
        return index + 2

    def _note_pattern(self, index: int) -> None:
        """What `matches` looks for must be written out."""
        literal = self._tokens[index + 2] if index + 2 < len(self._tokens) else None
        if literal is None or literal.kind != "text" or not self._is(index + 3, ")"):
            offset = self._tokens[index].offset
            raise BadExpression(offset, "a pattern that is no constant", 'matches("^[0-9]+$")')
        self._patterns.append((literal.offset, literal.text))

    def _note_constant(self, index: int, before: str) -> None:
        """A call of one constant can be tried at once."""
        arguments = self._tokens[index + 2 : index + 4]
        if len(arguments) == 2 and arguments[0].kind == "text" and arguments[1].text == ")":
            call = f"{before}{self._tokens[index].text}({arguments[0].text})"
            self._constant_calls.append((arguments[0].offset, call))

    def _is(self, index: int, mark: str) -> bool:
        if not 0 <= index < len(self._tokens):
            return False
        token = self._tokens[index]
        return token.kind == "mark" and token.text == mark


def _all_facts() -> str:
    return listed(FACTS)
