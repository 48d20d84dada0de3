"""When a task's fields were last changed here, each for itself: an edit of the labels makes no title newer."""

from datetime import datetime

from sqlmodel import func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import SUBJECT_KINDS
from domain.activity.table import Activity
from domain.sync.merge import Ages
from domain.tasks.table import Task
from domain.trackers.contract import Field

_COLUMNS = {Field.TITLE: "title", Field.STATUS: "status", Field.ASSIGNEE: "owner_id"}


async def ages_of(session: AsyncSession, task: Task, *, remote: datetime) -> Ages:
    """Reads the instants from the activities; a field that was never changed is as old as the task."""
    fields: dict[Field, datetime] = {}
    for field, column in _COLUMNS.items():
        query = select(func.max(Activity.at)).where(
            Activity.subject_kind == SUBJECT_KINDS[Task.__tablename__],
            Activity.subject_id == task.id,
            func.jsonb_exists(Activity.changes, column),
        )
        changed_at: datetime | None = (await session.exec(query)).one()
        fields[field] = changed_at or task.created_at
    return Ages(task.updated_at, remote, fields)
