"""Comments of people in the tracker come to the task: told by webhooks, else read where the issue shows that some are missing."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal_column, or_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from domain.activity.record import record
from domain.columns import new_id, now_utc
from domain.comments.table import Comment, CommentPost, Origin, PostState
from domain.database import transaction
from domain.sync.claim import Claim
from domain.sync.desk import Desk, act_for
from domain.sync.remote import storable
from domain.sync.table import InboxEntry
from domain.tasks.table import Task
from domain.trackers.connect import WEBHOOK_READERS
from domain.trackers.contract import Cost, RemoteComment, RemoteIssue
from domain.trackers.link import IssueLink

SWEEP = "sweep"
DELETED = "It was deleted in the tracker."
LONGEST_BODY = 65_536


@dataclass(frozen=True, slots=True)
class Fetched:
    """Comments that came to light: `told` by webhooks, `read` from the tracker (None where it was not asked).

    `exact` says that the issue's count belongs to what was read.
    """

    told: list[RemoteComment]
    read: list[RemoteComment] | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known before anything is read: how many comments there should be, and up to when all were read.

    `disputed`: one has two texts of the same instant, and only the tracker can tell which is the later one.
    """

    expected: int
    read_up_to: datetime | None
    disputed: bool


async def fetch_comments(desk: Desk, claim: Claim, issue: RemoteIssue, entries: list[InboxEntry], *, fresh: bool) -> Fetched:
    """Gives what webhooks tell of comments, and asks the tracker (at most once) only where there must be more.

    Raises TrackerError and Paced. `fresh` says that the issue was read just now: only then is its count of comments exact, since
    webhooks are written before what they tell is counted.
    """
    told = [comment for entry in entries if (comment := _read_entry(claim, entry)) is not None]
    unannounced = _is_unannounced(claim, issue, entries)
    if not told and not unannounced and issue.comments == claim.link.comments_seen:
        return Fetched([])
    async with transaction(desk.database) as session:
        known = await _known(session, claim, told)
    newer = fresh or _is_newer(claim, issue)
    fewer = fresh and issue.comments < known.expected
    if not (fewer or unannounced or known.disputed or (newer and issue.comments > known.expected)):
        return Fetched(told)
    since = None if fewer else known.read_up_to
    async with desk.pacer.turn(claim.tracker, claim.adapter.capabilities.pacing, Cost.READ, background=claim.link.background):
        read = await claim.adapter.comments(claim.place, str(claim.link.remote_id), since=since)
    missing = await _missing(desk, claim, read) if since is None else []
    return Fetched(told, [*read, *missing], exact=fresh)


def _read_entry(claim: Claim, entry: InboxEntry) -> RemoteComment | None:
    return WEBHOOK_READERS[claim.tracker.kind].reread_comment(entry.event, entry.payload)


def _is_newer(claim: Claim, issue: RemoteIssue) -> bool:
    return claim.link.remote_version is None or issue.version > claim.link.remote_version


def _is_unannounced(claim: Claim, issue: RemoteIssue, entries: list[InboxEntry]) -> bool:
    """Tells whether the issue changed without a webhook: an edited comment shows in nothing else. Our own new one changes it too."""
    if issue.comments == 0 or claim.link.comments_due or not _is_newer(claim, issue):
        return False
    return not any(entry.event != SWEEP and entry.remote_version == issue.version for entry in entries)


async def _known(session: AsyncSession, claim: Claim, told: list[RemoteComment]) -> _Known:
    link = (await session.exec(select(IssueLink).where(IssueLink.id == claim.link.id))).one()
    ids = {comment.remote_id for comment in told}
    theirs = {row.remote_id: row for row in await session.exec(_theirs(link).where(col(Comment.remote_id).in_(ids)))}
    posted = select(CommentPost.remote_id, CommentPost.note).where(CommentPost.link_id == link.id, col(CommentPost.remote_id).in_(ids))
    ours = dict((await session.exec(posted)).all())
    live = {remote_id for remote_id, row in theirs.items() if row.deleted_at is None}
    live |= {remote_id for remote_id, note in ours.items() if note != DELETED}
    gone = {comment.remote_id for comment in told if comment.deleted}
    new = ids - gone - theirs.keys() - ours.keys()
    texts = {(row.remote_id, row.updated_at, row.body) for row in theirs.values() if row.deleted_at is None}
    texts |= {(comment.remote_id, comment.updated_at, _body(comment)) for comment in told if comment.remote_id not in gone | ours.keys()}
    disputed = len(texts) > len({text[:2] for text in texts})
    return _Known(link.comments_seen + len(new) - len(gone & live), link.comments_seen_at, disputed)


def _theirs(link: IssueLink) -> SelectOfScalar[Comment]:
    return select(Comment).where(Comment.link_id == link.id, Comment.origin == Origin.TRACKER)


async def _missing(desk: Desk, claim: Claim, read: list[RemoteComment]) -> list[RemoteComment]:
    """Gives those that are known but not among all of the issue's comments: they were deleted, and no webhook said so."""
    now, there = now_utc(), {comment.remote_id for comment in read}
    async with transaction(desk.database) as session:
        rows = (await session.exec(_theirs(claim.link).where(col(Comment.deleted_at).is_(None)))).all()
    return [
        RemoteComment(row.remote_id, row.author, "", row.url or "", row.created_at, now, deleted=True)
        for row in rows
        if row.remote_id is not None and row.remote_id not in there
    ]


async def keep_comments(
    session: AsyncSession, claim: Claim, link: IssueLink, task: Task, issue: RemoteIssue, fetched: Fetched, *, at: datetime
) -> None:
    """Keeps others' comments on the (locked) link's task; ours are never kept as theirs, but prove that their posts were written."""
    read = fetched.read or []
    posts = await _own_posts(session, link, [*fetched.told, *read])
    change = 0
    for comment, sure in [*((told, False) for told in fetched.told), *((seen, True) for seen in read)]:
        post = _own_post(claim, posts, comment)
        if post is not None:
            change += _note_own(post, comment)
        else:
            change += await _keep(session, claim, link, task, comment, sure=sure, at=at)
    link.comments_seen = issue.comments if fetched.exact else max(0, link.comments_seen + change)
    # What webhooks told proves nothing about what came before it: only what was read moves the mark.
    link.comments_seen_at = max((c.updated_at for c in read if not c.deleted), default=link.comments_seen_at)


async def _own_posts(session: AsyncSession, link: IssueLink, comments: list[RemoteComment]) -> list[CommentPost]:
    if not comments:
        return []
    markers = [comment.marker for comment in comments if comment.marker is not None]
    ids = [comment.remote_id for comment in comments]
    which = or_(col(CommentPost.id).in_(markers), col(CommentPost.remote_id).in_(ids))
    return list((await session.exec(select(CommentPost).where(CommentPost.link_id == link.id, which))).all())


def _own_post(claim: Claim, posts: list[CommentPost], comment: RemoteComment) -> CommentPost | None:
    """Finds the post that a comment is. Another one with its marker is a copy made by somebody, unless the account itself wrote it."""
    account = (claim.tracker.bot_account_id or "").lower()
    for post in posts:
        if post.remote_id == comment.remote_id:
            return post
        if post.id == comment.marker and (post.remote_id is None or comment.author.lower() == account):
            return post
    return None


def _note_own(post: CommentPost, comment: RemoteComment) -> int:
    """Notes that a post is in the issue, or was; gives by how much the number of comments that were seen changes."""
    before = post.state is PostState.POSTED and post.note != DELETED
    if post.state is not PostState.POSTED:
        post.state, post.due_at, post.note = PostState.POSTED, None, None
        post.remote_id, post.url = comment.remote_id, storable(comment.url)[:2000]
    if comment.deleted and post.remote_id == comment.remote_id:
        post.note = DELETED
    return (post.note != DELETED) - before


async def _keep(
    session: AsyncSession, claim: Claim, link: IssueLink, task: Task, comment: RemoteComment, *, sure: bool, at: datetime
) -> int:
    """Adds or changes the row of a comment of theirs; gives by how much the number of comments that were seen changes.

    Webhooks come in any order: an older text never replaces a newer one, and what was deleted stays so. What was read is `sure`.
    """
    values = {
        "author": storable(comment.author)[:300],
        "body": _body(comment),
        "url": storable(comment.url)[:2000],
        "updated_at": comment.updated_at,
        "deleted_at": at if comment.deleted else None,
    }
    key = {"id": new_id(), "created_at": comment.created_at, "task_id": task.id, "origin": Origin.TRACKER}
    statement = insert(Comment).values(**key, link_id=link.id, remote_id=comment.remote_id, **values)
    new, old = statement.excluded, Comment
    deletion = new.deleted_at.is_not(None) & col(old.deleted_at).is_(None)
    if sure:
        differs = (col(old.body) != new.body) | (col(old.updated_at) < new.updated_at) | col(old.deleted_at).is_not(None)
        replaces = deletion | (new.deleted_at.is_(None) & (col(old.updated_at) <= new.updated_at) & differs)
    else:
        replaces = col(old.deleted_at).is_(None) & (deletion | (col(old.updated_at) < new.updated_at))
    statement = statement.on_conflict_do_update(
        index_elements=["link_id", "remote_id"],
        index_where=col(Comment.origin) == literal_column("'tracker'"),
        set_={name: new[name] for name in values},
        where=replaces,
    )
    inserted = (await session.exec(statement.returning(literal_column("xmax = 0")))).scalar_one_or_none()
    if inserted and not comment.deleted:
        record(session, act_for(claim.tracker, by=comment.author), "commented", subject=task)
        return 1
    return -1 if inserted is False and comment.deleted else 0


def _body(comment: RemoteComment) -> str:
    """What was deleted there is gone here too."""
    return "" if comment.deleted else str(storable(comment.body))[:LONGEST_BODY]
