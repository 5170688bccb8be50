"""What can be said of two selections without any attempt: which covers which, which is empty.

Always on the safe side: `covers` and `selects_nothing` say yes only where it is certain, whatever
attempt may come.
"""

from fnmatch import fnmatchcase

from phonenumbers import SUPPORTED_REGIONS

from .when import When

ONE_VALUED = frozenset(
    # An attempt has one value of these, or none: two values can't both match.
    ("caller", "source", "campaign", "organisation", "cli", "country", "kind")
)

WITH_COUNTRY = frozenset(("number", "unreadable"))  # kinds of callees; the latter have the source's


def covers(wide: When, narrow: When) -> bool:
    """Whether every attempt that `narrow` selects is selected by `wide` too."""
    narrow_values = dict(narrow.values_by_key)
    for key, values in wide.values_by_key:
        if not _key_covers(key, values, narrow_values):
            return False
    return wide.unless is None or _are_apart(wide.unless, narrow)


def selects_nothing(when: When) -> bool:
    """Whether no attempt can ever be selected."""
    values = dict(when.values_by_key)
    if "country" in values:
        if not set(values["country"]) & SUPPORTED_REGIONS:
            return True
        if "kind" in values and not WITH_COUNTRY & set(values["kind"]):
            return True
    if when.unless is None:
        return False
    return covers(when.unless, When(when.values_by_key))


def unknown_countries(when: When) -> list[str]:
    """Values of `country` that no number has."""
    return [
        value
        for key, values in when.values_by_key
        if key == "country"
        for value in values
        if value not in SUPPORTED_REGIONS
    ]


def plain_stars(when: When) -> list[tuple[str, str]]:
    """Keys with values that end in a `*` which stands for nothing but itself."""
    found = [
        (key, value)
        for key, values in when.values_by_key
        if key != "user-agent"
        for value in values
        if value.endswith("*")
    ]
    return found if when.unless is None else found + plain_stars(when.unless)


def _key_covers(key: str, values: tuple[str, ...], narrow: dict[str, tuple[str, ...]]) -> bool:
    """Whether what `narrow` says makes sure that one of these values matches."""
    if key == "kind" and "country" in narrow and set(values) >= WITH_COUNTRY:
        return True
    if key not in narrow:
        return False
    inner = narrow[key]
    if key == "callee":
        return all(any(_leads(digits, longer) for digits in values) for longer in inner)
    if key == "user-agent":
        return all(any(_matches(pattern, closer) for pattern in values) for closer in inner)
    return set(inner) <= set(values)


def _leads(digits: str, longer: str) -> bool:
    """Whether all that begins with `longer` begins with `digits`, as `when` understands them."""
    if digits.startswith("+"):
        return longer.startswith(digits)
    return longer.removeprefix("+").startswith(digits)


def _matches(pattern: str, closer: str) -> bool:
    """Whether all that `closer` matches `pattern` matches: a `*` can only stand for a `*`."""
    if not (pattern.isascii() and closer.isascii()):
        return pattern == closer  # upper and lower case are more than two in other scripts
    literal = pattern.lower().replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(closer.lower(), literal)


def _are_apart(one: When, other: When) -> bool:
    """Whether no attempt is selected by both."""
    if other.unless is not None and covers(other.unless, one):
        return True
    others = dict(other.values_by_key)
    for key, values in one.values_by_key:
        if key not in others:
            continue
        if key in ONE_VALUED and not set(values) & set(others[key]):
            return True
        if key == "callee" and not any(_may_meet(a, b) for a in values for b in others[key]):
            return True
    return one.unless is not None and covers(one.unless, When(other.values_by_key))


def _may_meet(one: str, other: str) -> bool:
    one, other = one.removeprefix("+"), other.removeprefix("+")
    return one.startswith(other) or other.startswith(one)
