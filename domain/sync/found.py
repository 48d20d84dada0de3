"""What a sweep found goes into the inbox like a webhook: what is news marks its link due, and is read without another call."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import new_id
from domain.sync.inbox import prove_creation, wake
from domain.sync.remote import kept_remote, storable
from domain.sync.table import InboxEntry
from domain.trackers.connect import WEBHOOK_READERS
from domain.trackers.contract import Place, RemoteIssue, Swept
from domain.trackers.link import IssueLink, LinkState
from domain.trackers.table import Tracker, TrackerProject

SWEEP = "sweep"

# An issue that was found, and the link that it belongs to.
Found = tuple[Swept, IssueLink]


@dataclass(frozen=True, slots=True)
class Copy:
    """An issue with the marker of a link that has another issue."""

    link: IssueLink
    issue: RemoteIssue


def in_order(remote_id: str) -> tuple[int, str]:
    """Gives what issues are ordered by: their numbers, which are kept as text."""
    return len(remote_id), remote_id


async def take_in(session: AsyncSession, tracker: Tracker, project: TrackerProject, issues: list[Swept], *, at: datetime) -> list[Copy]:
    """Keeps what is news to the links of a project (locked by the caller), and gives the issues that are copies.

    What is known already locks nothing: whoever comes to work on a link would pass it over.
    """
    if not issues:
        return []
    told = [
        (issue, link)
        for issue, link in _match(issues, await _links_of(session, project, issues))
        if _may_tell(project, tracker, issue, link)
    ]
    locked = await _lock(session, [link.id for _, link in told])
    news, copies = [], []
    for issue, link in ((issue, locked[link.id]) for issue, link in told):
        if link.remote_id is None:
            shown = _read(tracker, project, issue, link)
            if shown is None or not prove_creation(link, shown, kind=tracker.kind, how=SWEEP, at=at):
                continue
        if link.remote_id != issue.remote_id:
            shown = _read(tracker, project, issue, link)
            copies += [Copy(link, shown)] if shown else []
        elif _is_news(project, tracker, issue, link):
            news.append((issue, link))
    await _keep(session, project, news, at=at)
    return copies


async def _links_of(session: AsyncSession, project: TrackerProject, issues: list[Swept]) -> list[IssueLink]:
    numbers = [issue.remote_id for issue in issues]
    markers = [issue.marker for issue in issues if issue.marker is not None]
    query = select(IssueLink).where(
        IssueLink.tracker_project_id == project.id, or_(col(IssueLink.remote_id).in_(numbers), col(IssueLink.marker).in_(markers))
    )
    return list((await session.exec(query)).all())


def _match(issues: list[Swept], links: list[IssueLink]) -> Iterable[Found]:
    """Finds each issue's link by its number, else by its marker; the lowest number comes first, since of two it is the one that stays."""
    by_number = {link.remote_id: link for link in links if link.remote_id is not None}
    by_marker = {link.marker: link for link in links}
    for issue in sorted(issues, key=lambda issue: in_order(issue.remote_id)):
        link = by_number.get(issue.remote_id) or (by_marker.get(issue.marker) if issue.marker else None)
        if link is not None and link.state not in {LinkState.DETACHED, LinkState.GONE}:
            yield issue, link


def _may_tell(project: TrackerProject, tracker: Tracker, issue: Swept, link: IssueLink) -> bool:
    return link.remote_id != issue.remote_id or _is_news(project, tracker, issue, link)


def _is_news(project: TrackerProject, tracker: Tracker, issue: Swept, link: IssueLink) -> bool:
    """Tells whether the issue is newer than its link knows, or another in the same instant; anything else is an echo."""
    if link.remote_version is None or issue.version != link.remote_version:
        return link.remote_version is None or issue.version > link.remote_version
    shown, known = _read(tracker, project, issue, link), kept_remote(link)
    return shown is not None and known is not None and any(known.fields.get(name) != value for name, value in shown.fields.items())


def _read(tracker: Tracker, project: TrackerProject, issue: Swept, link: IssueLink) -> RemoteIssue | None:
    """Reads what a list shows of an issue: with its native fields, unless the list leaves them out."""
    reader, native = WEBHOOK_READERS[tracker.kind], project.details.get("native") or {}
    whole = reader.reread(SWEEP, issue.payload, place=Place(project.remote_id, link.label_prefix, native))
    return whole or reader.reread(SWEEP, issue.payload, place=Place(project.remote_id, link.label_prefix))


async def _lock(session: AsyncSession, ids: list[UUID]) -> dict[UUID, IssueLink]:
    query = select(IssueLink).where(col(IssueLink.id).in_(ids)).order_by(col(IssueLink.id)).with_for_update(key_share=True)
    rows = await session.exec(query, execution_options={"populate_existing": True})
    return {link.id: link for link in rows}


async def _keep(session: AsyncSession, project: TrackerProject, news: list[Found], *, at: datetime) -> None:
    if not news:
        return
    added = await _store(session, project, [issue for issue, _ in news], at=at)
    for issue, link in news:
        # The second change within one instant has the id of the first: then the link has to look for itself.
        if _delivery_id(project, issue) in added or issue.version == link.remote_version:
            wake(session, link, at=at)
    told = await _announced(session, project, [issue.remote_id for issue, _ in news])
    if any(_delivery_id(project, issue) in added and not _was_told(issue, told) for issue, _ in news):
        project.unannounced_since = project.unannounced_since or at


async def _store(session: AsyncSession, project: TrackerProject, issues: list[Swept], *, at: datetime) -> set[str]:
    rows = [
        {
            "id": new_id(),
            "tracker_id": project.tracker_id,
            "delivery_id": _delivery_id(project, issue),
            "event": SWEEP,
            "project_remote_id": project.remote_id,
            "remote_id": issue.remote_id,
            "remote_version": issue.version,
            "payload": storable(issue.payload),
            "received_at": at,
        }
        for issue in issues
    ]
    statement = insert(InboxEntry).values(rows).on_conflict_do_nothing(index_elements=["tracker_id", "delivery_id"])
    return set((await session.exec(statement.returning(col(InboxEntry.delivery_id)))).scalars())


def _delivery_id(project: TrackerProject, issue: Swept) -> str:
    return f"{SWEEP}:{project.remote_id}:{issue.remote_id}:{issue.version.isoformat()}"


async def _announced(session: AsyncSession, project: TrackerProject, remote_ids: list[str]) -> list[tuple[str | None, datetime | None]]:
    """Reads what webhooks have told of the issues; those that were read already are no news."""
    query = select(InboxEntry.remote_id, InboxEntry.remote_version).where(
        InboxEntry.tracker_id == project.tracker_id,
        InboxEntry.project_remote_id == project.remote_id,
        col(InboxEntry.remote_id).in_(remote_ids),
        col(InboxEntry.processed_at).is_(None),
        InboxEntry.event != SWEEP,
    )
    return list((await session.exec(query)).all())


def _was_told(issue: Swept, told: list[tuple[str | None, datetime | None]]) -> bool:
    return any(remote_id == issue.remote_id and (version is None or version >= issue.version) for remote_id, version in told)
