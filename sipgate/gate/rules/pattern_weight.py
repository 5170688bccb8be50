"""How long a pattern of `matches` takes to compile, which the CEL library does for each call.

An estimate from the pattern's text, in units of about 10 µs. Measured with the library's regular
expressions (Rust's `regex`), on a 512-character text; what is not in the table counts 1.
"""

import re
from typing import Final

CLASS_WEIGHTS: Final = {
    # Unicode's: \w alone has 700 ranges.
    "w": 100,
    "W": 100,
    "p": 100,
    "P": 100,
    "D": 15,
    "d": 6,
    "S": 5,
    "s": 3,
}
DOT: Final = 2
SET: Final = 2  # [0-9]
LONG_SET: Final = 6  # negated, or beyond ASCII
FOLDED_SET: Final = 5000  # [\s\S] in all capitals and small letters there are

_COUNTED = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
_ESCAPED = re.compile(r"\\(.)", re.S)
_MOST = 10**6


def pattern_weight(pattern: str) -> int:
    """The estimate; repetitions count as often as they repeat, in groups within groups too."""
    sums = [0]  # of each open group
    last = 0  # of what a repetition would repeat
    folds = re.search(r"\(\?[a-zA-Z]*i", pattern) is not None
    index = 0
    while index < len(pattern):
        mark = pattern[index]
        index += 1
        if mark == "(":
            sums.append(0)
            last = 0
        elif mark == ")":
            last = sums.pop() if len(sums) > 1 else 0
            sums[-1] += last
        elif mark == "{" and (counted := _COUNTED.match(pattern, index - 1)) is not None:
            index = counted.end()
            times = max((int(count[:6]) for count in counted.groups() if count), default=1)
            more = last * max(0, times - 1)
            sums[-1] = min(_MOST, sums[-1] + more)
            last = min(_MOST, last + more)
        elif mark == "[":
            end = _end_of_set(pattern, index)
            last = _set_weight(pattern[index:end], folds)
            sums[-1] += last
            index = end
        elif mark in "*+?|^$":
            continue  # repeats by going back, or is no character
        else:
            last = 1 + folds if mark.isascii() else LONG_SET
            if mark == ".":
                last = DOT
            elif mark == "\\" and index < len(pattern):
                last = CLASS_WEIGHTS.get(pattern[index], 1)
                index = _end_of_escape(pattern, index)
            sums[-1] += last
    return min(_MOST, sum(sums))


def _end_of_set(pattern: str, start: int) -> int:
    """The index after a set whose `[` stands before `start`; sets may stand in sets."""
    depth, index = 1, start
    if pattern[index : index + 1] == "^":
        index += 1
    if pattern[index : index + 1] == "]":
        index += 1  # the first is a member
    while index < len(pattern) and depth:
        mark = pattern[index]
        if mark == "\\":
            index += 1
        elif mark == "[":
            depth += 1
        elif mark == "]":
            depth -= 1
        index += 1
    return min(index, len(pattern))


def _end_of_escape(pattern: str, start: int) -> int:
    """The index after an escape whose `\\` stands before `start`: `\\d`, `\\pL`, `\\p{Greek}`."""
    if pattern[start] not in "pPxuU":
        return start + 1
    if pattern[start + 1 : start + 2] == "{":
        end = pattern.find("}", start)
        return end + 1 if end >= 0 else len(pattern)
    return start + 2


def _set_weight(inside: str, folds: bool) -> int:
    if folds and ("\\" in inside or not inside.isascii()):
        return FOLDED_SET
    is_long = "^" in inside or not inside.isascii() or "[:" in inside
    classes = sum(CLASS_WEIGHTS.get(mark, 0) for mark in _ESCAPED.findall(inside))
    return (LONG_SET if is_long else SET) + classes
