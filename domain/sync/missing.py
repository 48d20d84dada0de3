"""An issue that isn't where it was: moved to another project, deleted, or in a project that can't be seen any more."""

from datetime import datetime

from sqlmodel import col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import record
from domain.columns import now_utc
from domain.database import transaction
from domain.sync.assign import agreed_after, assigned_in
from domain.sync.claim import Claim, note_error, own_link, release
from domain.sync.desk import Desk, act_for
from domain.sync.failure import clear_error, note_failed_call
from domain.sync.merge import canon_all
from domain.sync.remote import as_json, keep_remote
from domain.sync.waiting import close_entries
from domain.trackers.contract import Cost, Failure, Field, Place, RemoteIssue, TrackerError
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import TrackerProject

UNCONNECTED = "The issue was moved to a repository that is not connected: add it with POST /v1/trackers/{}/projects, or detach this link."
TAKEN = "The issue was moved to where this task, or another one, has an issue already: detach one of the two links."

LOST_ON_THE_WAY = frozenset({Field.LABELS, Field.ASSIGNEE, Field.DUE_ON, Field.PRIORITY})


async def note_rename(desk: Desk, claim: Claim, issue: RemoteIssue) -> None:
    """Takes over the new name of a repository: its number stays, so nothing else changes.

    In a transaction of its own: whoever holds a link must not wait for its project, which others lock first.
    """
    key = issue.key.rpartition("#")[0]
    if not key or key == claim.project.key:
        return
    url = claim.project.url.replace(claim.project.key, key)
    async with transaction(desk.database) as session:
        await session.exec(update(TrackerProject).where(col(TrackerProject.id) == claim.project.id).values(key=key, url=url))


async def note_unseen(desk: Desk, claim: Claim, error: TrackerError) -> datetime | None:
    """Finds out why an issue could not be read, and does what follows from it; gives when the link is due again."""
    if error.moved_to is not None:
        return await _follow(desk, claim, error.moved_to)
    if error.failure is Failure.GONE and claim.link.probes >= 1:
        error = await _look_at_project(desk, claim) or error
    return await note_failed_call(desk, claim, error)


async def _look_at_project(desk: Desk, claim: Claim) -> TrackerError | None:
    """Before an issue is believed to be gone: is it the whole project that can't be seen, or that has no issues any more?"""
    try:
        async with desk.pacer.turn(claim.tracker, claim.adapter.capabilities.pacing, Cost.READ):
            project = await claim.adapter.describe(claim.project.remote_id)
    except TrackerError as error:
        return error
    if project.issues_enabled:
        return None
    text = f"{project.key} has its issues switched off: switch them on, then retry."
    return TrackerError(Failure.DEFINITE, text, code="issues_disabled")


async def _follow(desk: Desk, claim: Claim, moved_to: str) -> datetime | None:
    """Goes after an issue into the project where it is now."""
    try:
        where, remote_id = await claim.adapter.locate(moved_to)
        project = await _project(desk, claim, where)
        issue = await _read(desk, claim, project, remote_id) if project else None
    except TrackerError as error:
        return await note_failed_call(desk, claim, error)
    now = now_utc()
    async with transaction(desk.database, desk.bell.ring) as session:
        link = await own_link(session, claim)
        if link is None:
            return None
        if project is None or issue is None:
            link.state = LinkState.MOVED
            note_error(link, "moved", UNCONNECTED.format(claim.tracker.id), at=now)
            release(link, due_at=None)
        elif await _is_taken(session, link, project, remote_id):
            link.state = LinkState.NEEDS_ATTENTION
            note_error(link, "moved", TAKEN, at=now)
            release(link, due_at=None)
        else:
            await close_entries(session, link, at=now)
            _settle_there(session, claim, link, project=project, issue=issue, at=now)
        return link.due_at


async def _project(desk: Desk, claim: Claim, where: str) -> TrackerProject | None:
    async with transaction(desk.database) as session:
        query = select(TrackerProject).where(
            TrackerProject.tracker_id == claim.tracker.id, or_(TrackerProject.remote_id == where, TrackerProject.key == where)
        )
        return (await session.exec(query)).first()


async def _read(desk: Desk, claim: Claim, project: TrackerProject, remote_id: str) -> RemoteIssue | None:
    place = Place(project.remote_id, claim.link.label_prefix, project.details.get("native") or {})
    async with desk.pacer.turn(claim.tracker, claim.adapter.capabilities.pacing, Cost.READ):
        return await claim.adapter.fetch(place, remote_id)


async def _is_taken(session: AsyncSession, link: IssueLink, project: TrackerProject, remote_id: str) -> bool:
    live = col(IssueLink.state).not_in((LinkState.GONE, LinkState.DETACHED))
    query = select(IssueLink.id).where(
        IssueLink.id != link.id,
        IssueLink.tracker_project_id == project.id,
        or_(IssueLink.remote_id == remote_id, (col(IssueLink.task_id) == link.task_id) & live),
    )
    return (await session.exec(query)).first() is not None


def _settle_there(
    session: AsyncSession, claim: Claim, link: IssueLink, *, project: TrackerProject, issue: RemoteIssue, at: datetime
) -> None:
    """The link goes on in the other project. What a move takes away there (labels that it doesn't know) is no change of people's."""
    record(session, act_for(claim.tracker), "moved", subject=link, changes={"key": (link.remote_key, issue.key)})
    link.tracker_project_id, link.state = project.id, LinkState.LINKED
    keep_remote(link, issue)
    seen = canon_all(issue.fields, title_limit=claim.adapter.capabilities.title_limit)
    seen[Field.ASSIGNEE] = agreed_after(None, assigned_in(seen), before=link.base.get(Field.ASSIGNEE))
    link.bystanders = assigned_in(issue.fields) if seen[Field.ASSIGNEE] is None else []
    link.base = link.base | as_json({field: value for field, value in seen.items() if field in LOST_ON_THE_WAY})
    link.desired_version += 1
    clear_error(link)
    release(link, due_at=at)
