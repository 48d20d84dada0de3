"""Tokens over HTTP: shown once, then never again."""

from typing import Any

import msgspec
import pytest

from api.tokens import TokenCreated, TokenPage, TokenRead
from domain.access.tokens import hash_token
from tests.api.problems import places_of
from tests.people_and_places import World


async def test_token_is_shown_once_and_stored_as_a_hash(world: World) -> None:
    made = await world.admin.post("/v1/tokens", json={"name": " CI ", "scopes": ["write", "read", "write"]})
    token = msgspec.json.decode(made.content, type=TokenCreated)
    assert (made.status_code, token.name, token.scopes, token.hint) == (201, "CI", ["read", "write"], token.token[-4:])
    assert made.headers["cache-control"] == "no-store"
    assert await world.sql.fetchval("SELECT hash FROM api_tokens WHERE id = $1", token.id) == hash_token(token.token)
    read = await world.admin.get(made.headers["location"])
    assert msgspec.json.decode(read.content, type=TokenRead).id == token.id
    listed = await world.admin.get("/v1/tokens")
    msgspec.json.decode(listed.content, type=TokenPage)
    recorded = await world.admin.get("/v1/activity?subject=token")
    rows = await world.sql.fetch("SELECT to_jsonb(a)::text AS row FROM activities a")
    for text in (read.text, listed.text, recorded.text, *(row["row"] for row in rows)):
        assert token.token not in text
        assert hash_token(token.token).hex() not in text


async def test_revoked_token_stays_listed_and_revoking_again_changes_nothing(world: World) -> None:
    path = (await world.admin.post("/v1/tokens", json={"name": "CI", "scopes": ["read"]})).headers["location"]
    assert (await world.admin.delete(path)).status_code == 204
    revoked = (await world.admin.get(path)).json()
    assert (await world.admin.delete(path)).status_code == 204
    assert (await world.admin.get(path)).json() == revoked
    assert revoked["revoked_at"] is not None
    assert [one["id"] for one in (await world.admin.get("/v1/tokens?active=false")).json()["items"]] == [revoked["id"]]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["root"]}, "/scopes/0"),
        ({"scopes": "read"}, "/scopes"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "/expires_at"),
        ({"token": "mine"}, "/token"),
    ],
    ids=str,
)
async def test_wrong_token_request_is_refused(world: World, members: dict[str, Any], place: str) -> None:
    answer = await world.admin.post("/v1/tokens", json={"name": "CI", "scopes": ["read"]} | members)
    assert list(places_of(answer, 422)) == [place]


async def test_use_of_a_token_is_noted(world: World) -> None:
    await world.sql.execute("UPDATE api_tokens SET last_used_at = NULL")
    world.app.state.house.tokens._known.clear()
    await world.reader.get("/v1/tasks")
    assert await world.sql.fetchval("SELECT last_used_at > now() - interval '1 minute' FROM api_tokens WHERE name = 'read'")
