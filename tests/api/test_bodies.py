"""Bodies are read strictly, and every wrong place is named."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.problems import places_of, problem_of
from tests.people_and_places import World, new_task

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{'title': 1}",
        b'{"title": "a",}',
        b'{"title": NaN}',
        b'{"title": Infinity}',
        b'{"title": "\\ud800"}',
        b'{"title": "\xff"}',
        b'{"title": "\xed\xa0\x80"}',
        b'{"title": "a"} x',
        b'\xef\xbb\xbf{"title": "a"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"null null",
    ],
    ids=lambda body: repr(body)[:40],
)
async def test_what_is_no_json_is_malformed(world: World, body: bytes) -> None:
    answer = await world.writer.post("/v1/tasks", content=body, headers=JSON)
    problem_of(answer, 400)


@pytest.mark.parametrize("body", [b"null", b"[]", b'"title"', b"1", b"true"])
async def test_what_is_no_object_is_invalid(world: World, body: bytes) -> None:
    answer = await world.writer.post("/v1/tasks", content=body, headers=JSON)
    assert places_of(answer, 422) == {"": "send a JSON object"}


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", "", "§"]
)
async def test_other_media_types_are_refused(world: World, media_type: str) -> None:
    answer = await world.writer.post("/v1/tasks", content=b'{"title": "a"}', headers=[(b"content-type", media_type.encode())])
    assert "application/json" in problem_of(answer, 415).detail


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"])
async def test_media_type_is_read_as_the_standard_says(world: World, media_type: str) -> None:
    task = await new_task(world)
    answer = await world.writer.patch(f"/v1/tasks/{task['id']}", content=b"{}", headers={"Content-Type": media_type})
    assert answer.status_code == 200


async def test_unknown_member_is_named_with_the_nearest_known_one(world: World) -> None:
    answer = await world.writer.post("/v1/tasks", json={"title": "a", "titel": "b", "a/b~c": 1})
    assert places_of(answer, 422) == {
        "/titel": "there is no such member; did you mean 'title'?",
        "/a~1b~0c": "there is no such member",
    }


async def test_all_errors_of_a_body_are_named_at_once(world: World) -> None:
    body = {
        "title": "x" * 257,
        "status": "finished",
        "priority": 1,
        "due_on": "2026-02-30",
        "labels": ["good", 5],
        "owner": "nobody",
        "team": "Not A Slug",
        "evidence_url": "javascript:alert(1)",
        "postmortem_id": "1",
        "descripton": "",
    }
    places = places_of(await world.writer.post("/v1/tasks", json=body), 422)
    expected = (set(body) - {"labels"}) | {"labels/1"}
    assert set(places) == {f"/{name}" for name in expected}
    assert "256" in places["/title"]
    assert "description" in places["/descripton"]


async def test_missing_member_is_named(world: World) -> None:
    assert places_of(await world.writer.post("/v1/tasks", json={}), 422) == {"/title": "this is required"}


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"title": ""}, "/title"),
        ({"title": " \n\t"}, "/title"),
        ({"title": None}, "/title"),
        ({"title": 5}, "/title"),
        ({"title": {"a": 1}}, "/title"),
        ({"title": "a\x00b"}, "/title"),
        ({"labels": ["a", "b\x00"]}, "/labels/1"),
        ({"labels": [f"label {n}" for n in range(101)]}, "/labels"),
        ({"labels": ["a,b"]}, "/labels/0"),
        ({"labels": "a"}, "/labels"),
        ({"description": "x" * 20_001}, "/description"),
        ({"reason": "x" * 2_001}, "/reason"),
        ({"due_on": "2026-08-10T00:00:00Z"}, "/due_on"),
        ({"due_on": 20260810}, "/due_on"),
        ({"due_on": ""}, "/due_on"),
        ({"due_on": "9999-12-31"}, "/due_on"),
        ({"due_on": "0001-01-01"}, "/due_on"),
        ({"labels": ["a", "x" * 31]}, "/labels/1"),
        ({"owner": "a b@example.com"}, "/owner"),
        ({"owner": "ana@example.com, bo@example.com"}, "/owner"),
        ({"team": "payments\n"}, "/team"),
        ({"evidence_url": "https://example.com/a\n"}, "/evidence_url"),
        ({"evidence_url": "https://" + "x" * 2_000}, "/evidence_url"),
        ({"kind": "Prevent"}, "/kind"),
        ({"status": None}, "/status"),
    ],
    ids=lambda given: str(given)[:60],
)
async def test_wrong_member_is_named(world: World, members: dict[str, Any], place: str) -> None:
    answer = await world.writer.post("/v1/tasks", json={"title": "a"} | members)
    assert list(places_of(answer, 422)) == [place]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "/started_at"),
        ({"started_at": "9999-12-31T23:59:59-14:00"}, "/started_at"),
        ({"started_at": "0001-01-01T00:00:00Z"}, "/started_at"),
        ({"started_at": "9999-12-31T23:59:59.999999Z"}, "/started_at"),
        ({"resolved_at": "9999-12-31T00:00:00+00:00"}, "/resolved_at"),
        ({"timeline": [{"text": "a", "at": "9999-12-31T23:59:59.999999Z"}]}, "/timeline/0/at"),
        ({"started_at": "2026-08-10T14:30:00"}, "/started_at"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"team": "payments\n"}, "/team"),
        ({"timeline": [{"text": "a", "line": 2**31}]}, "/timeline/0/line"),
        ({"timeline": [{"text": "a"}, {"text": "b", "at": "2026-08-10T14:30:00Z", "time": "14:30:00"}]}, "/timeline/1/time"),
        ({"timeline": [{"text": "a"}, {"text": "b", "at": "9999-12-31T23:59:59-14:00"}]}, "/timeline/1/at"),
        ({"timeline": [{"text": "a\x00"}]}, "/timeline/0/text"),
        ({"timeline": [{"text": "a", "when": "now"}]}, "/timeline/0"),
        ({"root_causes": ["a", None]}, "/root_causes/1"),
        ({"started_at": "2026-08-10T14:30:00Z", "resolved_at": "2026-08-10T14:29:00Z"}, "/resolved_at"),
    ],
    ids=lambda given: str(given)[:60],
)
async def test_wrong_member_of_a_postmortem_is_named(world: World, members: dict[str, Any], place: str) -> None:
    answer = await world.writer.post("/v1/postmortems", json={"title": "a"} | members)
    assert list(places_of(answer, 422)) == [place]


async def test_texts_of_every_script_come_back_as_they_went_in(world: World) -> None:
    title = "Zürich 漢字 🚒 عربى \u200b a\u0301 \x7f \x1b"
    task = await new_task(world, title=title, description="a\r\n\tb\u2028c")
    assert task["title"] == title
    assert task["description"] == "a\r\n\tb\u2028c"


async def test_huge_body_is_refused(world: World) -> None:
    body = json.dumps({"title": "a", "description": "x" * 1_200_000}).encode()
    assert "1 MiB" in problem_of(await world.writer.post("/v1/tasks", content=body, headers=JSON), 413).detail


async def test_limit_of_a_body_is_one_mebibyte(world: World) -> None:
    largest = b'{"title": "a"}'.ljust(1024 * 1024)
    assert (await world.writer.post("/v1/tasks", content=largest, headers=JSON)).status_code == 201
    assert "1 MiB" in problem_of(await world.writer.post("/v1/tasks", content=largest + b" ", headers=JSON), 413).detail


@pytest.mark.parametrize("day", ["0001-01-02", "9999-12-30"])
async def test_first_and_last_day_come_back_as_they_went_in(world: World, day: str) -> None:
    assert (await new_task(world, due_on=day))["due_on"] == day
    made = await world.writer.post("/v1/postmortems", json={"title": "a", "started_at": f"{day}T12:00:00Z"})
    assert made.json()["started_at"].startswith(f"{day}T12:00:00")


async def test_huge_body_in_chunks_is_refused_before_it_is_read_whole(world: World) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield b"x" * 65_536

    problem_of(await world.writer.post("/v1/tasks", content=chunks(), headers=JSON), 413)


async def test_wrong_content_length_is_refused_or_ignored(world: World) -> None:
    answer = await world.writer.post("/v1/tasks", content=b'{"title": "a"}', headers=JSON | {"Content-Length": "no number"})
    assert answer.status_code in {201, 400}
