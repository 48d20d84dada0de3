"""The document's schemas: one component for each struct and enumeration, as msgspec sees them, with the formats that it leaves out."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect

REF = "#/components/schemas/{name}"
TIME_OF_DAY = {"format": "time-local", "pattern": r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$"}
# In JSON Schema $ means the very end already, and some engines know no lookahead.
PYTHONS_END = r"$(?!\n)"


def schema_of(declared: Any) -> dict[str, Any]:
    """The schema of a type where it is used: a reference for a struct."""
    if is_named(declared):
        return {"$ref": REF.format(name=declared.__name__)}
    return msgspec.json.schema(declared)


def is_named(declared: Any) -> bool:
    """Tells whether a type has a schema of its own."""
    return isinstance(declared, type) and issubclass(declared, msgspec.Struct)


def components_of(declared: Iterable[Any]) -> dict[str, Any]:
    """The schemas of all structs and enumerations that these types hold, by name."""
    types = list(declared)
    _, components = msgspec.json.schema_components(types, ref_template=REF)
    seen: set[type] = set()
    for info in inspect.multi_type_info(types):
        _complete({}, info, components, seen)
    for schema in components.values():
        if not schema.get("required", True):
            del schema["required"]
    return dict(sorted(components.items()))


def _complete(schema: dict[str, Any], info: inspect.Type, components: dict[str, Any], seen: set[type]) -> None:
    """Adds to a schema, in place, what msgspec knows of the type but doesn't write."""
    match info:
        case inspect.Metadata():
            _complete(schema, info.type, components, seen)
        case inspect.StructType() if info.cls not in seen:
            seen.add(info.cls)
            for field in info.fields:
                _complete(components[info.cls.__name__]["properties"][field.encode_name], field.type, components, seen)
        case inspect.EnumType():
            components[info.cls.__name__]["type"] = "string"
        case inspect.StrType() if "pattern" in schema:
            schema["pattern"] = schema["pattern"].replace(PYTHONS_END, "$")
        case inspect.DateTimeType():
            schema["format"] = "date-time"
        case inspect.TimeType():
            schema.update(TIME_OF_DAY)
        case _:
            for part, inner in _parts(schema, info):
                _complete(part, inner, components, seen)


def _parts(schema: dict[str, Any], info: inspect.Type) -> list[tuple[dict[str, Any], inspect.Type]]:
    """The types inside a type, each with its own part of the schema."""
    match info:
        case inspect.CollectionType():
            return [(schema.get("items", {}), info.item_type)]
        case inspect.DictType():
            return [(schema.get("additionalProperties", {}), info.value_type)]
        case inspect.TupleType():
            return list(zip(schema.get("prefixItems", []), info.item_types, strict=False))
        case inspect.UnionType():
            # msgspec writes null last, and a struct behind everything else.
            inner = [branch for branch in info.types if not isinstance(branch, inspect.NoneType)]
            return list(zip(schema["anyOf"], sorted(inner, key=lambda branch: isinstance(branch, inspect.StructType)), strict=False))
    return []
