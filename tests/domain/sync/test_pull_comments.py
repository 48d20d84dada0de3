"""Comments of people in the tracker come in once and at the least cost, and ours never come back as theirs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import select

from domain.columns import now_utc
from domain.comments.table import CommentPost, PostState
from domain.database import transaction
from domain.sync.post_comments import post_comments
from domain.sync.pull_comments import DELETED, fetch_comments
from tests.domain.sync.conftest import Scene
from tests.domain.sync.forum import START, Talk, issue_with, open_talk


@pytest.fixture
async def talk(scene: Scene) -> Talk:
    return await open_talk(scene)


async def test_their_comment_comes_with_its_webhook_and_costs_no_call(talk: Talk) -> None:
    comment = talk.forum.write("Looks\x00 good.")
    await talk.pull(comment)
    await talk.pull(comment)
    await talk.pull()
    (kept,) = await talk.theirs()
    assert (kept.author, kept.body, kept.url, kept.created_at) == ("octo-dev", "Looks good.", comment.url, comment.created_at)
    assert (kept.task_id, kept.link_id, kept.remote_id) == (talk.scene.task.id, talk.scene.link.id, "1")
    assert talk.forum.reads == []
    assert await talk.activities() == ["GitHub: octo-dev"]
    assert await talk.posts() == []


async def test_webhook_that_is_written_before_it_is_counted_costs_no_call(talk: Talk) -> None:
    await talk.pull(talk.forum.write("First."), fresh=False, count=0)
    await talk.pull(talk.forum.write("Second."), fresh=False, count=1, version=START + timedelta(minutes=2))
    await talk.pull(version=START + timedelta(minutes=2))
    assert (await talk.scene.read()).comments_seen == 2
    assert talk.forum.reads == []


async def test_edit_replaces_the_text_and_an_older_one_does_not_come_back(talk: Talk) -> None:
    first = talk.forum.write("First.")
    edited = replace(first, body="Edited.", updated_at=first.updated_at + timedelta(seconds=9))
    await talk.pull(edited)
    await talk.pull(first)
    assert await talk.shown() == ["Edited."]
    await talk.pull(replace(edited, body="Again.", updated_at=edited.updated_at + timedelta(seconds=1)))
    assert await talk.shown() == ["Again."]
    assert len(await talk.activities()) == 1
    assert talk.forum.reads == []


async def test_two_texts_of_one_second_are_decided_by_the_tracker(talk: Talk) -> None:
    first = talk.forum.write("First.")
    talk.forum.issues["7"] = [replace(first, body="Edited at once.")]
    await talk.pull(first, replace(first, body="Edited at once."))
    assert await talk.shown() == ["Edited at once."]
    assert len(talk.forum.reads) == 1


@pytest.mark.parametrize("late", [False, True])
async def test_deleted_comment_is_gone_in_whatever_order_its_webhooks_come(talk: Talk, late: bool) -> None:
    comment = talk.forum.write("Oops.")
    deletion = talk.forum.delete(comment)
    for told in (deletion, comment) if late else (comment, deletion):
        await talk.pull(told, fresh=False, count=0)
    (kept,) = await talk.theirs()
    assert (kept.body, kept.deleted_at is not None) == ("", True)
    await talk.pull(comment, deletion)
    assert await talk.shown() == []
    assert (await talk.scene.read()).comments_seen == 0
    assert talk.forum.reads == []


async def test_comments_that_no_webhook_told_of_are_read_once(talk: Talk) -> None:
    talk.forum.write("First.")
    talk.forum.write("Second.")
    await talk.pull()
    await talk.pull()
    assert talk.forum.reads == [None]
    talk.forum.write("Third.")
    await talk.pull()
    await talk.pull()
    assert talk.forum.reads == [None, START + timedelta(minutes=2)]
    assert await talk.shown() == ["First.", "Second.", "Third."]


async def test_comment_missed_before_one_that_was_told_is_read(talk: Talk) -> None:
    talk.forum.write("Seen.")
    await talk.pull()
    talk.forum.write("Missed.")
    await talk.pull(talk.forum.write("Told."), fresh=False, count=2)
    await talk.pull()
    assert sorted(await talk.shown()) == ["Missed.", "Seen.", "Told."]
    assert len(talk.forum.reads) == 2


async def test_deletion_that_no_webhook_told_of_is_noticed_by_the_count(talk: Talk) -> None:
    first = talk.forum.write("First.")
    talk.forum.write("Second.")
    await talk.pull()
    talk.forum.delete(first)
    await talk.pull()
    await talk.pull()
    assert await talk.shown() == ["Second."]
    assert talk.forum.reads == [None, None]


async def test_edit_that_no_webhook_told_of_is_read_with_the_newer_issue(talk: Talk) -> None:
    first = talk.forum.write("First.")
    await talk.pull()
    later = START + timedelta(hours=1)
    talk.forum.issues["7"] = [replace(first, body="Edited.", updated_at=later)]
    await talk.pull(version=later)
    await talk.pull(version=later)
    assert await talk.shown() == ["Edited."]
    assert len(talk.forum.reads) == 2


async def test_issue_that_counts_a_comment_which_nobody_sees_is_not_asked_again_and_again(talk: Talk) -> None:
    for _ in range(3):
        await talk.pull(count=5)
    assert len(talk.forum.reads) == 1


async def test_echo_of_ours_is_never_kept_as_theirs(talk: Talk) -> None:
    await talk.say("Ours.")
    await talk.post()
    (echo,) = talk.forum.issues["7"]
    await talk.pull(echo, fresh=False, count=0, version=START + timedelta(hours=1))
    await talk.pull(version=START + timedelta(hours=1))
    assert await talk.theirs() == []
    assert (await talk.scene.read()).comments_seen == 1
    assert talk.forum.reads == []


async def test_issue_read_after_our_post_costs_no_read_of_its_comments(talk: Talk) -> None:
    await talk.say("Ours.")
    claim = await talk.claim()
    assert await post_comments(talk.scene.desk, claim)
    issue = issue_with(1, version=now_utc())
    fetched = await fetch_comments(talk.scene.desk, claim, issue, [], fresh=True)
    assert (fetched.told, fetched.read, talk.forum.reads) == ([], None, [])


async def test_echo_resolves_a_post_whose_answer_was_lost(talk: Talk) -> None:
    await talk.say("Ours.")
    (post,) = await talk.posts()
    written = talk.forum.write("**tests in Followthrough:**\n\nOurs.", by="followthrough-bot", marker=post.id)
    await _set_post(talk, state=PostState.UNKNOWN, sent_at=now_utc(), due_at=now_utc() + timedelta(hours=1))
    await talk.pull(written)
    (post,) = await talk.posts()
    assert (post.state, post.remote_id, post.url) == (PostState.POSTED, "1", written.url)
    assert await talk.post()
    assert len(talk.forum.issues["7"]) == 1
    assert await talk.theirs() == []


async def test_ours_that_was_deleted_there_is_not_posted_again(talk: Talk) -> None:
    await talk.say("Ours.")
    await talk.post()
    deletion = talk.forum.delete(talk.forum.issues["7"][0])
    await talk.pull(deletion, fresh=False, count=1)
    await talk.pull(deletion)
    assert await talk.post()
    (post,) = await talk.posts()
    assert (post.state, post.note) == (PostState.POSTED, DELETED)
    assert (talk.forum.issues["7"], await talk.theirs(), talk.forum.reads) == ([], [], [])


async def test_copy_of_our_marker_is_theirs(talk: Talk) -> None:
    await talk.say("Ours.")
    await talk.post()
    marker = talk.forum.issues["7"][0].marker
    await talk.pull(talk.forum.write("Copied.", marker=marker), talk.forum.write("Another's.", marker=uuid4()))
    assert await talk.shown() == ["Copied.", "Another's."]
    (post,) = await talk.posts()
    assert post.remote_id == "1"


async def _set_post(talk: Talk, **columns: Any) -> None:
    async with transaction(talk.scene.desk.database) as session:
        post = (await session.exec(select(CommentPost).with_for_update())).one()
        for name, value in columns.items():
            setattr(post, name, value)
