"""The document is whole, valid, and says of every handler what the handler does."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from litestar.routes import HTTPRoute

from api.app import CONTROLLERS
from api.auth import NEEDED_SCOPE
from api.document import TAGS, document_bytes, document_of
from api.errors import MEDIA_TYPE
from tests.api.documented import APP, DOCUMENT, OPERATIONS, followed, operations, refuse_invalid, unserved_app
from tests.people_and_places import World

OPEN = {"check_live", "check_ready", "read_metrics", "read_document", "receive_webhook"}
ALL = [pytest.param(method, path, operation, id=operation["operationId"]) for method, path, operation in operations()]
each_operation = pytest.mark.parametrize(("method", "path", "operation"), ALL)
COMPONENT_NAME = re.compile(r"[A-Za-z-]+")


def _handlers() -> dict[tuple[str, str], Any]:
    return {
        (method, route.path_format): handler
        for route in APP.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS"
    }


HANDLERS = _handlers()


def _inside(part: Any, name: str) -> list[Any]:
    """Every value that has this name, however deep."""
    if isinstance(part, dict):
        here = [part[name]] if name in part else []
        return here + [found for inner in part.values() for found in _inside(inner, name)]
    return [found for inner in part for found in _inside(inner, name)] if isinstance(part, list) else []


def _parameters(operation: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    known = [followed(parameter) for parameter in operation.get("parameters", ())]
    return {(parameter["in"], parameter["name"]): parameter for parameter in known}


def test_document_has_the_parts_of_openapi_31() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert {"title", "version", "description", "license"} <= DOCUMENT["info"].keys()
    assert DOCUMENT["servers"] == [{"url": "/"}]
    assert {tag["name"] for tag in DOCUMENT["tags"]} == set(TAGS)


def test_every_route_is_in_the_document_and_nothing_else_is() -> None:
    assert {(method, path) for method, path, _ in operations()} == set(HANDLERS)
    assert len(CONTROLLERS) > 10


def test_every_reference_leads_somewhere() -> None:
    references = _inside(DOCUMENT, "$ref")
    assert len(references) > 200
    for reference in references:
        assert followed({"$ref": reference}), reference


def test_every_component_is_used() -> None:
    used = set(_inside(DOCUMENT, "$ref"))
    for kind in ("schemas", "parameters", "headers", "responses"):
        for name in DOCUMENT["components"][kind]:
            assert COMPONENT_NAME.fullmatch(name), name
            assert f"#/components/{kind}/{name}" in used, name


def test_every_schema_is_a_json_schema() -> None:
    schemas = [*_inside(DOCUMENT, "schema"), *DOCUMENT["components"]["schemas"].values()]
    for schema in schemas:
        Draft202012Validator.check_schema(schema)


def test_named_schemas_say_what_they_are() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"], name
        assert schema["type"] in {"object", "string"}, name
        if name.endswith(("Create", "Change", "Write")):
            assert schema["additionalProperties"] is False, name


def test_instants_days_and_ids_have_their_formats() -> None:
    task = DOCUMENT["components"]["schemas"]["TaskRead"]["properties"]
    assert task["id"]["format"] == "uuid"
    assert task["created_at"]["format"] == "date-time"
    assert task["closed_at"] == {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    assert task["due_on"]["anyOf"][0]["format"] == "date"
    for name in ("TimelineEventRead", "TimelineEventWrite"):
        assert DOCUMENT["components"]["schemas"][name]["properties"]["time"]["anyOf"][0]["format"] == "time-local"


def test_operation_ids_are_unique() -> None:
    assert len(OPERATIONS) == len(ALL)


@each_operation
def test_operation_explains_itself(method: str, path: str, operation: dict[str, Any]) -> None:
    assert re.fullmatch("[a-z][a-z_]+", operation["operationId"])
    assert operation["summary"]
    assert operation["description"].strip()
    assert operation["tags"]
    assert set(operation["tags"]) <= set(TAGS)


@each_operation
def test_operation_shows_the_scope_of_its_guard(method: str, path: str, operation: dict[str, Any]) -> None:
    scopes = [NEEDED_SCOPE[guard] for guard in HANDLERS[method, path].resolve_guards()]
    if operation["operationId"] in OPEN:
        assert scopes == operation["security"] == []
        return
    assert scopes == [operation["x-required-scope"]]
    assert f"the scope `{scopes[0]}`" in operation["description"]
    assert operation["security"] == [{"token": []}]
    assert {"401", "403", "503"} <= operation["responses"].keys()


@each_operation
def test_operation_has_the_parameters_of_its_address_and_its_query(method: str, path: str, operation: dict[str, Any]) -> None:
    known = _parameters(operation)
    assert {name for place, name in known if place == "path"} == set(re.findall(r"{(\w+)}", path))
    assert {name for place, name in known if place == "query"} == set(HANDLERS[method, path].opt.get("parameters", ()))
    assert len(known) == len(operation.get("parameters", ()))
    for parameter in known.values():
        assert parameter["description"]
        assert parameter["schema"]
        assert parameter.get("required", False) is (parameter["in"] == "path")
        assert (parameter["schema"]["type"] == "array") is (parameter.get("explode") is False)


@each_operation
def test_list_has_limit_cursor_and_sort(method: str, path: str, operation: dict[str, Any]) -> None:
    listing = HANDLERS[method, path].opt.get("listing")
    if listing is None:
        assert ("query", "limit") not in _parameters(operation)
        return
    known = _parameters(operation)
    assert known["query", "limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    sort = known["query", "sort"]["schema"]
    assert sort["default"] in sort["enum"]
    assert set(sort["enum"]) == {f"{sign}{name}" for name in listing.sorts for sign in ("", "-")}
    page = followed(operation["responses"]["200"]["content"]["application/json"]["schema"])
    assert set(page["properties"]) == {"items", "next_cursor"}
    assert "Link" in operation["responses"]["200"]["headers"]


@each_operation
def test_conditions_are_documented_where_they_are_honoured(method: str, path: str, operation: dict[str, Any]) -> None:
    known, answers = _parameters(operation), operation["responses"]
    honoured = bool(HANDLERS[method, path].opt.get("if_match"))
    assert (("header", "If-Match") in known) is ("412" in answers) is honoured
    assert (("header", "If-None-Match") in known) is ("304" in answers) is operation["operationId"].startswith("get_")


@each_operation
def test_errors_are_problem_documents(method: str, path: str, operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        shown = followed(answer)
        assert shown["description"]
        assert "X-Request-Id" in shown["headers"]
        if status >= "400" and (operation["operationId"], status) != ("check_ready", "503"):
            assert list(shown["content"]) == [MEDIA_TYPE]
            assert shown["content"][MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert shown["content"][MEDIA_TYPE]["example"]["status"] == int(status)


@each_operation
def test_body_can_be_refused(method: str, path: str, operation: dict[str, Any]) -> None:
    if "requestBody" not in operation:
        assert not {"413", "415", "422"} & operation["responses"].keys()
        return
    assert {"400", "413"} <= operation["responses"].keys()
    assert operation["requestBody"]["required"] is True
    patch = "application/merge-patch+json" in operation["requestBody"]["content"]
    assert patch is (method == "PATCH")


@each_operation
def test_examples_are_valid(method: str, path: str, operation: dict[str, Any]) -> None:
    shown = [operation.get("requestBody", {}), *map(followed, operation["responses"].values())]
    contents = [content for part in shown for content in part.get("content", {}).values()]
    for content in contents:
        if content["schema"] != {"type": "object"}:
            refuse_invalid(content["example"], content["schema"])


def test_examples_hold_no_token() -> None:
    assert not re.search(r"(ft_|ghp_|github_pat_)[A-Za-z0-9]", document_bytes(DOCUMENT).decode())


def test_another_start_makes_the_same_document() -> None:
    assert document_bytes(document_of(unserved_app())) == document_bytes(DOCUMENT)


async def test_document_is_served_as_it_is_committed(world: World) -> None:
    answer = await world.stranger.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == document_bytes(DOCUMENT)
