"""The record of who changed what: a row for every write, and no way to change one."""

from typing import Any

import asyncpg
import msgspec
import pytest

from api.activity import ActivityPage
from tests.people_and_places import ANA, PAYMENTS, World, new_task


async def activity(world: World, **params: Any) -> list[dict[str, Any]]:
    answer = await world.reader.get("/v1/activity", params={"sort": "at"} | params)
    msgspec.json.decode(answer.content, type=ActivityPage)
    return list(answer.json()["items"])


async def test_every_write_of_a_task_is_recorded_with_before_and_after(world: World) -> None:
    task = await new_task(world, title="a", due_on="2026-08-10")
    headers = {"X-Request-Id": "from-the-caller-1"}
    path = f"/v1/tasks/{task['id']}"
    changes = {"title": "b", "status": "done", "due_on": "2026-08-20", "reason": "busy", "owner": ANA, "labels": ["x"]}
    await world.admin.patch(path, json=changes, headers=headers)
    await world.writer.delete(path)
    rows = await activity(world, task_id=task["id"])
    assert [row["action"] for row in rows] == ["created", "changed", "deleted"]
    assert [row["actor"]["name"] for row in rows] == ["write", "admin", "write"]
    assert {row["actor"]["kind"] for row in rows} == {"token"}
    assert rows[1]["request_id"] == "from-the-caller-1"
    ana = (await world.reader.get(f"/v1/people?email={ANA}")).json()["items"][0]["id"]
    assert rows[1]["changes"] == {
        "title": ["a", "b"],
        "status": ["open", "done"],
        "due_on": ["2026-08-10", "2026-08-20"],
        "reason": ["", "busy"],
        "owner_id": [None, ana],
        "labels": [[], ["x"]],
    }


async def test_write_that_changes_nothing_is_not_recorded(world: World) -> None:
    task = await new_task(world, title="a", labels=["x"], owner=ANA, team=PAYMENTS)
    before = len(await activity(world))
    await world.writer.patch(
        f"/v1/tasks/{task['id']}", json={"title": " a ", "labels": ["X"], "owner": "ANA@example.com", "team": PAYMENTS}
    )
    await world.writer.patch(f"/v1/tasks/{task['id']}", json={})
    assert len(await activity(world)) == before


async def test_every_kind_of_write_is_recorded(routed: World) -> None:
    writer, admin = routed.writer, routed.admin
    postmortem = (await writer.post("/v1/postmortems", json={"title": "Outage"})).headers["location"]
    improvement = await writer.post("/v1/improvements", json={"postmortem_id": postmortem.rpartition("/")[2], "title": "a"})
    person = (await writer.post("/v1/people", json={"email": "c@example.com"})).headers["location"]
    team = (await writer.post("/v1/teams", json={"slug": "ops", "name": "Operations"})).headers["location"]
    token = (await admin.post("/v1/tokens", json={"name": "tool", "scopes": ["read"]})).headers["location"]
    route = (await admin.get("/v1/routes")).json()["items"][0]["id"]
    for path, body in (
        (postmortem, {"title": "b"}),
        (improvement.headers["location"], {"title": "b"}),
        (person, {"name": "b"}),
        (team, {"name": "b", "members": [ANA]}),
        (f"/v1/routes/{route}", {"position": 5}),
    ):
        assert (await admin.patch(path, json=body)).status_code == 200
    for path in (improvement.headers["location"], postmortem, token, f"/v1/routes/{route}"):
        assert (await admin.delete(path)).status_code == 204
    done = {(row["subject"]["kind"], row["action"]) for row in await activity(routed)}
    assert done >= {
        *(("postmortem", action) for action in ("created", "changed", "deleted")),
        *(("improvement", action) for action in ("created", "changed", "deleted")),
        *(("person", action) for action in ("created", "changed")),
        *(("team", action) for action in ("created", "changed")),
        *(("token", action) for action in ("created", "revoked")),
        *(("route", action) for action in ("changed", "deleted")),
    }


@pytest.mark.parametrize("change", ["UPDATE activities SET action = 'x'", "DELETE FROM activities", "TRUNCATE activities"])
async def test_database_itself_refuses_to_change_what_was_recorded(world: World, change: str) -> None:
    await new_task(world)
    with pytest.raises(asyncpg.RestrictViolationError, match="only ever added"):
        await world.sql.execute(change)


async def test_activity_is_found_by_what_and_when(world: World) -> None:
    await new_task(world, owner="new@example.com")
    assert [row["action"] for row in await activity(world, subject="person")] == ["created"]
    assert len(await activity(world, subject="person,task")) == 2
    assert await activity(world, since="2999-01-01T00:00:00Z") == []
