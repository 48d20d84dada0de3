"""ETags: nothing is sent twice for nothing, and nobody overwrites what they haven't seen."""

import asyncio
from collections import Counter

import pytest

from tests.api.problems import problem_of
from tests.people_and_places import World, new_task


async def read(world: World, path: str) -> str:
    answer = await world.reader.get(path)
    assert answer.status_code == 200
    tag = answer.headers["etag"]
    assert tag.startswith('"')
    return str(tag)


@pytest.fixture
async def task(world: World) -> str:
    return f"/v1/tasks/{(await new_task(world))['id']}"


async def test_unchanged_resource_is_not_sent_again(world: World, task: str) -> None:
    tag = await read(world, task)
    for header in (tag, f"W/{tag}", "*", f'"other", {tag}', f'W/"x" , W/{tag}'):
        answer = await world.reader.get(task, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag), header


@pytest.mark.parametrize("header", ['"other"', "", "1", '""', '"', "W/", ",,,"])
async def test_other_tags_get_the_resource(world: World, task: str, header: str) -> None:
    assert (await world.reader.get(task, headers={"If-None-Match": header})).status_code == 200


async def test_change_gives_a_new_tag_and_no_change_keeps_it(world: World, task: str) -> None:
    tag = await read(world, task)
    same = await world.writer.patch(task, json={"title": "Raise the pool size"})
    assert (same.headers["etag"], same.json()["version"]) == (tag, 1)
    changed = await world.writer.patch(task, json={"title": "Raise it"})
    assert changed.headers["etag"] == await read(world, task) != tag
    assert changed.json()["version"] == 2


async def test_what_is_only_computed_changes_the_tag_but_refuses_no_edit(routed: World) -> None:
    task = f"/v1/tasks/{(await new_task(routed))['id']}"
    tag = await read(routed, task)
    await routed.sql.execute("UPDATE issue_links SET state = 'creating'")
    assert await read(routed, task) != tag
    assert (await routed.writer.patch(task, json={"title": "b"}, headers={"If-Match": tag})).status_code == 200


async def test_right_tag_lets_a_change_through(world: World, task: str) -> None:
    for number, form in enumerate(("{}", '"0-x", {}', "{} , W/{}", "*")):
        header = form.replace("{}", await read(world, task))
        answer = await world.writer.patch(task, json={"title": f"title {number}"}, headers={"If-Match": header})
        assert answer.status_code == 200, header


@pytest.mark.parametrize("header", ['"0-x"', "", "W/{}", "{}x", "1", '"', '"11"', "garbage", '"-"'])
async def test_stale_or_weak_tag_stops_a_change(world: World, task: str, header: str) -> None:
    tag = await read(world, task)
    if header == "{}x":
        header = header.replace("{}", tag.replace('"1-', '"10-'))
    answer = await world.writer.patch(task, json={"title": "lost"}, headers={"If-Match": header.replace("{}", tag)})
    assert "version 1 now" in problem_of(answer, 412).detail
    assert await read(world, task) == tag
    problem_of(await world.writer.delete(task, headers={"If-Match": header.replace("{}", tag)}), 412)


async def test_stale_tag_of_every_resource_stops_a_change(world: World) -> None:
    postmortem = (await world.writer.post("/v1/postmortems", json={"title": "Outage"})).json()["id"]
    made = {
        "postmortems": postmortem,
        "improvements": (await world.writer.post("/v1/improvements", json={"postmortem_id": postmortem, "title": "a"})).json()["id"],
        "people": (await world.reader.get("/v1/people")).json()["items"][0]["id"],
        "teams": (await world.reader.get("/v1/teams")).json()["items"][0]["id"],
    }
    for noun, row_id in made.items():
        path, name = f"/v1/{noun}/{row_id}", "title" if noun in {"postmortems", "improvements"} else "name"
        tag = await read(world, path)
        assert (await world.writer.patch(path, json={name: "b"}, headers={"If-Match": tag})).status_code == 200
        problem_of(await world.writer.patch(path, json={name: "c"}, headers={"If-Match": tag}), 412)
        if noun in {"postmortems", "improvements"}:
            problem_of(await world.writer.delete(path, headers={"If-Match": tag}), 412)


async def test_of_twenty_changes_with_one_tag_one_wins(world: World, task: str) -> None:
    tag = await read(world, task)
    changes = [world.writer.patch(task, json={"title": f"by {n}"}, headers={"If-Match": tag}) for n in range(20)]
    answers = await asyncio.gather(*changes)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 19}
    winner = next(answer for answer in answers if answer.status_code == 200)
    assert (await world.reader.get(task)).json() == winner.json()
    assert winner.json()["version"] == 2


async def test_twenty_changes_without_a_tag_all_count(world: World, task: str) -> None:
    answers = await asyncio.gather(*(world.writer.patch(task, json={"title": f"by {n}"}) for n in range(20)))
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 22))
