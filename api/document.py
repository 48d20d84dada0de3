"""The OpenAPI document: made from the handlers and their types, so that what is served and what is promised can't differ."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

from litestar import Controller, Litestar, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api.bodies import JSON_TYPES
from api.document_answers import HEADERS, answered_type, answers_of, needed_scope, reads_one, shared_problems
from api.document_examples import RAW, example_of
from api.document_parameters import SHARED, parameters_of
from api.document_schemas import components_of, schema_of
from api.errors import Problem

DESCRIPTION = """Followthrough makes sure that what a postmortem promises really happens: it stores postmortems with their improvements and
tasks, makes every task an issue in its team's tracker, and keeps task and issue the same in both directions.

Instants are RFC 3339 in UTC, days are dates, ids are UUIDv7. Lists have `limit`, `cursor` and `sort`; single resources have an `ETag`,
and changes honour `If-Match`. Errors are problem documents (RFC 9457) that name the wrong place."""

INFO = {
    "title": "Followthrough",
    "version": "1.0.0",
    "summary": "What a postmortem promises gets done.",
    "description": DESCRIPTION,
    "contact": {"name": "Followthrough"},
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
TAGS = {
    "Postmortems": "Documents of incidents, and their import from Markdown.",
    "Improvements": "What should be better after an incident.",
    "Tasks": "Action items, with owner, due date and state.",
    "People and teams": "Who owns tasks.",
    "Trackers": "Where issues live: connections, projects and routes.",
    "Links": "A task and its issue, and the state of their sync.",
    "Comments": "What people write on a task, here and in its issues.",
    "Activity": "Who changed what.",
    "Tokens": "Tokens for tools that call this API.",
    "Webhooks": "What trackers send.",
    "Operation": "Health, metrics and the document itself.",
}
BEARER = {"type": "http", "scheme": "bearer", "description": "An API token: `Authorization: Bearer ft_…`."}
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")


class DocumentController(Controller):
    """The document itself."""

    tags = ["Operation"]

    @get("/openapi.json", operation_id="read_document", summary="Read the OpenAPI document", sync_to_thread=False)
    def read_document(self, request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        """Gives the contract of this API (OpenAPI 3.1)."""
        content: Any = request.app.state.document
        return Response(content, media_type="application/json")


def complete_document(app: Litestar) -> None:
    """Makes the document, once, from the handlers that the application has."""
    app.state.document = document_bytes(document_of(app))


def document_bytes(document: dict[str, Any]) -> bytes:
    """The document as it is served and as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def document_of(app: Litestar) -> dict[str, Any]:
    """The document: the same handlers always give the same one, in the same order."""
    operations = sorted(operations_of(app), key=lambda found: (found[0].path_format, METHODS.index(found[1])))
    paths: dict[str, Any] = {}
    for route, method, handler in operations:
        paths.setdefault(route.path_format, {})[method.lower()] = _operation(route, handler)
    return {
        "openapi": "3.1.1",
        "info": INFO,
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components_of(_types(handler for _, _, handler in operations)),
            "parameters": SHARED,
            "headers": HEADERS,
            "responses": shared_problems(),
            "securitySchemes": {"token": BEARER},
        },
    }


def operations_of(app: Litestar) -> Iterator[tuple[HTTPRoute, str, HTTPRouteHandler]]:
    """Gives every operation of the application with its address and method."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if handler.resolve_include_in_schema():
                    yield from ((route, str(method), handler) for method in handler.http_methods)


def _types(handlers: Iterator[HTTPRouteHandler]) -> list[Any]:
    """The types that come in and go out."""
    types: list[Any] = [Problem]
    for handler in handlers:
        data = handler.parsed_fn_signature.parameters.get("data")
        types += [declared for declared in (data and data.annotation, answered_type(handler)) if declared is not None]
    return types


def _operation(route: HTTPRoute, handler: HTTPRouteHandler) -> dict[str, Any]:
    by_id = bool(route.path_parameters)
    scope = needed_scope(handler)
    text = handler.description or inspect.getdoc(handler.fn) or ""
    operation: dict[str, Any] = {
        "operationId": handler.operation_id,
        "tags": handler.resolve_tags(),
        "summary": handler.summary,
        "description": text if scope is None else f"{text}\n\nNeeds a token with the scope `{scope}`.",
        "security": [] if scope is None else [{"token": []}],
    }
    if scope is not None:
        operation["x-required-scope"] = scope.value
    if parameters := parameters_of(route, handler, single=reads_one(handler, by_id=by_id)):
        operation["parameters"] = parameters
    if content := _body(handler):
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = answers_of(handler, by_id=by_id)
    return operation


def _body(handler: HTTPRouteHandler) -> dict[str, Any]:
    """What a request may hold, by media type."""
    if media_type := handler.opt.get("body"):
        schema = {"type": "object" if media_type == "application/json" else "string"}
        return {media_type: {"schema": schema, "example": RAW[media_type]}}
    data = handler.parsed_fn_signature.parameters.get("data")
    if data is None:
        return {}
    content = {"schema": schema_of(data.annotation), "example": example_of(data.annotation)}
    media_types = JSON_TYPES if "PATCH" in handler.http_methods else JSON_TYPES[:1]
    return dict.fromkeys(media_types, content)
