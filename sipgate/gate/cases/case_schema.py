"""JSON Schema of test files, for editors: made from the shapes that read them."""

from sipgate.gate.policy_schema import DRAFT, Schema, shape_schema
from sipgate.gate.shape import TEXT_SCHEMA, Shape

from .case_shape import (
    AttemptShape,
    CallShape,
    CaseFileShape,
    CaseShape,
    ConsentShape,
    ExpectShape,
    ListChangeShape,
    WouldShape,
)


def case_schema() -> Schema:
    """The schema of a test file."""
    whole = shape_schema(CaseFileShape)
    case = shape_schema(CaseShape)
    _fill(case, CaseShape, "given", {"$ref": "#/definitions/given"})
    _fill(case, CaseShape, "attempt", shape_schema(AttemptShape))
    _fill(case, CaseShape, "expect", _expect())
    _fill(whole, CaseFileShape, "given", {"$ref": "#/definitions/given"})
    _fill(whole, CaseFileShape, "cases", {"type": "array", "items": case})
    return {
        "$schema": DRAFT,
        "title": "sipgate policy tests",
        **whole,
        "definitions": {"given": {"type": "array", "items": _given()}},
    }


def _given() -> Schema:
    """A call, or what stands under `list` or `consent`."""
    call = shape_schema(CallShape)
    at = call["properties"]["at"]
    others = [
        {
            "type": "object",
            "properties": {"at": at, key: shape_schema(shape)},
            "required": ["at", key],
            "additionalProperties": False,
        }
        for key, shape in (("list", ListChangeShape), ("consent", ConsentShape))
    ]
    return {"anyOf": [call, *others]}


def _expect() -> Schema:
    expect = shape_schema(ExpectShape)
    text: Schema = {"type": [*TEXT_SCHEMA, "null"]}
    _fill(expect, ExpectShape, "tags", {"type": "object", "additionalProperties": text})
    would = {"anyOf": [shape_schema(WouldShape), {"type": "null"}]}
    _fill(expect, ExpectShape, "would", would)
    return {**expect, "minProperties": 1}


def _fill(schema: Schema, shape: type[Shape], key: str, content: Schema) -> None:
    """Say what stands under a key that another reader reads."""
    described = shape.model_fields[key].description
    if "$ref" in content:  # nothing beside a reference counts
        schema["properties"][key] = content
    else:
        schema["properties"][key] = {**content, "description": described}
