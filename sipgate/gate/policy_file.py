"""Reading a policy file: all that is wrong with it at once, each with its place."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field

from .policy import Policy, Rule
from .problem import Place, PolicyError, Problems, nearest, unknown_key
from .redress import Redress
from .redress_shape import RedressShape
from .rules import KINDS, BadCondition, Condition, Kind, Surroundings
from .shape import NodeField, Shape, TextField, choice, keys, listed, read_shape, reads, wrong
from .then_shape import ThenReader
from .when import When
from .when_shape import WhenReader
from .yaml_document import Mapping, Node, Scalar, Sequence, read_document, read_raw

ID = r"[A-Za-z0-9._-]{1,64}"  # it goes into headers and searches
RULE_KEYS = ("id", "when", "then", "mode")


def _region(value: object) -> object:
    if isinstance(value, Scalar) and value.text in SUPPORTED_REGIONS:
        return value
    hint = '; did you mean "GB"?' if isinstance(value, Scalar) and value.text == "UK" else ""
    raise wrong(f"found {value}{hint}", "a country in two capital letters such as DE")


def _timezone(value: object) -> object:
    if isinstance(value, Scalar) and not value.is_empty:
        try:
            ZoneInfo(value.text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        else:
            return value
    hint = _nearest_zone(value.text) if isinstance(value, Scalar) else ""
    raise wrong(f"found {value}{hint}", "a time zone such as Europe/Berlin")


def _nearest_zone(text: str) -> str:
    """A hint at the zone that was meant; its city alone is enough."""
    zones = available_timezones()
    by_city = {zone.rpartition("/")[2].lower(): zone for zone in sorted(zones, reverse=True)}
    city = text.rpartition("/")[2].strip().lower().replace(" ", "_")
    return f'; did you mean "{by_city[city]}"?' if city in by_city else nearest(text, zones)


def _name(value: object) -> object:
    if isinstance(value, Scalar) and re.fullmatch(ID, value.text):
        return value
    raise wrong(f"found {value}", "up to 64 letters, digits, dots, hyphens or underscores")


ModeField = Annotated[Literal["enforce", "monitor"], choice("enforce", "monitor")]
NameField = Annotated[TextField, reads(_name, type=["string", "number"], pattern=f"^{ID}$")]
RegionField = Annotated[TextField, reads(_region, type="string", pattern="^[A-Z]{2}$")]
TimezoneField = Annotated[TextField, reads(_timezone, type="string")]


class PolicyShape(Shape):
    """A policy file."""

    policy: NameField = Field(description="The policy's name, which decisions cite.")
    revision: TextField = Field(description="Its revision, in its own spelling.")
    region: RegionField | None = Field(
        None, description="Dial plan and emergency numbers where a source names no region."
    )
    timezone: TimezoneField | None = Field(
        None, description="Where calendar days begin; default: the gate's."
    )
    mode: ModeField = Field(
        "enforce", description="`monitor` lets all calls through and records what would be."
    )
    redress: NodeField = Field(
        None, description="Whom a refused caller may turn to; a 603+ tells it."
    )
    rules: NodeField = Field(description="The rules, in order.")


class RuleShape(Shape):
    """What every rule has, beside its one condition."""

    id: NameField = Field(description="The rule's name, once in a policy.")
    when: NodeField = Field(None, description="Which attempts it is for; default: all.")
    then: NodeField = Field(description="What it does when its condition holds.")
    mode: ModeField = Field("enforce", description="`monitor`: only record what it would do.")


def load_policy(path: Path, *, region: str | None = None, timezone: str = "UTC") -> Policy:
    """Read and check a policy file; `region` and `timezone` hold where it names none.

    Raises PolicyError with every mistake in the file; OSError when it can't be read.
    """
    return read_policy(read_raw(path), path, region=region, timezone=timezone)


def read_policy(
    raw: bytes, path: Path, *, region: str | None = None, timezone: str = "UTC"
) -> Policy:
    """Like `load_policy`, from the file's bytes; `path` is what problems name."""
    return _PolicyReader(path, region, timezone).read(raw)


class _PolicyReader:
    def __init__(self, path: Path, region: str | None, timezone: str) -> None:
        self._path = path
        self._region = region
        self._timezone = timezone
        self._problems = Problems(path)
        self._places_by_id: dict[str, Place] = {}
        self._when = WhenReader(self._problems)
        self._then = ThenReader(self._problems)

    def read(self, raw: bytes) -> Policy:
        root = read_document(raw, self._problems)
        shape = read_shape(PolicyShape, root, self._problems)
        timezone = self._timezone if shape is None else shape.timezone or self._timezone
        region = self._region if shape is None else shape.region or self._region
        self._then.redress = redress = self._redress(root)
        rules = self._rules(root, timezone, region)
        if shape is None or self._problems.found:
            raise PolicyError(self._problems.found)
        return Policy(
            path=self._path,
            name=shape.policy,
            revision=shape.revision,
            sha256=hashlib.sha256(raw).hexdigest(),
            region=region,
            timezone=timezone,
            is_monitored=shape.mode == "monitor",
            rules=tuple(rules),
            redress=redress,
        )

    def _redress(self, root: Mapping) -> Redress | None:
        if "redress" not in root.entries:
            return None
        shape = read_shape(RedressShape, root.entries["redress"][1], self._problems)
        return None if shape is None else shape.redress()

    def _rules(self, root: Mapping, timezone: str, region: str | None) -> list[Rule]:
        if "rules" not in root.entries:
            return []
        _, node = root.entries["rules"]
        if not isinstance(node, Sequence):
            self._problems.add(node.place, f"found {node}", "a list of rules")
            return []
        rules = [self._rule(item, timezone, region) for item in node.items]
        return [rule for rule in rules if rule is not None]

    def _rule(self, node: Node, timezone: str, region: str | None) -> Rule | None:
        if not isinstance(node, Mapping):
            self._problems.add(node.place, f"found {node}", "a rule: a mapping with id and then")
            return None
        common = Mapping(node.place, {k: v for k, v in node.entries.items() if k in RULE_KEYS})
        shape = read_shape(RuleShape, common, self._problems)
        if "id" in node.entries:
            self._note_id(node.entries["id"][1])
        when = self._when.read(node.entries["when"][1]) if "when" in node.entries else When()
        surroundings = Surroundings(
            when=when, timezone=timezone, region=region, folder=self._path.parent
        )
        kind, condition = self._condition(node, surroundings)
        if "then" not in node.entries:
            return None
        placeholders = None if condition is None else condition.placeholders
        rule_id = "?" if shape is None else shape.id
        action = self._then.read(node.entries["then"][1], rule_id, placeholders)
        if shape is None or condition is None or action is None:
            return None
        return Rule(
            id=shape.id,
            line=node.place.line,
            kind=kind,
            when=when,
            condition=condition,
            action=action,
            is_monitored=shape.mode == "monitor",
        )

    def _condition(self, node: Mapping, surroundings: Surroundings) -> tuple[str, Condition | None]:
        found: list[str] = []
        condition: Condition | None = None
        for key, (place, value) in node.entries.items():
            if key in KINDS:
                found.append(key)
                condition = self._read_condition(KINDS[key], value, surroundings)
                if len(found) > 1:
                    self._problems.add(place, f"{key} beside {found[0]}", "one condition per rule")
            elif key not in RULE_KEYS:
                known = (*keys(RuleShape), *KINDS)
                found.append(key)  # most likely a condition's name, misspelled
                self._problems.add(place, *unknown_key(key, known))
        if not found:
            self._problems.add(node.place, "a rule without a condition", listed(KINDS))
        return (found[0] if found else ""), condition

    def _read_condition(
        self, kind: Kind, node: Node, surroundings: Surroundings
    ) -> Condition | None:
        if kind.bare is not None and isinstance(node, Scalar):
            node = Mapping(node.place, {kind.bare: (node.place, node)})
        shape = read_shape(kind.shape, node, self._problems)
        if shape is None:
            return None
        try:
            return kind.condition(shape, surroundings)
        except BadCondition as error:
            place = node.place
            if error.key is not None and isinstance(node, Mapping) and error.key in node.entries:
                place = _place_in(node.entries[error.key][1], error.offset)
            self._problems.add(place, error.text, error.expected)
            return None
        except PolicyError as error:  # in a file that the rule names
            self._problems.found.extend(error.problems)
            return None

    def _note_id(self, node: Node) -> None:
        if not isinstance(node, Scalar):
            return
        first = self._places_by_id.setdefault(node.text, node.place)
        if first != node.place:
            self._problems.add(
                node.place, f"id {node} for the second time; the first is in line {first.line}"
            )


def _place_in(node: Node, offset: int) -> Place:
    return node.place_of(offset) if isinstance(node, Scalar) else node.place
