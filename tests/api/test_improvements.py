"""Improvements over HTTP, and their progress."""

import msgspec

from api.improvements import ImprovementPage, ImprovementRead
from tests.api.problems import places_of, problem_of
from tests.people_and_places import NOBODY, World, new_task


async def test_improvement_is_made_read_and_changed(world: World) -> None:
    postmortem = (await world.writer.post("/v1/postmortems", json={"title": "Outage"})).json()["id"]
    made = await world.writer.post("/v1/improvements", json={"postmortem_id": postmortem, "title": " Faster\nqueries "})
    improvement = msgspec.json.decode(made.content, type=ImprovementRead)
    assert (improvement.title, improvement.progress.total, improvement.version) == ("Faster queries", 0, 1)
    changed = await world.writer.patch(made.headers["location"], json={"title": " Fast\n queries", "description": "All of them"})
    assert (changed.json()["title"], changed.json()["description"], changed.json()["version"]) == ("Fast queries", "All of them", 2)
    found = (await world.reader.get("/v1/improvements", params={"postmortem_id": postmortem, "q": "query"})).content
    assert [one.id for one in msgspec.json.decode(found, type=ImprovementPage).items] == [improvement.id]


async def test_improvement_needs_a_postmortem_that_exists(world: World) -> None:
    answer = await world.writer.post("/v1/improvements", json={"postmortem_id": str(NOBODY), "title": "a"})
    assert list(places_of(answer, 422)) == ["/postmortem_id"]


async def test_progress_counts_tasks_that_are_neither_cancelled_nor_deleted(world: World) -> None:
    postmortem = (await world.writer.post("/v1/postmortems", json={"title": "Outage"})).json()["id"]
    path = (await world.writer.post("/v1/improvements", json={"postmortem_id": postmortem, "title": "a"})).headers["location"]
    improvement_id = path.rpartition("/")[2]
    tasks = [await new_task(world, improvement_id=improvement_id) for _ in range(4)]

    async def progress() -> tuple[int, int]:
        shown = (await world.reader.get(path)).json()["progress"]
        return shown["total"], shown["done"]

    assert await progress() == (4, 0)
    await world.writer.patch(f"/v1/tasks/{tasks[0]['id']}", json={"status": "done"})
    assert await progress() == (4, 1)
    await world.writer.patch(f"/v1/tasks/{tasks[1]['id']}", json={"status": "cancelled", "reason": "no"})
    assert await progress() == (3, 1)
    await world.writer.delete(f"/v1/tasks/{tasks[2]['id']}")
    assert await progress() == (2, 1)
    assert (await world.writer.delete(path)).status_code == 204
    problem_of(await world.reader.get(path), 404)
    kept = (await world.reader.get(f"/v1/tasks/{tasks[3]['id']}")).json()
    assert (kept["improvement_id"], kept["version"]) == (None, 2)
