"""Postmortems over HTTP."""

import msgspec

from api.postmortems import PostmortemPage, PostmortemRead
from tests.api.problems import places_of, problem_of
from tests.people_and_places import PAYMENTS, World, new_task

OUTAGE = {
    "title": "Checkout outage",
    "status": "in_review",
    "severity": "SEV-2",
    "started_at": "2026-03-03T09:12:00+01:00",
    "resolved_at": "2026-03-03T11:05:00+01:00",
    "timezone": "Europe/Berlin",
    "root_causes": ["The pool was too small."],
    "team": PAYMENTS,
    "source_url": "https://wiki.example.com/outage",
    "timeline": [{"text": "Alert", "at": "2026-03-03T09:16:00+01:00"}, {"text": "Calm", "time": "11:05:00", "line": 7}],
}


async def test_postmortem_is_made_read_and_changed(world: World) -> None:
    made = await world.writer.post("/v1/postmortems", json=OUTAGE)
    postmortem = msgspec.json.decode(made.content, type=PostmortemRead)
    assert postmortem.started_at is not None
    assert made.json()["started_at"] == "2026-03-03T08:12:00+00:00"
    assert [(event.text, event.at is None, event.line) for event in postmortem.timeline] == [("Alert", False, None), ("Calm", True, 7)]
    path = made.headers["location"]
    changed = (await world.writer.patch(path, json={"severity": None, "timeline": [{"text": "Only"}], "lessons": "Many"})).json()
    assert (changed["severity"], [event["text"] for event in changed["timeline"]], changed["version"]) == (None, ["Only"], 2)
    assert changed["root_causes"] == OUTAGE["root_causes"]
    same = (await world.writer.patch(path, json={"timeline": [{"text": "Only"}], "lessons": "Many"})).json()
    assert same["version"] == 2
    page = msgspec.json.decode((await world.reader.get("/v1/postmortems")).content, type=PostmortemPage)
    assert len(page.items) == 1


async def test_postmortems_are_found_by_what_they_say(world: World) -> None:
    await world.writer.post("/v1/postmortems", json=OUTAGE)
    for params, count in (
        ({"status": "in_review"}, 1),
        ({"status": "draft,published"}, 0),
        ({"severity": "SEV-2"}, 1),
        ({"team": PAYMENTS}, 1),
        ({"team": "search"}, 0),
        ({"started_before": "2026-03-03T08:12:00Z"}, 0),
        ({"started_after": "2026-03-03T08:11:59Z"}, 1),
        ({"q": "checkout"}, 1),
        ({"q": "cat"}, 0),
        ({"updated_since": "2999-01-01T00:00:00Z"}, 0),
    ):
        assert len((await world.reader.get("/v1/postmortems", params=params)).json()["items"]) == count, params


async def test_address_of_a_document_belongs_to_one_postmortem(world: World) -> None:
    await world.writer.post("/v1/postmortems", json=OUTAGE)
    assert list(places_of(await world.writer.post("/v1/postmortems", json=OUTAGE), 409)) == ["/source_url"]
    other = await world.writer.post("/v1/postmortems", json={"title": "Other"})
    answer = await world.writer.patch(other.headers["location"], json={"source_url": OUTAGE["source_url"]})
    assert list(places_of(answer, 409)) == ["/source_url"]


async def test_incident_cannot_end_before_it_began(world: World) -> None:
    made = await world.writer.post("/v1/postmortems", json=OUTAGE)
    answer = await world.writer.patch(made.headers["location"], json={"resolved_at": "2026-03-03T08:11:00Z"})
    assert list(places_of(answer, 422)) == ["/resolved_at"]


async def test_postmortem_with_tasks_cannot_be_deleted(world: World) -> None:
    path = (await world.writer.post("/v1/postmortems", json=OUTAGE)).headers["location"]
    postmortem_id = path.rpartition("/")[2]
    await world.writer.post("/v1/improvements", json={"postmortem_id": postmortem_id, "title": "a"})
    task = await new_task(world, postmortem_id=postmortem_id)
    assert "1 task" in problem_of(await world.writer.delete(path), 409).detail
    await world.writer.delete(f"/v1/tasks/{task['id']}")
    assert (await world.writer.delete(path)).status_code == 204
    problem_of(await world.reader.get(path), 404)
    assert (await world.reader.get("/v1/improvements")).json()["items"] == []
