"""Comments that are written here, and the issues to which they are on their way."""

from datetime import timedelta

import pytest
from sqlmodel import select

from domain.activity.table import Activity
from domain.columns import now_utc
from domain.comments.table import Comment, CommentPost, Origin, PostState
from domain.comments.write import LONGEST_BODY, public_name, say_farewell, write_comment
from domain.database import transaction
from domain.errors import InvalidError
from domain.tasks.change import delete_task, lock_task
from domain.trackers.link import LinkState
from tests.domain.sync.conftest import Scene


async def write(scene: Scene, body: str) -> Comment:
    async with transaction(scene.desk.database) as session:
        return await write_comment(session, scene.act, await lock_task(session, scene.task.id), body)


async def posts(scene: Scene) -> list[CommentPost]:
    async with transaction(scene.desk.database) as session:
        return list((await session.exec(select(CommentPost))).all())


async def test_comment_waits_for_the_issue_and_edits_no_field(scene: Scene) -> None:
    await scene.write(state=LinkState.LINKED, remote_id="7", due_at=None, pushed_version=1)
    comment = await write(scene, "Almost done.")
    (post,) = await posts(scene)
    link = await scene.read()
    assert (comment.origin, comment.author, comment.body) == (Origin.HERE, "tests", "Almost done.")
    assert (post.comment_id, post.link_id, post.state) == (comment.id, link.id, PostState.WAITING)
    assert (link.comments_due, link.due_at, link.desired_version) == (True, scene.act.at, 1)
    async with transaction(scene.desk.database) as session:
        last = (await session.exec(select(Activity).where(Activity.action == "commented"))).one()
    assert (last.subject_kind, last.subject_id, last.changes) == ("task", scene.task.id, {})


async def test_link_that_is_due_sooner_stays_so(scene: Scene) -> None:
    sooner = scene.act.at - timedelta(minutes=1)
    await scene.write(due_at=sooner)
    await write(scene, "Almost done.")
    assert (await scene.read()).due_at == sooner


@pytest.mark.parametrize("state", [LinkState.GONE, LinkState.DETACHED])
async def test_link_that_has_ended_gets_no_comment(scene: Scene, state: LinkState) -> None:
    await scene.write(state=state, remote_id="7", due_at=None)
    await write(scene, "Almost done.")
    assert await posts(scene) == []
    assert (await scene.read()).due_at is None


async def test_link_that_waits_for_a_person_keeps_the_comment_for_later(scene: Scene) -> None:
    await scene.write(state=LinkState.NEEDS_ATTENTION, due_at=None)
    await write(scene, "Almost done.")
    link = await scene.read()
    assert (len(await posts(scene)), link.comments_due, link.due_at) == (1, True, None)


@pytest.mark.parametrize("body", ["", " \n ", "x" * (LONGEST_BODY + 1)])
async def test_text_that_is_none_or_too_long_is_refused(scene: Scene, body: str) -> None:
    with pytest.raises(InvalidError):
        await write(scene, body)


async def test_farewell_goes_to_issues_that_exist(scene: Scene) -> None:
    await scene.write(state=LinkState.LINKED, remote_id="7", due_at=None)
    async with transaction(scene.desk.database) as session:
        task = await lock_task(session, scene.task.id)
        await delete_task(session, scene.act, task)
        comment = await say_farewell(session, scene.act, task)
    assert comment is not None
    assert comment.body == "This task was deleted in Followthrough by tests, so this issue is closed."
    assert [post.comment_id for post in await posts(scene)] == [comment.id]
    due_at = (await scene.read()).due_at
    assert due_at is not None
    assert due_at <= now_utc()


async def test_nobody_says_farewell_where_no_issue_was_made(scene: Scene) -> None:
    async with transaction(scene.desk.database) as session:
        assert await say_farewell(session, scene.act, await lock_task(session, scene.task.id)) is None
    assert await posts(scene) == []


@pytest.mark.parametrize(("author", "name"), [("ana@example.com", "ana"), ("Ana Ruiz", "Ana Ruiz"), ("@x", "somebody"), ("a\nb", "a b")])
def test_name_in_the_issue_holds_no_address(author: str, name: str) -> None:
    assert public_name(author) == name
