"""The parameters of an operation, from its address, its list's filters and sorts, and the conditions that it honours."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api.paging import DEFAULT_LIMIT, LARGEST_LIMIT
from domain.reading import Filter, Listing

SHARED: dict[str, dict[str, Any]] = {
    "Limit": {
        "name": "limit",
        "in": "query",
        "description": "How many items a page has at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
    },
    "Cursor": {
        "name": "cursor",
        "in": "query",
        "description": "`next_cursor` of the page before, unchanged; keep `sort` and the filters.",
        "schema": {"type": "string", "minLength": 1},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag that you read: if somebody changed the resource since, the answer is 412 and nothing is changed.",
        "schema": {"type": "string"},
        "example": '"3-9f86d081884c7d65"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag that you have: if it is still good, the answer is 304 without a body.",
        "schema": {"type": "string"},
        "example": '"3-9f86d081884c7d65"',
    },
}


def parameters_of(route: HTTPRoute, handler: HTTPRouteHandler, *, single: bool) -> list[dict[str, Any]]:
    """All parameters of an operation; `single` tells that it reads one resource and gives its ETag."""
    found = [_in_path(name, definition.type) for name, definition in route.path_parameters.items()]
    listing: Listing | None = handler.opt.get("listing")
    if listing is not None:
        found += [_shared("Limit"), _shared("Cursor"), _sort(listing)]
    documented: Mapping[str, Filter] = listing.filters if listing else handler.opt.get("documented", {})
    # A filter that the address itself sets is no parameter.
    found += [_in_query(name, documented[name]) for name in handler.opt.get("parameters", ()) if name in documented]
    if handler.opt.get("if_match"):
        found.append(_shared("IfMatch"))
    if single:
        found.append(_shared("IfNoneMatch"))
    return found


def _shared(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/parameters/{name}"}


def _in_path(name: str, declared: type) -> dict[str, Any]:
    schema = {"type": "string"} | ({"format": "uuid"} if declared is UUID else {})
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": f"The {name.removesuffix('_id').replace('_', ' ')}'s id.",
        "schema": schema,
    }


def _sort(listing: Listing) -> dict[str, Any]:
    orders = [order for name in listing.sorts for order in (name, f"-{name}")]
    return {
        "name": "sort",
        "in": "query",
        "description": "The order; a - in front means descending.",
        "schema": {"type": "string", "enum": orders, "default": listing.default_sort},
    }


def _in_query(name: str, known: Filter) -> dict[str, Any]:
    schema = dict(known.schema)
    described: dict[str, Any] = {"name": name, "in": "query", "description": known.description, "schema": schema}
    if schema.get("type") == "array":
        described |= {"description": f"{known.description} Several are separated by commas.", "style": "form", "explode": False}
    return described
