"""JSON Schema of policy files, for editors: made from the shapes that read them.

An editor that knows it completes keys, shows what they mean and underlines what is wrong while it
is written. It is never stricter than the reader; what only the reader can know (whether a text
names a value that its rule has) stays for `sipgate policy check`. Draft 7, which editors know best.
"""

from typing import Any, TypeAlias

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from .action import UNFIT_CODES
from .policy_file import PolicyShape, RuleShape
from .redress_shape import RedressShape
from .rules import KINDS
from .rules.table import Kind
from .shape import DURATION, TEXT_SCHEMA, Shape, spelled_duration
from .then_shape import MAX_TEXT_CHARACTERS, NETWORK_BLOCKED, ThenShape
from .when_shape import FORMS, KEYS

DRAFT = "http://json-schema.org/draft-07/schema#"

Schema: TypeAlias = dict[str, Any]

WHEN_MEANINGS = {
    "caller": "Whose call it is: `hq/4711`, exactly.",
    "source": "Where it comes from: the name of a `[[source]]`.",
    "campaign": "What it is for; a call without a campaign matches none.",
    "organisation": "On whose behalf.",
    "cli": "The presented number, exactly.",
    "country": "The callee's country: `DE`.",
    "kind": "What the callee is: `number`, `short` or `unreadable`.",
    "callee": "Leading digits of the callee: `+4930`, `0900`.",
    "region": "A region that the callee may be in: `US-FL`.",
    "local-time": "What the clocks show where the callee may be: `20:00-22:00`.",
    "user-agent": "The whole User-Agent, with `*` for anything: `MicroSIP*`.",
    "not": "A `when` of its own, which must not match.",
}


def policy_schema() -> Schema:
    """The schema of a policy file."""
    whole = shape_schema(PolicyShape)
    properties = whole["properties"]
    described = properties["rules"].get("description")
    contact = PolicyShape.model_fields["redress"].description
    properties["redress"] = {**shape_schema(RedressShape), "description": contact}
    properties["rules"] = {"type": "array", "items": _rule(), "description": described}
    return {
        "$schema": DRAFT,
        "title": "sipgate policy",
        **whole,
        "definitions": {"when": _when()},
    }


def shape_schema(shape: type[Shape]) -> Schema:
    """The schema of one shape, without references."""
    made = shape.model_json_schema(by_alias=True, schema_generator=_Generator)
    return _tidy(made, made.get("$defs", {}))


class _Generator(GenerateJsonSchema):
    """A tuple in a shape is read from a list, or from its only item."""

    def tuple_schema(self, schema: core_schema.TupleSchema) -> Schema:
        item = self.generate_inner(schema["items_schema"][0])
        return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _rule() -> Schema:
    rule = shape_schema(RuleShape)
    rule["properties"]["when"] = {
        "$ref": "#/definitions/when",
    }
    rule["properties"]["then"] = {
        **_then(),
        "description": RuleShape.model_fields["then"].description,
    }
    for name, kind in KINDS.items():
        rule["properties"][name] = _condition(kind)
    rule["oneOf"] = [{"required": [name]} for name in KINDS]
    return rule


def _condition(kind: Kind) -> Schema:
    shape = shape_schema(kind.shape)
    if kind.bare is None:
        return shape
    return {"anyOf": [{"type": list(TEXT_SCHEMA)}, shape], "description": shape["description"]}


def _then() -> Schema:
    then = shape_schema(ThenShape)
    text = {"type": list(TEXT_SCHEMA), "maxLength": MAX_TEXT_CHARACTERS}
    codes: Schema = {
        "anyOf": [
            {"type": "integer", "minimum": first, "maximum": first + 99} for first in (400, 600)
        ],
        "not": {"enum": sorted(UNFIT_CODES)},
    }
    yes: Schema = {"enum": [True, None]}
    given: dict[str, Schema] = {
        "allow": yes,
        "reject": {"anyOf": [codes, {"enum": [NETWORK_BLOCKED]}, yes]},
        "reason": text,
        "tag": {"type": "object", "minProperties": 1, "additionalProperties": text},
    }
    for key, schema in given.items():
        described = then["properties"][key].get("description")
        then["properties"][key] = {**schema, "description": described}
    then["oneOf"] = [{"required": [key]} for key in ("reject", "allow", "tag")]
    return {"anyOf": [{"enum": ["allow", "reject"]}, then]}


def _when() -> Schema:
    """Its keys; the reader is no shape, for each takes a value or a list of them."""
    properties: Schema = {}
    for key in KEYS:
        value: Schema = {"type": list(TEXT_SCHEMA)}
        if key == "not":
            properties[key] = {"$ref": "#/definitions/when"}
            continue
        if key in FORMS:
            value = {"type": ["string", "number"], "pattern": f"^(?:{FORMS[key][0]})$"}
        properties[key] = {**_one_or_several(value), "description": WHEN_MEANINGS[key]}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "description": RuleShape.model_fields["when"].description,
    }


def _one_or_several(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _tidy(schema: Schema, definitions: Schema) -> Schema:
    """Without references, titles and what stands for "not given"."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = {**definitions[name], **{k: v for k, v in schema.items() if k != "$ref"}}
    tidied: Schema = {}
    for key, value in schema.items():
        match key, value:
            case ("title" | "$defs", _) | ("default", None):
                continue
            case "default", dict():
                continue  # the keys in it have their own
            case "properties", dict():
                tidied[key] = {name: _tidy(one, definitions) for name, one in value.items()}
            case "anyOf", list():
                options = [_tidy(one, definitions) for one in value if one != {"type": "null"}]
                if len(options) == 1:
                    tidied = {**options[0], **tidied}
                else:
                    tidied[key] = options
            case (("items" | "additionalProperties" | "not"), dict()):
                tidied[key] = _tidy(value, definitions)
            case _:
                tidied[key] = value
    if tidied.get("pattern") == DURATION and isinstance(tidied.get("default"), int):
        tidied["default"] = spelled_duration(tidied["default"])
    if tidied.get("type") == "number" and isinstance(tidied.get("default"), int):
        default = tidied["default"]  # kept in thousandths
        tidied["default"] = default / 1000 if default % 1000 else default // 1000
    return tidied
