"""As much of JSON Schema (draft 7) as our schemas use; any other keyword is an error here."""

import datetime
import re
from typing import Any

from ruamel.yaml import YAML

TYPES = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
    "null": type(None),
}
SILENT = {"$schema", "title", "description", "default", "definitions"}


def loaded(raw: bytes | str) -> Any:
    """A document as an editor has it: YAML 1.2, where dates are text."""
    return _plain(YAML(typ="safe", pure=True).load(raw))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, datetime.date) else value


def is_valid(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None) -> bool:
    """Whether a document is what the schema describes."""
    root = schema if root is None else root
    return all(
        _holds(keyword, wanted, value, schema, root)
        for keyword, wanted in schema.items()
        if keyword not in SILENT
    )


def _holds(keyword: str, wanted: Any, value: Any, schema: Any, root: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match keyword:
        case "$ref":
            return is_valid(value, root["definitions"][wanted.removeprefix("#/definitions/")], root)
        case "type":
            names = [wanted] if isinstance(wanted, str) else wanted
            return any(_is(value, name) for name in names)
        case "enum":
            return any(value == one and type(value) is type(one) for one in wanted)
        case "pattern":
            return not isinstance(value, str) or re.search(wanted, value) is not None
        case "maxLength":
            return not isinstance(value, str) or len(value) <= wanted
        case "minLength":
            return not isinstance(value, str) or len(value) >= wanted
        case "minimum":
            return not is_number or value >= wanted
        case "maximum":
            return not is_number or value <= wanted
        case "exclusiveMinimum":
            return not is_number or value > wanted
        case "exclusiveMaximum":
            return not is_number or value < wanted
        case "minItems":
            return not isinstance(value, list) or len(value) >= wanted
        case "maxItems":
            return not isinstance(value, list) or len(value) <= wanted
        case "uniqueItems":
            return True
        case "minProperties":
            return not isinstance(value, dict) or len(value) >= wanted
        case "items":
            return not isinstance(value, list) or all(is_valid(v, wanted, root) for v in value)
        case "required":
            return not isinstance(value, dict) or all(key in value for key in wanted)
        case "properties":
            return not isinstance(value, dict) or all(
                is_valid(value[key], one, root) for key, one in wanted.items() if key in value
            )
        case "patternProperties":
            return not isinstance(value, dict) or all(
                is_valid(one, inner, root)
                for pattern, inner in wanted.items()
                for key, one in value.items()
                if re.search(pattern, key)
            )
        case "additionalProperties":
            return not isinstance(value, dict) or all(
                wanted is not False and (wanted is True or is_valid(one, wanted, root))
                for key, one in value.items()
                if key not in schema.get("properties", {})
                and not any(re.search(one, key) for one in schema.get("patternProperties", {}))
            )
        case "anyOf":
            return any(is_valid(value, one, root) for one in wanted)
        case "oneOf":
            return sum(is_valid(value, one, root) for one in wanted) == 1
        case "not":
            return not is_valid(value, wanted, root)
    raise AssertionError(keyword)


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])  # type: ignore[arg-type]
