"""Who may call what."""

import asyncio
import time
from datetime import timedelta

import pytest
from litestar import Litestar

from domain.columns import now_utc
from tests.api.problems import problem_of
from tests.people_and_places import BOOTSTRAP_TOKEN, NOBODY, World, client_of, new_task

OPEN = ("/health/", "/metrics", "/openapi", "/webhooks/")


def operations(app: Litestar) -> list[tuple[str, str]]:
    """Every method and address that needs a token, with an id that nothing has."""
    found = []
    for route in app.routes:
        path = "".join(f"/{part}" if isinstance(part, str) else f"/{NOBODY}" for part in route.path_components)
        if not path.startswith(OPEN):
            found += [(method, path) for method in sorted(getattr(route, "methods", ())) if method != "OPTIONS"]
    return found


async def test_every_operation_but_the_open_ones_asks_for_a_token(world: World) -> None:
    asked = operations(world.app)
    assert len(asked) > 40
    for method, path in asked:
        answer = await world.stranger.request(method, path, json={})
        assert "Authorization: Bearer" in problem_of(answer, 401).detail, (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_reading_token_changes_nothing(world: World) -> None:
    for method, path in operations(world.app):
        if method != "GET":
            answer = await world.reader.request(method, path, json={})
            assert "yours has `read`" in problem_of(answer, 403).detail, (method, path)


@pytest.mark.parametrize("token", ["", "x", "ft_", "ft_" + "a" * 43, "a" * 501, "Ünï", "ft_the_read_token_of_all_tests x"])
async def test_wrong_token_is_refused(world: World, token: str) -> None:
    answer = await world.stranger.get("/v1/tasks", headers=[(b"authorization", b"Bearer " + token.encode())])
    problem_of(answer, 401)


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "ft_the_read_token_of_all_tests", ""])
async def test_other_kinds_of_authorization_are_refused(world: World, header: str) -> None:
    problem_of(await world.stranger.get("/v1/tasks", headers={"Authorization": header}), 401)


async def test_scheme_is_read_in_any_case(world: World) -> None:
    answer = await world.stranger.get("/v1/tasks", headers={"Authorization": "bEaReR ft_the_read_token_of_all_tests"})
    assert answer.status_code == 200


async def test_each_scope_opens_what_it_says_and_no_more(world: World) -> None:
    task = await new_task(world)
    calls = {
        "read": ("GET", f"/v1/tasks/{task['id']}"),
        "write": ("PATCH", f"/v1/tasks/{task['id']}"),
        "sync": ("POST", f"/v1/links/{NOBODY}/retry"),
        "admin": ("GET", "/v1/tokens"),
    }
    opens = {
        world.reader: {"read"},
        world.writer: {"read", "write"},
        world.syncer: {"read", "sync"},
        world.admin: {"read", "write", "sync", "admin"},
    }
    for client, scopes in opens.items():
        for needed, (method, path) in calls.items():
            answer = await client.request(method, path, json={} if method == "PATCH" else None)
            if needed in scopes:
                assert answer.status_code in {200, 404}
            else:
                assert f"the scope `{needed}`" in problem_of(answer, 403).detail


async def test_expired_token_is_refused_although_it_was_just_used(world: World) -> None:
    soon = now_utc() + timedelta(seconds=0.3)
    made = await world.admin.post("/v1/tokens", json={"name": "short", "scopes": ["read"], "expires_at": soon.isoformat()})
    client = client_of(world.app, made.json()["token"])
    assert (await client.get("/v1/tasks")).status_code == 200
    await asyncio.sleep(0.3 + 1.0)
    problem_of(await client.get("/v1/tasks"), 401)


async def test_revoked_token_is_refused_within_a_second(world: World) -> None:
    made = (await world.admin.post("/v1/tokens", json={"name": "tool", "scopes": ["read"]})).json()
    client = client_of(world.app, made["token"])
    assert (await client.get("/v1/tasks")).status_code == 200
    assert (await world.admin.delete(f"/v1/tokens/{made['id']}")).status_code == 204
    revoked = time.monotonic()
    while time.monotonic() - revoked < 1.0:  # being used must not prolong it
        await client.get("/v1/tasks")
        await asyncio.sleep(0.05)
    problem_of(await client.get("/v1/tasks"), 401)


async def test_bootstrap_token_may_do_everything(world: World) -> None:
    client = client_of(world.app, BOOTSTRAP_TOKEN)
    assert (await client.get("/v1/tokens")).status_code == 200
    answer = await client.post("/v1/tasks", json={"title": "first"})
    assert answer.status_code == 201
    activity = (await client.get("/v1/activity", params={"task_id": answer.json()["id"]})).json()["items"]
    assert [one["actor"] for one in activity] == [{"kind": "token", "id": None, "name": "bootstrap"}]
