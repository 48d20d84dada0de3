"""Conflicts over HTTP: they are listed, and a person's choice counts."""

from typing import Any
from uuid import UUID, uuid4

from tests.api.problems import places_of
from tests.people_and_places import NOBODY, World, new_task


async def disagreement(world: World, field: str, *, local: Any, remote: Any, winner: str = "remote") -> tuple[dict[str, Any], str]:
    """A task with its issue, and a conflict between both; gives the task and the conflict's id."""
    task = await new_task(world)
    link_id = UUID(task["links"][0]["id"])
    await world.sql.execute(
        "UPDATE issue_links SET state = 'linked', remote_id = $2, remote_key = 'acme/shop#7' WHERE id = $1", link_id, task["key"]
    )
    return task, await conflict_of(world, link_id, field, local=local, remote=remote, winner=winner)


async def conflict_of(world: World, link_id: UUID, field: str, *, local: Any, remote: Any, winner: str = "remote") -> str:
    conflict_id = UUID(int=0x0192F0C4_0000_7000_8000_000000000000 + uuid4().int % 2**40)
    await world.sql.execute(
        """INSERT INTO sync_conflicts (id, link_id, field, base, local, remote, winner, rule, created_at)
           VALUES ($1, $2, $3, to_jsonb('before'::text), to_jsonb($4::text), to_jsonb($5::text), $6, 'the newer change wins', now())""",
        conflict_id,
        link_id,
        field,
        local,
        remote,
        winner,
    )
    return str(conflict_id)


async def choose(world: World, conflict_id: str, side: str) -> Any:
    return await world.writer.put(f"/v1/conflicts/{conflict_id}/resolution", json={"side": side})


async def task_of(world: World, task: dict[str, Any]) -> dict[str, Any]:
    return dict((await world.reader.get(f"/v1/tasks/{task['id']}")).json())


async def test_conflicts_are_listed_and_filtered(routed: World) -> None:
    task, title = await disagreement(routed, "title", local="Ours", remote="Theirs")
    other, status = await disagreement(routed, "status", local="open", remote="done")
    assert (await choose(routed, status, "remote")).status_code == 200
    for query, expected in {
        "": {title, status},
        "field=title": {title},
        "resolved=true": {status},
        "resolved=false": {title},
        f"task_id={other['id']}": {status},
        f"link_id={task['links'][0]['id']}": {title},
        "created_since=2020-01-01T00:00:00Z": {title, status},
        "updated_since=2100-01-01T00:00:00Z": set(),
    }.items():
        answer = await routed.reader.get(f"/v1/conflicts?{query}")
        assert answer.status_code == 200, answer.text
        assert {item["id"] for item in answer.json()["items"]} == expected, query
    assert "field" in places_of(await routed.reader.get("/v1/conflicts?field=colour"), 400)


async def test_conflict_says_what_both_sides_said(routed: World) -> None:
    task, conflict_id = await disagreement(routed, "title", local="Ours", remote="Theirs")
    answer = await routed.reader.get(f"/v1/conflicts/{conflict_id}")
    shown = answer.json()
    assert shown.pop("created_at")
    assert shown == {
        "id": conflict_id,
        "link_id": task["links"][0]["id"],
        "task_id": task["id"],
        "field": "title",
        "base": "before",
        "local": "Ours",
        "remote": "Theirs",
        "winner": "remote",
        "rule": "the newer change wins",
        "resolution": None,
    }
    again = await routed.reader.get(f"/v1/conflicts/{conflict_id}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert (await routed.reader.get(f"/v1/conflicts/{NOBODY}")).status_code == 404


async def test_chosen_title_goes_to_the_task_and_its_issue(routed: World) -> None:
    task, conflict_id = await disagreement(routed, "title", local="Ours", remote="Theirs")
    answer = await choose(routed, conflict_id, "local")
    assert answer.status_code == 200, answer.text
    assert answer.json()["resolution"]["side"] == "local"
    assert answer.json()["resolution"]["by"] == "write"
    assert answer.headers["etag"] != ""
    assert (await task_of(routed, task))["title"] == "Ours"
    assert (await routed.reader.get(f"/v1/links/{task['links'][0]['id']}")).json()["behind"] is True


async def test_side_that_won_is_marked_alone(routed: World) -> None:
    task, conflict_id = await disagreement(routed, "title", local="Ours", remote="Theirs")
    assert (await choose(routed, conflict_id, "remote")).json()["resolution"]["side"] == "remote"
    assert await task_of(routed, task) == task | {"links": (await task_of(routed, task))["links"]}


async def test_other_side_may_be_chosen_later(routed: World) -> None:
    task, conflict_id = await disagreement(routed, "title", local="Ours", remote="Theirs")
    await choose(routed, conflict_id, "local")
    first = await choose(routed, conflict_id, "remote")
    assert (await task_of(routed, task))["title"] == "Theirs"
    again = await choose(routed, conflict_id, "remote")
    assert (again.status_code, again.json()) == (200, first.json())


async def test_region_of_the_issue_is_not_taken_over(routed: World) -> None:
    _, conflict_id = await disagreement(routed, "body", local="Ours", remote="Theirs", winner="local")
    assert "description" in places_of(await choose(routed, conflict_id, "remote"), 422)["/side"]
    assert (await choose(routed, conflict_id, "local")).json()["resolution"]["side"] == "local"


async def test_unknown_login_is_named(routed: World) -> None:
    task, conflict_id = await disagreement(routed, "assignee", local="ana-r", remote="nobody-here", winner="local")
    assert "nobody-here" in places_of(await choose(routed, conflict_id, "remote"), 422)["/side"]
    _, known = await disagreement(routed, "assignee", local=None, remote="ANA-R", winner="local")
    assert (await choose(routed, known, "remote")).status_code == 200
    assert task["owner"] is None


async def test_deleted_task_is_a_contradiction(routed: World) -> None:
    task, conflict_id = await disagreement(routed, "title", local="Ours", remote="Theirs")
    await routed.writer.delete(f"/v1/tasks/{task['id']}")
    assert (await choose(routed, conflict_id, "local")).status_code == 409


async def test_choice_needs_a_side_and_the_scope(routed: World) -> None:
    _, conflict_id = await disagreement(routed, "title", local="Ours", remote="Theirs")
    assert "/side" in places_of(await choose(routed, conflict_id, "both"), 422)
    refused = await routed.reader.put(f"/v1/conflicts/{conflict_id}/resolution", json={"side": "local"})
    assert refused.status_code == 403
    assert (await choose(routed, str(NOBODY), "local")).status_code == 404
