"""Our comments are posted once, in their order, whatever happens."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select, update

from domain.columns import now_utc
from domain.comments.table import CommentPost, PostState
from domain.comments.write import say_farewell
from domain.database import transaction
from domain.sync.claim import claim_link
from domain.sync.post_comments import LOST, next_post_at, post_comments
from domain.sync.steps import Step, watch
from domain.sync.table import Outcome
from domain.tasks.table import Task
from domain.trackers.change import add_project
from domain.trackers.contract import Failure, Project, TrackerError
from domain.trackers.link import LinkState, open_link
from domain.trackers.table import Tracker
from tests.domain.sync.conftest import Scene
from tests.domain.sync.forum import PROBE_SECONDS, START, Talk, fails, open_talk


@pytest.fixture
async def talk(scene: Scene) -> Talk:
    return await open_talk(scene)


async def test_comment_is_posted_once_and_says_who_wrote_it(talk: Talk) -> None:
    talk.scene.act = replace(talk.scene.act, name="ana_r@example.com")
    await talk.say("Ask @bo about #12.\n\n`@kept`")
    assert await talk.post()
    assert await talk.post()
    (written,) = talk.forum.issues["7"]
    assert written.body == "**ana\\_r in Followthrough:**\n\nAsk @\u200bbo about #\u200b12.\n\n`@kept`"
    (post,) = await talk.posts()
    assert (post.state, post.id, post.remote_id, post.url, post.note) == (PostState.POSTED, written.marker, "1", written.url, None)
    (attempt,) = await talk.attempts()
    assert (attempt.operation, attempt.comment_id, attempt.outcome, attempt.calls) == ("comment", post.id, Outcome.OK, 1)
    assert attempt.remote_request_id == "1:2:3"
    link = await talk.scene.read()
    assert (link.comments_due, link.comments_seen) == (False, 1)
    assert talk.forum.reads == []


async def test_comments_are_posted_in_the_order_in_which_they_were_written(talk: Talk) -> None:
    for body in ("First.", "Second.", "Third."):
        await talk.say(body)
    assert await talk.post()
    assert [comment.body.split("\n")[-1] for comment in talk.forum.issues["7"]] == ["First.", "Second.", "Third."]


async def test_lost_answer_is_found_by_its_marker_and_not_posted_again(talk: Talk) -> None:
    talk.forum.faults = [fails(Failure.AMBIGUOUS, "no_answer")]
    await talk.say("Once.")
    assert await talk.post()
    (post,) = await talk.posts()
    assert (post.state, post.remote_id, post.note) == (PostState.POSTED, "1", None)
    assert len(talk.forum.issues["7"]) == 1
    assert [attempt.outcome for attempt in await talk.attempts()] == [Outcome.AMBIGUOUS]
    assert (await talk.scene.read()).comments_seen == 1


async def test_comment_that_is_surely_absent_is_posted_again_and_those_behind_it_wait(talk: Talk) -> None:
    await talk.say("Lost.")
    await talk.say("Behind.")
    talk.forum.faults = [fails(Failure.AMBIGUOUS, "unavailable")]
    assert await talk.post()
    first, second = await talk.posts()
    assert (first.state, first.note, second.state) == (PostState.UNKNOWN, LOST, PostState.WAITING)
    async with transaction(talk.scene.desk.database) as session:
        due_at = await next_post_at(session, await talk.scene.read())
    assert due_at == first.due_at
    assert first.sent_at is not None
    while not talk.forum.issues:
        await asyncio.sleep(PROBE_SECONDS)
        assert await talk.post()
    assert talk.forum.issues["7"][0].created_at - first.sent_at >= timedelta(seconds=3 * PROBE_SECONDS)
    assert [comment.body.split("\n")[-1] for comment in talk.forum.issues["7"]] == ["Lost.", "Behind."]
    assert 3 <= len(talk.forum.reads) <= 4
    assert [attempt.outcome for attempt in await talk.attempts()] == [Outcome.AMBIGUOUS, Outcome.OK, Outcome.OK]


@pytest.mark.parametrize("step", list(Step))
async def test_death_at_any_step_leaves_one_comment(talk: Talk, step: Step) -> None:
    await talk.say("Once.")

    async def die(at: Step, operation: str) -> None:
        if (at, operation) == (step, "comment"):
            raise ConnectionAbortedError

    claim = await talk.claim()
    end = watch(die)
    with pytest.raises(ConnectionAbortedError):
        await post_comments(talk.scene.desk, claim)
    end()
    for _ in range(5):
        await talk.scene.write(due_at=START, lease_until=START)
        again = await claim_link(talk.scene.desk, talk.scene.link.id, at=now_utc())
        assert again is not None
        assert await post_comments(talk.scene.desk, again)
        await asyncio.sleep(PROBE_SECONDS * 1.1)
    (post,) = await talk.posts()
    assert post.state is PostState.POSTED
    assert [comment.marker for comment in talk.forum.issues["7"]] == [post.id]
    assert None not in [attempt.outcome for attempt in await talk.attempts()]


async def test_worker_that_lost_its_lease_posts_nothing(talk: Talk) -> None:
    await talk.say("Once.")
    late = await talk.claim()
    await talk.claim()
    await post_comments(talk.scene.desk, late)
    assert talk.forum.issues == {}
    assert await talk.attempts() == []


async def test_answer_that_comes_after_the_lease_still_counts(talk: Talk) -> None:
    await talk.say("Once.")
    late = await talk.claim()

    async def others() -> None:
        await talk.scene.write(fence=99)

    talk.forum.before = others
    assert not await post_comments(talk.scene.desk, late)
    (post,) = await talk.posts()
    assert post.state is PostState.POSTED


async def test_comment_on_an_issue_that_is_known_to_be_locked_waits_for_its_opening(talk: Talk) -> None:
    link = await talk.scene.read()
    await talk.scene.write(remote=(link.remote or {}) | {"locked": True})
    await talk.say("Later.")
    assert await talk.post()
    (post,) = await talk.posts()
    assert (post.state, post.note) == (PostState.WAITING, "The issue is locked: this follows when it is unlocked.")
    await talk.scene.write(remote=(link.remote or {}) | {"locked": False})
    async with transaction(talk.scene.desk.database) as session:
        await session.exec(update(CommentPost).values(due_at=None))
    assert await talk.post()
    assert [post.state for post in await talk.posts()] == [PostState.POSTED]


async def test_locked_issue_refuses_a_comment_visibly_and_the_link_goes_on(talk: Talk) -> None:
    talk.forum.faults = [fails(Failure.DEFINITE, "locked"), fails(Failure.DEFINITE, "invalid")]
    await talk.say("Refused.")
    await talk.say("Refused too.")
    await talk.say("Taken.")
    assert await talk.post()
    assert [(post.state, post.note) for post in await talk.posts()] == [
        (PostState.REFUSED, "The issue is locked."),
        (PostState.REFUSED, "The tracker says invalid."),
        (PostState.POSTED, None),
    ]
    link = await talk.scene.read()
    assert (link.state, link.error_code, link.comments_due) == (LinkState.LINKED, None, False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (fails(Failure.LIMITED, "rate_limited", retry_at=datetime(2099, 1, 1, tzinfo=UTC)), "rate_limited"),
        (fails(Failure.AUTH, "bad_credentials"), "bad_credentials"),
        (fails(Failure.GONE, "gone"), "gone"),
        (fails(Failure.DEFINITE, "unreachable", calls=0), "unreachable"),
    ],
)
async def test_failure_that_says_nothing_of_the_comment_lets_it_wait(talk: Talk, error: TrackerError, code: str) -> None:
    talk.forum.faults = [error]
    await talk.say("Later.")
    assert not await talk.post()
    link = await talk.scene.read()
    assert (link.error_code, link.lease_until, link.comments_due) == (code, None, True)
    assert [(post.state, post.note) for post in await talk.posts()] == [(PostState.WAITING, None)]
    async with transaction(talk.scene.desk.database) as session:
        tracker = (await session.exec(select(Tracker))).one()
        tracker.state, tracker.blocked_until = type(tracker.state).OK, None
    assert await talk.post()
    assert len(talk.forum.issues["7"]) == 1


async def test_comment_goes_to_each_of_two_links_once(talk: Talk) -> None:
    scene = talk.scene
    async with transaction(scene.desk.database) as session:
        other, _ = await add_project(session, scene.act, scene.tracker, Project("4712", "acme/ops", "https://github.example/acme/ops"))
        await session.flush()
        second = open_link(session, task_id=scene.task.id, tracker_project_id=other.id, label_prefix="ft/", at=scene.act.at)
        second.state, second.remote_id, second.pushed_version = LinkState.LINKED, "8", 1
    await talk.say("For both.")
    assert await talk.post()
    assert await talk.post(second)
    assert {number: len(comments) for number, comments in talk.forum.issues.items()} == {"7": 1, "8": 1}
    first, last = await talk.posts()
    assert {first.link_id, last.link_id} == {scene.link.id, second.id}
    assert first.comment_id == last.comment_id


async def test_farewell_is_posted_for_a_deleted_task(talk: Talk) -> None:
    async with transaction(talk.scene.desk.database) as session:
        task = (await session.exec(select(Task).with_for_update(key_share=True))).one()
        task.deleted_at = now_utc()
        await say_farewell(session, talk.scene.act, task)
    assert await talk.post()
    (written,) = talk.forum.issues["7"]
    assert written.body.endswith("This task was deleted in Followthrough by tests, so this issue is closed.")
