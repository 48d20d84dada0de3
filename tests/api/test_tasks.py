"""Tasks over HTTP."""

import asyncio
from typing import Any

import msgspec
import pytest

from api.tasks import TaskPage, TaskRead
from tests.api.problems import places_of, problem_of
from tests.people_and_places import ANA, BO, NOBODY, PAYMENTS, SEARCH, World, at, new_task


async def patch(world: World, task: dict[str, Any], **members: Any) -> dict[str, Any]:
    answer = await world.writer.patch(f"/v1/tasks/{task['id']}", json=members)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_new_task_is_shown_as_promised(world: World) -> None:
    answer = await world.writer.post("/v1/tasks", json={"title": "  Raise\n the pool  size "})
    task = msgspec.json.decode(answer.content, type=TaskRead)
    assert answer.headers["location"] == f"/v1/tasks/{task.id}"
    assert (task.title, task.status, task.priority, task.version, task.labels, task.links) == (
        "Raise the pool size",
        "open",
        "P2",
        1,
        [],
        [],
    )
    assert task.key.startswith("FT-")
    again = await world.reader.get(answer.headers["location"])
    assert again.content == answer.content
    assert again.headers["etag"] == answer.headers["etag"]
    assert again.json().keys() == set(TaskRead.__struct_fields__)
    page = msgspec.json.decode((await world.reader.get("/v1/tasks")).content, type=TaskPage)
    assert page.items == [task]


async def test_merge_patch_tells_absent_from_null_from_a_value(world: World) -> None:
    postmortem = (await world.writer.post("/v1/postmortems", json={"title": "Outage"})).json()["id"]
    improvement = (await world.writer.post("/v1/improvements", json={"postmortem_id": postmortem, "title": "Faster"})).json()["id"]
    values = {
        "kind": "prevent",
        "owner": ANA,
        "team": PAYMENTS,
        "due_on": "2999-08-10",
        "postmortem_id": postmortem,
        "improvement_id": improvement,
        "evidence_url": "https://example.com/proof",
    }
    task = await new_task(world)
    for name, value in values.items():
        before = task
        task = await patch(world, task, **{name: value})
        assert task[name] == value
        unchanged = before.keys() - {name, "version", "updated_at", "first_due_on"}
        assert {n: task[n] for n in unchanged} == {n: before[n] for n in unchanged}
    assert (await patch(world, task, reason="because"))["due_on"] == "2999-08-10"
    for name in values:
        task = await patch(world, task, **{name: None}, reason="gone")
        assert task[name] is None


@pytest.mark.parametrize("name", ["title", "description", "priority", "status", "reason", "labels"])
async def test_member_that_cannot_be_null_says_so(world: World, name: str) -> None:
    task = await new_task(world)
    assert list(places_of(await world.writer.patch(f"/v1/tasks/{task['id']}", json={name: None}), 422)) == [f"/{name}"]


async def test_cancelling_needs_a_reason(world: World) -> None:
    task = await new_task(world)
    path = f"/v1/tasks/{task['id']}"
    for body in ({"status": "cancelled"}, {"status": "cancelled", "reason": " \n"}):
        assert list(places_of(await world.writer.patch(path, json=body), 422)) == ["/reason"]
    assert list(places_of(await world.writer.post("/v1/tasks", json={"title": "a", "status": "cancelled"}), 422)) == ["/reason"]
    done = await patch(world, task, status="cancelled", reason="The service is gone.")
    assert (done["status"], done["reason"]) == ("cancelled", "The service is gone.")
    assert list(places_of(await world.writer.patch(path, json={"reason": ""}), 422)) == ["/reason"]


async def test_moving_a_due_date_needs_a_reason_and_the_first_one_is_kept(world: World) -> None:
    task = await new_task(world)
    task = await patch(world, task, due_on="2026-08-10")
    assert (task["first_due_on"], task["slips"]) == ("2026-08-10", 0)
    places = places_of(await world.writer.patch(f"/v1/tasks/{task['id']}", json={"due_on": "2026-08-20"}), 422)
    assert list(places) == ["/reason"]
    for due_on, slips in (("2026-08-20", 1), ("2026-08-15", 1), (None, 2), ("2026-09-01", 2), ("2026-09-02", 3)):
        task = await patch(world, task, due_on=due_on, reason=f"moved to {due_on}")
        assert (task["due_on"], task["first_due_on"], task["slips"]) == (due_on, "2026-08-10", slips)


async def test_closing_is_noted_once_and_reopening_forgets_it(world: World) -> None:
    task = await patch(world, await new_task(world), status="done")
    closed_at = at(task["closed_at"])
    task = await patch(world, task, status="cancelled", reason="after all")
    assert at(task["closed_at"]) == closed_at
    assert (await patch(world, task, status="open"))["closed_at"] is None
    assert (await new_task(world, status="done"))["closed_at"] is not None


async def test_owner_is_added_to_the_people_by_their_address(world: World) -> None:
    task = await new_task(world, owner="Cy.New@Example.com")
    assert task["owner"] == "cy.new@example.com"
    people = (await world.reader.get("/v1/people?email=cy.new@example.com")).json()["items"]
    assert len(people) == 1
    assert (await patch(world, task, owner=BO))["owner"] == BO
    assert await world.sql.fetchval("SELECT count(*) FROM people") == 3


async def test_parallel_tasks_of_a_new_owner_add_one_person(world: World) -> None:
    tasks = await asyncio.gather(*(new_task(world, owner="new@example.com") for _ in range(8)))
    assert {task["owner"] for task in tasks} == {"new@example.com"}
    assert await world.sql.fetchval("SELECT count(*) FROM people WHERE email = 'new@example.com'") == 1


async def test_failed_write_adds_nobody(world: World) -> None:
    places_of(await world.writer.post("/v1/tasks", json={"title": "a", "owner": "new@example.com", "team": "nope"}), 422)
    assert await world.sql.fetchval("SELECT count(*) FROM people WHERE email = 'new@example.com'") == 0


async def test_unknown_team_is_answered_with_the_known_ones(world: World) -> None:
    places = places_of(await world.writer.post("/v1/tasks", json={"title": "a", "team": "paiments"}), 422)
    assert places == {"/team": "use the slug of a team: payments, search"}


@pytest.mark.parametrize("name", ["postmortem_id", "improvement_id"])
async def test_reference_to_nothing_is_named(world: World, name: str) -> None:
    task = await new_task(world)
    for answer in (
        await world.writer.post("/v1/tasks", json={"title": "a", name: str(NOBODY)}),
        await world.writer.patch(f"/v1/tasks/{task['id']}", json={name: str(NOBODY)}),
    ):
        assert list(places_of(answer, 422)) == [f"/{name}"]


async def test_labels_are_normalised(world: World) -> None:
    task = await new_task(world, labels=["Database ", "database", "ALERT", "ö"])
    assert task["labels"] == ["alert", "database", "ö"]
    assert (await patch(world, task, labels=["alert", "Ö", "DATABASE"]))["version"] == task["version"]


async def test_deleted_task_is_nowhere_to_be_found(world: World) -> None:
    task = await new_task(world)
    path = f"/v1/tasks/{task['id']}"
    answer = await world.writer.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "PATCH", "DELETE"):
        problem_of(await world.writer.request(method, path, json={} if method == "PATCH" else None), 404)
    problem_of(await world.reader.get(f"{path}/links"), 404)
    assert (await world.reader.get("/v1/tasks")).json()["items"] == []


async def test_route_opens_a_link_that_is_due_and_rings(routed: World) -> None:
    task = await new_task(routed)
    assert [link["state"] for link in task["links"]] == ["pending"]
    link = await routed.sql.fetchrow("SELECT due_at <= now() AS due, desired_version, pushed_version FROM issue_links")
    assert tuple(link) == (True, 1, 0)
    assert await jobs(routed) == 1
    await patch(routed, task, title="Raise it")
    assert await routed.sql.fetchval("SELECT desired_version FROM issue_links") == 2
    assert await jobs(routed) == 2


async def test_failed_write_rings_no_bell(routed: World) -> None:
    task = await new_task(routed)
    problem_of(await routed.writer.patch(f"/v1/tasks/{task['id']}", json={"title": "b", "status": "cancelled"}), 422)
    assert await jobs(routed) == 1


async def jobs(world: World) -> int:
    """Counts the jobs that were rung for."""
    return int(await world.app.state.house.bell.redis.zcard("followthrough"))


async def test_deleted_task_leaves_its_link_due(routed: World) -> None:
    task = await new_task(routed)
    await routed.sql.execute("UPDATE issue_links SET due_at = NULL, pushed_version = 1")
    await routed.writer.delete(f"/v1/tasks/{task['id']}")
    assert await routed.sql.fetchval("SELECT due_at IS NOT NULL AND desired_version = 2 FROM issue_links")


async def test_parallel_writes_that_need_each_others_people_all_succeed(world: World) -> None:
    emails = [f"p{n}@example.com" for n in range(12)]
    bodies = [{"slug": f"team-{n}", "name": "T", "members": emails[:: -1 if n % 2 else 1]} for n in range(8)]
    answers = await asyncio.gather(*(world.writer.post("/v1/teams", json=body) for body in bodies))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert (await world.reader.get(f"/v1/tasks?team={SEARCH}")).status_code == 200


async def test_task_that_serves_an_improvement_belongs_to_its_postmortem(world: World) -> None:
    first, second = [(await world.writer.post("/v1/postmortems", json={"title": title})).json()["id"] for title in ("First", "Second")]
    body = {"postmortem_id": first, "title": "See it sooner"}
    improvement = (await world.writer.post("/v1/improvements", json=body)).json()["id"]
    task = await new_task(world, improvement_id=improvement)
    assert task["postmortem_id"] == first
    answer = await world.writer.post("/v1/tasks", json={"title": "x", "improvement_id": improvement, "postmortem_id": second})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/improvement_id"
