"""What both sides changed differently is written down: who said what, who won, and by which rule."""

from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.metrics import SYNC_CONFLICTS
from domain.sync.merge import Conflict
from domain.sync.table import SyncConflict
from domain.trackers.link import IssueLink


async def note_conflicts(session: AsyncSession, link: IssueLink, conflicts: tuple[Conflict, ...], *, at: datetime) -> None:
    """Records what was decided, once for each disagreement."""
    for conflict in conflicts:
        if await _is_known(session, link, conflict):
            continue
        session.add(
            SyncConflict(
                link_id=link.id,
                field=conflict.field.value,
                base=conflict.base,
                local=conflict.local,
                remote=conflict.remote,
                winner=conflict.winner,
                rule=conflict.rule,
                created_at=at,
            )
        )
        SYNC_CONFLICTS.labels(conflict.field.value, conflict.winner).inc()


async def _is_known(session: AsyncSession, link: IssueLink, conflict: Conflict) -> bool:
    query = select(SyncConflict).where(SyncConflict.link_id == link.id, SyncConflict.field == conflict.field.value)
    last = (await session.exec(query.order_by(col(SyncConflict.id).desc()).limit(1))).first()
    return last is not None and (last.base, last.local, last.remote) == (conflict.base, conflict.local, conflict.remote)
