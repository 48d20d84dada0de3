"""A conversation on a task and its issue: a scene whose tracker is a forum in memory, which holds comments and nothing else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, select

from domain.activity.table import Activity
from domain.columns import now_utc
from domain.comments.table import Comment, CommentPost, Origin
from domain.comments.write import write_comment
from domain.database import transaction
from domain.sync.claim import Claim, claim_link, own_task
from domain.sync.post_comments import post_comments
from domain.sync.pull_comments import fetch_comments, keep_comments
from domain.sync.table import InboxEntry, SyncAttempt
from domain.tasks.table import Task
from domain.trackers.contract import Capabilities, CommentReceipt, Failure, Place, RemoteComment, RemoteIssue, TrackerError
from domain.trackers.link import IssueLink, LinkState
from tests.domain.sync.conftest import Scene
from tests.domain.sync.paced import pacing_of

PROBE_SECONDS = 0.05
START = datetime(2026, 8, 10, 12, tzinfo=UTC)


@dataclass(slots=True)
class Forum:
    """An adapter whose issues have comments and nothing else; `faults` are what befalls the next calls that write one, in order."""

    capabilities: Capabilities = field(default_factory=lambda: Capabilities(frozenset(), 256, pacing_of(burst=100)))
    quota: None = None
    issues: dict[str, list[RemoteComment]] = field(default_factory=dict)
    faults: list[TrackerError | None] = field(default_factory=list)
    reads: list[datetime | None] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] | None = None

    async def comments(self, place: Place, remote_id: str, *, since: datetime | None = None) -> list[RemoteComment]:
        self.reads.append(since)
        return [comment for comment in self.issues.get(remote_id, []) if since is None or comment.updated_at >= since]

    async def comment(self, place: Place, remote_id: str, *, body: str, marker: UUID) -> CommentReceipt:
        if self.before is not None:
            await self.before()
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and fault.code != "no_answer":
            raise fault
        written = self.write(body, by="followthrough-bot", marker=marker, remote_id=remote_id)
        if fault is not None:
            raise fault
        return CommentReceipt(written, "1:2:3")

    def write(self, body: str, *, by: str = "octo-dev", marker: UUID | None = None, remote_id: str = "7") -> RemoteComment:
        number = sum(map(len, self.issues.values())) + 1
        at = now_utc() if marker else START + timedelta(minutes=number)
        comment = RemoteComment(str(number), by, body, f"https://github.example/c/{number}", at, at, marker=marker)
        self.issues.setdefault(remote_id, []).append(comment)
        return comment

    def delete(self, comment: RemoteComment) -> RemoteComment:
        self.issues["7"].remove(comment)
        return replace(comment, body="", deleted=True)

    def close(self) -> None:
        """Nothing is open."""


def fails(failure: Failure, code: str, **more: Any) -> TrackerError:
    return TrackerError(failure, f"The tracker says {code}.", code=code, **more)


@dataclass(slots=True)
class Talk:
    """A scene whose task is linked to issue 7 of a forum."""

    scene: Scene
    forum: Forum

    async def say(self, body: str) -> Comment:
        async with transaction(self.scene.desk.database) as session:
            task = (await session.exec(select(Task).where(Task.id == self.scene.task.id).with_for_update(key_share=True))).one()
            return await write_comment(session, self.scene.act, task, body)

    async def claim(self, link: IssueLink | None = None) -> Claim:
        link = link or self.scene.link
        async with transaction(self.scene.desk.database) as session:
            row = (await session.exec(select(IssueLink).where(IssueLink.id == link.id))).one()
            row.due_at, row.lease_until = START, None
        claim = await claim_link(self.scene.desk, link.id, at=now_utc())
        assert claim is not None
        return claim

    async def post(self, link: IssueLink | None = None) -> bool:
        return await post_comments(self.scene.desk, await self.claim(link))

    async def pull(self, *told: RemoteComment, fresh: bool = True, count: int | None = None, **columns: Any) -> None:
        """Has the link look at its issue, which webhooks told of these comments, as `agree` does."""
        claim = await self.claim()
        issue = issue_with(len(self.forum.issues.get("7", [])) if count is None else count, **columns)
        fetched = await fetch_comments(
            self.scene.desk, claim, issue, [webhook(comment, version=issue.version) for comment in told], fresh=fresh
        )
        async with transaction(self.scene.desk.database) as session:
            owned = await own_task(session, claim)
            assert owned is not None
            task, link = owned
            await keep_comments(session, claim, link, task, issue, fetched, at=now_utc())
            link.remote_version = issue.version

    async def posts(self) -> list[CommentPost]:
        return await self._all(select(CommentPost).order_by(col(CommentPost.id)))

    async def attempts(self) -> list[SyncAttempt]:
        return await self._all(select(SyncAttempt).order_by(col(SyncAttempt.id)))

    async def theirs(self) -> list[Comment]:
        return await self._all(select(Comment).where(Comment.origin == Origin.TRACKER).order_by(col(Comment.id)))

    async def shown(self) -> list[str]:
        return [comment.body for comment in await self.theirs() if comment.deleted_at is None]

    async def activities(self) -> list[str]:
        return [row.actor_name for row in await self._all(select(Activity).where(Activity.action == "commented"))]

    async def _all(self, query: Any) -> list[Any]:
        async with transaction(self.scene.desk.database) as session:
            return list((await session.exec(query)).all())


def issue_with(comments: int, *, version: datetime = START) -> RemoteIssue:
    return RemoteIssue("7", "I_7", "acme/shop#7", "https://github.example/7", version, None, {}, {}, comments=comments)


def webhook(comment: RemoteComment, *, version: datetime) -> InboxEntry:
    written = comment.body + (f"\n\n<!-- followthrough:comment={comment.marker} -->" if comment.marker else "")
    payload = {
        "action": "deleted" if comment.deleted else "created",
        "issue": {"number": 7},
        "repository": {"id": 4711},
        "comment": {
            "id": int(comment.remote_id),
            "html_url": comment.url,
            "body": written,
            "user": {"login": comment.author},
            "created_at": comment.created_at.isoformat(),
            "updated_at": comment.updated_at.isoformat(),
        },
    }
    return InboxEntry(tracker_id=uuid4(), delivery_id=str(uuid4()), event="issue_comment", remote_version=version, payload=payload)


async def open_talk(scene: Scene) -> Talk:
    """Links the scene's task to issue 7 of a forum, where nothing has been said yet."""
    forum = Forum()
    scene.desk.settings = scene.desk.settings.model_copy(update={"probe_seconds": PROBE_SECONDS})
    adapter: Any = forum  # the part of an adapter that is used here
    scene.desk.seat(scene.tracker, adapter)
    await scene.write(state=LinkState.LINKED, remote_id="7", remote_version=START, pushed_version=1)
    return Talk(scene, forum)
