"""Holds values against JSON Schemas, as far as ours go: the words that our own documents use, and no others."""

import re
from collections.abc import Iterator
from typing import Any

TYPES: dict[str, Any] = {
    "string": str, "integer": int, "number": (int, float), "object": dict, "array": list, "null": type(None),
    "boolean": bool,
}  # fmt: skip


def faults(document: Any, schema: Any, value: Any, path: str = "") -> Iterator[str]:
    """Where a value is not as a schema says; `document` is what its pointers lead into."""
    while "$ref" in schema:
        schema = resolve(document, schema["$ref"])
    if is_of_kind(schema, value) and is_in_bounds(schema, value):
        yield from faults_below(document, schema, value, path)
    else:
        yield f"{path}: {value!r} is not {schema}"
    for part in schema.get("allOf", ()):
        yield from faults(document, part, value, path)


def resolve(document: Any, pointer: str) -> Any:
    """What a pointer within a document leads to."""
    found = document
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def is_of_kind(schema: Any, value: Any) -> bool:
    """Whether a value is of the type, and one of those listed."""
    named = schema.get("type", list(TYPES))
    kinds = [named] if isinstance(named, str) else named
    is_typed = any(isinstance(value, TYPES[kind]) for kind in kinds)
    is_typed = is_typed and (not isinstance(value, bool) or "boolean" in kinds)
    return is_typed and value in schema.get("enum", [value]) and value == schema.get("const", value)


def is_in_bounds(schema: Any, value: Any) -> bool:
    """Whether a text has the form, or a number is in the range."""
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, int | float):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def faults_below(document: Any, schema: Any, value: Any, path: str) -> Iterator[str]:
    """What is wrong inside of an object or an array."""
    if isinstance(value, dict):
        yield from (f"{path}: no {name}" for name in schema.get("required", ()) if name not in value)
        for name in schema.get("properties", {}).keys() & value.keys():
            yield from faults(document, schema["properties"][name], value[name], f"{path}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from faults(document, schema.get("items", {}), item, f"{path}/{index}")
