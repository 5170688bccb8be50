"""`when` in a policy file: which attempts a rule is for."""

import re

from sipgate.numbers import known_region

from .problem import Problems, nearest
from .shape import listed
from .span import ONE_SPAN, read_span
from .when import FIELDS, When
from .yaml_document import Mapping, Node, Scalar, Sequence

KEYS = (*FIELDS, "callee", "region", "local-time", "user-agent", "not")

FORMS = {
    "caller": (r"[^/]+/.+", "source/identity such as hq/4711"),
    "callee": (r"\+?[0-9]+", "leading digits such as +4930 or 0900"),
    "country": (r"[A-Z]{2}", "a country in two capital letters such as DE"),
    "region": (r"[A-Z]{2}-[A-Z0-9]{1,3}", "a region such as US-FL or AU-QLD"),
    "local-time": (ONE_SPAN, "a time of the day such as 20:00-22:00"),
    "kind": (r"number|short|unreadable", "number, short or unreadable"),
}


class WhenReader:
    """Reads a `when`; what is wrong with it goes to `problems`."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def read(self, node: Node) -> When:
        """What the node selects; of a wrong one, what could be read."""
        if not isinstance(node, Mapping):
            self._problems.add(node.place, f"found {node}", f"a mapping with {listed(KEYS)}")
            return When()
        values_by_key = []
        unless: When | None = None
        for key, (place, value) in node.entries.items():
            if key == "not":
                unless = self.read(value)
            elif key not in KEYS:
                self._problems.add(place, f'unknown key "{key}"{nearest(key, KEYS)}')
            else:
                values_by_key.append((key, self._values(key, value)))
        return When(tuple(sorted(values_by_key)), unless)

    def _values(self, key: str, node: Node) -> tuple[str, ...]:
        items = node.items if isinstance(node, Sequence) else [node]
        if not items:
            self._problems.add(node.place, "found an empty list", "at least one value")
        values = set()
        for item in items:
            if not isinstance(item, Scalar) or item.is_empty:
                self._problems.add(item.place, f"found {item}", "text")
                continue
            form = FORMS.get(key)
            if form is not None and not (
                re.fullmatch(form[0], item.text) and _is_meant(key, item.text)
            ):
                self._problems.add(item.place, f"found {item}", form[1])
            values.add(item.text)
        return tuple(sorted(values))


def _is_meant(key: str, text: str) -> bool:
    """Whether a text in the right form says something too."""
    if key == "region":
        return known_region(text) is not None
    return key != "local-time" or bool(read_span(text, over_midnight=True))
