"""A task is sent to a project by hand, and a link that got stuck is tried again."""

from uuid import UUID

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.bell import RECONCILE_LINK, after_commit
from domain.columns import touch
from domain.comments.table import CommentPost, PostState
from domain.errors import ConflictError, InvalidError, NotFoundError, pointer
from domain.sync.failure import clear_error
from domain.sync.waiting import close_entries
from domain.tasks.table import Task
from domain.trackers.link import IssueLink, LinkState, open_link
from domain.trackers.table import TrackerProject

ENDED = (PostState.POSTED, PostState.REFUSED)


async def send_task(
    session: AsyncSession, act: Act, task: Task, *, tracker_project_id: UUID, label_prefix: str, issue_type: str | None = None
) -> IssueLink:
    """Opens a link into a project; raises InvalidError for an unknown project, ConflictError when the task is there already."""
    project = await session.get(TrackerProject, tracker_project_id)
    if project is None:
        raise InvalidError(f"There is no project {tracker_project_id}.", pointer("/tracker_project_id", "use the id of a project"))
    query = select(IssueLink).where(
        IssueLink.task_id == task.id,
        IssueLink.tracker_project_id == tracker_project_id,
        col(IssueLink.state).not_in((LinkState.GONE, LinkState.DETACHED)),
    )
    if (await session.exec(query)).first() is not None:
        raise ConflictError(f"{task.key} goes to {project.key} already.")
    link = open_link(session, task_id=task.id, tracker_project_id=project.id, label_prefix=label_prefix, issue_type=issue_type, at=act.at)
    record(session, act, "created", subject=link, changes={"project": (None, project.key)})
    return link


async def lock_link(session: AsyncSession, link_id: UUID) -> IssueLink:
    """Loads a link for changing it, locked until the transaction ends; raises NotFoundError."""
    link = (await session.exec(select(IssueLink).where(IssueLink.id == link_id).with_for_update(key_share=True))).one_or_none()
    if link is None:
        raise NotFoundError(f"There is no link {link_id}.")
    return link


def retry_link(session: AsyncSession, act: Act, link: IssueLink) -> None:
    """Makes a link due at once, a gone one too: its issue is looked at again. Raises ConflictError for one that was detached."""
    if link.state is LinkState.DETACHED:
        raise ConflictError("This link was detached: send the task to the project again instead.")
    if link.state in {LinkState.NEEDS_ATTENTION, LinkState.GONE, LinkState.MOVED}:
        link.state, link.flips = _state_before(link), []
        clear_error(link)
    # Whatever was seen of the issue may be old: it is read anew.
    link.due_at, link.notes, link.remote_etag, link.remote_version = act.at, {}, None, None
    touch(link, act.at)
    record(session, act, "retried", subject=link)
    after_commit(session, RECONCILE_LINK, link.id)


def _state_before(link: IssueLink) -> LinkState:
    """A link without an issue may still have one that nobody knows of: then it is looked for, never made again."""
    if link.remote_id is not None:
        return LinkState.LINKED
    return LinkState.UNKNOWN if link.unknown_since is not None else LinkState.PENDING


async def detach_link(session: AsyncSession, act: Act, link: IssueLink) -> None:
    """Ends the sync between a task and its issue; both stay as they are."""
    if link.state is LinkState.DETACHED:
        return
    record(session, act, "detached", subject=link, changes={"state": (link.state, LinkState.DETACHED)})
    link.state, link.due_at = LinkState.DETACHED, None
    await close_entries(session, link, at=act.at)
    await _refuse_comments(session, link)
    # A worker that is at it now must not write any more.
    link.fence += 1
    touch(link, act.at)


async def _refuse_comments(session: AsyncSession, link: IssueLink) -> None:
    statement = update(CommentPost).where(col(CommentPost.link_id) == link.id, col(CommentPost.state).not_in(ENDED))
    await session.exec(statement.values(state=PostState.REFUSED, note="The link was detached before it was written."))
