"""`list`: the callee, caller or CLI is on a list, or is not, or the list is too old."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sipgate.counters import Definition, Seen, Value
from sipgate.gate.attempt import Attempt
from sipgate.gate.lists import REFUSALS, Lookups
from sipgate.gate.shape import FlagField, SecondsField, Shape, choice, wrong
from sipgate.gate.yaml_document import Scalar
from sipgate.numbers import LIST_NAME

from .condition import DOES_NOT_HOLD, HOLDS, Ask, Asked, SharedCounters, Surroundings


def _list_name(value: object) -> object:
    """A list of another name could never be imported, and the rule never hold."""
    if isinstance(value, Scalar) and LIST_NAME.fullmatch(value.text):
        return value.text
    raise wrong(f"found {value}", "a list's name: small letters, digits, - _ .")


TOO_OLD = Asked(True, (), {"too_old": True})


class ListShape(Shape):
    """What stands under `list`."""

    name: Annotated[str, BeforeValidator(_list_name)] = Field(
        description="The list's name, as in `sipgate list import NAME FILE`."
    )
    of: Annotated[Literal["callee", "caller", "cli"], choice("callee", "caller", "cli")] = Field(
        "callee", description="What is looked up."
    )
    absent: FlagField = Field(False, description="Holds when it is *not* on the list.")
    max_age: SecondsField | None = Field(
        None, description="Holds too when the list is this old or was never imported."
    )


@dataclass(frozen=True, slots=True)
class ListCondition:
    """Holds by what one list says of one thing; a number in To is looked up beside the callee."""

    list_name: str
    of: str
    absent: bool
    max_age_seconds: int | None

    placeholders: frozenset[str] = frozenset(("list",))
    definitions: tuple[Definition, ...] = ()

    def compile(self, shared: SharedCounters) -> Ask:
        name, absent = self.list_name, self.absent
        subject = attrgetter(self.of)
        is_callee = self.of == "callee"
        # `refusals` always exists and has no age.
        max_age = None if name == REFUSALS else self.max_age_seconds

        def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
            lists = lookups.lists
            if max_age is not None:
                as_of = lists.as_of(name)
                if as_of is None or time - as_of >= max_age:
                    return TOO_OLD
            value = subject(attempt)
            if (value is not None and lists.holds(name, value)) is not absent:
                return HOLDS
            if is_callee and attempt.to_number is not None:
                return (
                    HOLDS if lists.holds(name, attempt.to_number) is not absent else DOES_NOT_HOLD
                )
            return DOES_NOT_HOLD

        return ask

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        if asked.values is not None:
            return {"list": self.list_name, "of": self.of, **asked.values}
        return {"list": self.list_name, "of": self.of}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        name, of = values.get("list"), values.get("of")
        if values.get("too_old"):
            return f"list {name} is too old, or was never imported"
        return f"{of} {'is' if held is not self.absent else 'is not'} on list {name}"


def list_condition(shape: ListShape, surroundings: Surroundings) -> ListCondition:
    return ListCondition(shape.name, shape.of, shape.absent, shape.max_age)
