"""Comments over HTTP."""

from typing import Any

import msgspec
import pytest

from api.comments import CommentPage, CommentRead
from tests.api.problems import places_of, problem_of
from tests.people_and_places import NOBODY, World, new_task

_THEIRS = """
INSERT INTO comments (id, created_at, task_id, origin, author, body, link_id, remote_id, url, updated_at, deleted_at)
SELECT gen_random_uuid(), now() - interval '1 hour', task_id, 'tracker', 'octo-dev', $1::text, id, $1::text, 'https://github.com/x', now(),
    CASE WHEN $2 THEN now() END FROM issue_links
"""


async def comment(world: World, task: dict[str, Any], body: str = "Almost *done*.") -> dict[str, Any]:
    answer = await world.writer.post(f"/v1/tasks/{task['id']}/comments", json={"body": body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_new_comment_is_shown_as_promised(routed: World) -> None:
    task = await new_task(routed)
    answer = await routed.writer.post(f"/v1/tasks/{task['id']}/comments", json={"body": "Almost *done*."})
    shown = msgspec.json.decode(answer.content, type=CommentRead)
    assert answer.headers["location"] == f"/v1/comments/{shown.id}"
    assert (str(shown.task_id), shown.origin, shown.author, shown.body) == (task["id"], "here", "write", "Almost *done*.")
    assert (shown.url, shown.link_id, shown.created_at) == (None, None, shown.updated_at)
    assert [(str(post.link_id), post.state, post.url, post.note) for post in shown.posts] == [
        (task["links"][0]["id"], "waiting", None, None)
    ]
    again = await routed.reader.get(answer.headers["location"])
    assert (again.content, again.headers["etag"]) == (answer.content, answer.headers["etag"])
    unchanged = await routed.reader.get(answer.headers["location"], headers={"If-None-Match": again.headers["etag"]})
    assert unchanged.status_code == 304
    assert again.json().keys() == set(CommentRead.__struct_fields__)


async def test_comments_of_both_sides_are_listed_and_deleted_ones_are_not(routed: World) -> None:
    task, other = await new_task(routed), await new_task(routed)
    await routed.sql.execute("DELETE FROM issue_links WHERE task_id = $1", other["id"])
    ours = await comment(routed, task)
    await comment(routed, other)
    await routed.sql.execute(_THEIRS, "Looks good.", False)
    await routed.sql.execute(_THEIRS, "Oops.", True)
    page = msgspec.json.decode((await routed.reader.get(f"/v1/tasks/{task['id']}/comments")).content, type=CommentPage)
    assert [(c.origin, c.author, c.body) for c in page.items] == [("here", "write", ours["body"]), ("tracker", "octo-dev", "Looks good.")]
    assert (page.items[1].url, str(page.items[1].link_id), page.items[1].posts) == ("https://github.com/x", task["links"][0]["id"], [])
    oldest = await routed.reader.get(f"/v1/tasks/{task['id']}/comments", params={"sort": "created_at", "limit": 1})
    assert [c["body"] for c in oldest.json()["items"]] == ["Looks good."]
    assert oldest.json()["next_cursor"]


@pytest.mark.parametrize("body", ["", "  ", "x" * 20_001, "a\x00b", None, 7])
async def test_text_that_cannot_be_a_comment_is_named(world: World, body: Any) -> None:
    task = await new_task(world)
    assert list(places_of(await world.writer.post(f"/v1/tasks/{task['id']}/comments", json={"body": body}), 422)) == ["/body"]


async def test_comments_of_nothing_are_not_found(world: World) -> None:
    task = await new_task(world)
    written = await comment(world, task)
    await world.writer.delete(f"/v1/tasks/{task['id']}")
    for answer in (
        await world.reader.get(f"/v1/tasks/{NOBODY}/comments"),
        await world.reader.get(f"/v1/tasks/{task['id']}/comments"),
        await world.reader.get(f"/v1/comments/{written['id']}"),
        await world.writer.post(f"/v1/tasks/{task['id']}/comments", json={"body": "Too late."}),
    ):
        problem_of(answer, 404)


async def test_writing_needs_the_scope(world: World) -> None:
    task = await new_task(world)
    problem_of(await world.reader.post(f"/v1/tasks/{task['id']}/comments", json={"body": "No."}), 403)
    problem_of(await world.stranger.get(f"/v1/tasks/{task['id']}/comments"), 401)
