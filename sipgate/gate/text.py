"""Texts of a policy: what a refusal says or a tag carries, with the values that a rule saw."""

from collections.abc import Mapping
from string import Formatter

PLACEHOLDERS = (
    *("limit", "count", "callee", "caller", "cli", "window", "until"),
    *("score", "signs", "share", "sample", "standing"),
    *("local_time", "zone", "list", "purpose", "rotation", "why"),
)
MAX_VALUE_CHARACTERS = 128  # a Request-URI that can't be read may be as long as a message

_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")


class BadText(Exception):
    """A text can't be read; says what is wrong with it."""


class Text:
    """A text that is built only when its rule speaks.

    `{limit}` stands for a value, `{{` and `}}` for braces. Control characters in a value become
    spaces, so that no callee can add a header.
    """

    __slots__ = ("_parts", "names", "spelled")

    def __init__(self, spelled: str) -> None:
        """Raises BadText for a lone brace, an unknown name or a control character."""
        if spelled != spelled.translate(_CONTROLS):
            raise BadText("a control character or line break")
        self.spelled = spelled
        self._parts: list[tuple[str, str | None]] = []
        names = []
        try:
            parsed = list(Formatter().parse(spelled))
        except ValueError as error:
            raise BadText("a lone brace; braces are written {{ and }}") from error
        for literal, name, form, conversion in parsed:
            if name is not None:
                if form or conversion or not name.isidentifier():
                    raise BadText(f'"{{{name}}}" with more than a name in it')
                names.append(name)
            self._parts.append((literal, name))
        self.names = tuple(names)

    def render(self, values: Mapping[str, object]) -> str:
        """The text with values put in; one that is not there or None is written `none`."""
        written = []
        for literal, name in self._parts:
            written.append(literal)
            if name is not None:
                value = values.get(name)
                text = "none" if value is None else str(value)[:MAX_VALUE_CHARACTERS]
                written.append(text.translate(_CONTROLS))
        return "".join(written)


def percent(per_mille: object) -> str:
    """`18.0 %` for 180."""
    if not isinstance(per_mille, int):
        return "none"
    return f"{per_mille // 10}.{per_mille % 10} %"
