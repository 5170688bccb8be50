"""Patterns with `*` for anything, against texts that an adversary writes."""

import re


def wildcard_pattern(patterns: tuple[str, ...]) -> "re.Pattern[str] | None":
    """What matches (`fullmatch`) where any of the patterns does, capitals or small letters.

    None where there are no patterns. Costs at most pattern times text: what stands between two
    stars is taken where it comes first, and never elsewhere, for no later place could leave more
    room. A plain `.*` for each star would try them all: minutes for a User-Agent full of `a`.
    """
    if not patterns:
        return None
    return re.compile("|".join(map(_expression, patterns)), re.IGNORECASE | re.DOTALL)


def _expression(pattern: str) -> str:
    first, *others = map(re.escape, pattern.split("*"))
    if not others:
        return first
    *between, last = others
    return first + "".join(f"(?>.*?{part})" for part in between if part) + ".*" + last
