"""The methods of an address: OPTIONS and 405 name them all, and HEAD is a GET without its body."""

from typing import Any

import pytest

from tests.api.problems import problem_of
from tests.people_and_places import BOOTSTRAP_TOKEN, NOBODY, World, new_task

PATHS = [
    (f"/v1/tasks/{NOBODY}", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ("/v1/tasks", "GET, HEAD, OPTIONS, POST"),
    ("/v1/postmortems/import", "OPTIONS, POST"),
    (f"/v1/links/{NOBODY}", "DELETE, GET, HEAD, OPTIONS"),
    (f"/webhooks/{NOBODY}", "OPTIONS, POST"),
    ("/health/live", "GET, HEAD, OPTIONS"),
]


@pytest.mark.parametrize(("path", "allowed"), PATHS)
async def test_options_and_refused_method_name_all_methods(world: World, path: str, allowed: str) -> None:
    asked = await world.stranger.options(path)
    assert (asked.status_code, asked.headers.get_list("allow")) == (204, [allowed])
    refused = await world.stranger.put(path, json={})
    problem_of(refused, 405)
    assert refused.headers.get_list("allow") == [allowed]


async def test_options_of_what_is_not_there_is_not_found(world: World) -> None:
    problem_of(await world.stranger.options("/v1/nothing"), 404)


async def head(world: World, path: str, *, method: str = "HEAD", token: str = BOOTSTRAP_TOKEN) -> tuple[int, dict[str, str], bytes]:
    """Asks below HTTP, since clients throw a body away that a HEAD must not have."""
    messages: list[Any] = []
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"x-request-id", b"same")]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(dict(message))

    app: Any = world.app
    await app(scope | {"http_version": "1.1", "scheme": "http", "server": ("test", 80), "client": ("test", 1)}, receive, send)
    start, *bodies = messages
    shown = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], shown, b"".join(message.get("body", b"") for message in bodies)


async def test_head_is_answered_like_get_without_the_body(world: World) -> None:
    task = await new_task(world)
    for path, status in (
        (f"/v1/tasks/{task['id']}", 200),
        ("/v1/tasks", 200),
        ("/health/live", 200),
        ("/openapi.json", 200),
        (f"/v1/tasks/{NOBODY}", 404),
        ("/v1/nothing", 404),
        ("/v1/postmortems/import", 405),
    ):
        got, sent, body = await head(world, path, method="GET")
        assert len(body) == int(sent["content-length"]) > 0
        assert await head(world, path) == (got, sent, b""), path
        assert got == status


async def test_head_needs_a_token_too(world: World) -> None:
    status, sent, _ = await head(world, "/v1/tasks", token="wrong")
    assert (status, sent["www-authenticate"]) == (401, "Bearer")


async def test_head_is_counted_by_its_route(world: World) -> None:
    await world.reader.head(f"/v1/people/{NOBODY}")
    text = (await world.stranger.get("/metrics")).text
    assert 'followthrough_http_requests_total{method="HEAD",route="/v1/people/{person_id}",status="404"}' in text
