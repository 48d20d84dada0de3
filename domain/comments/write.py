"""A comment is written here, and is on its way to every issue that the task has by then."""

import re
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.bell import RECONCILE_LINK, after_commit
from domain.comments.table import Comment, CommentPost, Origin
from domain.errors import InvalidError, pointer
from domain.tasks.table import Task
from domain.trackers.link import IssueLink, LinkState

LONGEST_BODY = 20_000
FAREWELL = "This task was deleted in Followthrough by {}, so this issue is closed."
_DOMAIN = re.compile(r"@\S*")
_NOWHERE = (LinkState.GONE, LinkState.DETACHED)


async def write_comment(session: AsyncSession, act: Act, task: Task, body: str) -> Comment:
    """Adds a comment to a (locked) task and sends it to the issues of its live links; links that are made later don't get it.

    Raises InvalidError where the text has not 1 to 20,000 characters.
    """
    if not body.strip() or len(body) > LONGEST_BODY:
        raise InvalidError("A comment can't be so.", pointer("/body", f"write 1 to {LONGEST_BODY:,} characters, not blanks alone"))
    links = await _lock_links(session, task, but=_NOWHERE)
    comment = _add(session, act, task, body, links=links)
    record(session, act, "commented", subject=task)
    return comment


async def say_farewell(session: AsyncSession, act: Act, task: Task) -> Comment | None:
    """Tells a task's issues that it is deleted, before they are closed; None where no issue was made.

    To be called in the transaction that deletes the task.
    """
    links = await _lock_links(session, task, but=(*_NOWHERE, LinkState.PENDING))
    return _add(session, act, task, FAREWELL.format(public_name(act.name)), links=links) if links else None


def public_name(author: str) -> str:
    """Gives who wrote a comment without the domain of an e-mail address: an issue may be public."""
    return " ".join(_DOMAIN.sub("", author).split()) or "somebody"


async def _lock_links(session: AsyncSession, task: Task, *, but: tuple[LinkState, ...]) -> list[IssueLink]:
    query = (
        select(IssueLink)
        .where(IssueLink.task_id == task.id, col(IssueLink.state).not_in(but))
        .order_by(col(IssueLink.id))
        .with_for_update(key_share=True)
    )
    return list((await session.exec(query)).all())


def _add(session: AsyncSession, act: Act, task: Task, body: str, *, links: list[IssueLink]) -> Comment:
    comment = Comment(task_id=task.id, origin=Origin.HERE, author=act.name[:300], body=body, created_at=act.at, updated_at=act.at)
    session.add(comment)
    for link in links:
        session.add(CommentPost(comment_id=comment.id, link_id=link.id, created_at=act.at))
        _wake(session, link, at=act.at)
    return comment


def _wake(session: AsyncSession, link: IssueLink, *, at: datetime) -> None:
    """Marks the link due; the version that the tracker should get stays as it is, since no field was edited."""
    link.comments_due = True
    if link.state is not LinkState.NEEDS_ATTENTION:
        link.due_at = min(at, link.due_at) if link.due_at else at
        after_commit(session, RECONCILE_LINK, link.id)
