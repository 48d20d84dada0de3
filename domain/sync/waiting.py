"""The webhooks of a link's issue that nobody has looked at yet."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.sync.table import InboxEntry
from domain.trackers.link import IssueLink
from domain.trackers.table import TrackerProject


async def waiting_entries(session: AsyncSession, link: IssueLink, tracker_id: UUID, project_remote_id: str) -> list[InboxEntry]:
    """Reads them in the order in which they came in."""
    query = select(InboxEntry).where(
        InboxEntry.tracker_id == tracker_id,
        InboxEntry.project_remote_id == project_remote_id,
        InboxEntry.remote_id == link.remote_id,
        col(InboxEntry.processed_at).is_(None),
    )
    return list((await session.exec(query.order_by(col(InboxEntry.id)))).all())


async def close_entries(session: AsyncSession, link: IssueLink, *, at: datetime) -> None:
    """Closes them: the link comes to rest, or its issue is elsewhere, and whoever looks at it again reads it anew."""
    await session.flush()
    await session.exec(
        update(InboxEntry)
        .where(
            col(InboxEntry.tracker_id) == col(TrackerProject.tracker_id),
            col(InboxEntry.project_remote_id) == col(TrackerProject.remote_id),
            col(TrackerProject.id) == link.tracker_project_id,
            col(InboxEntry.remote_id) == link.remote_id,
            col(InboxEntry.processed_at).is_(None),
        )
        .values(processed_at=at, ignored="its link came to rest, or its issue moved")
        .execution_options(synchronize_session=False)
    )
