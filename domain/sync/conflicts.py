"""A person chooses a side of a conflict: its value counts from then on, here and in every tracker."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.errors import ConflictError, InvalidError, NotFoundError, pointer
from domain.sync.assign import person_of
from domain.sync.merge import OPEN
from domain.sync.table import Side, SyncConflict
from domain.tasks.change import change_task
from domain.tasks.status import is_closed
from domain.tasks.table import Priority, Task, TaskStatus
from domain.trackers.contract import Field
from domain.trackers.link import IssueLink


async def find_conflict(session: AsyncSession, conflict_id: UUID) -> SyncConflict:
    """Loads a conflict; raises NotFoundError."""
    conflict = await session.get(SyncConflict, conflict_id)
    if conflict is None:
        raise NotFoundError(f"There is no conflict {conflict_id}.")
    return conflict


async def resolve_conflict(session: AsyncSession, act: Act, conflict: SyncConflict, side: Side) -> None:
    """Notes which side counts, and gives the task its value where the other one counted until now; the same side again changes nothing.

    Raises ConflictError where the task was deleted, InvalidError for a value that the task can't take over.
    """
    task, link = await _lock(session, conflict)
    if conflict.resolution is side:
        return
    if task.deleted_at is not None:
        raise ConflictError(f"{task.key} was deleted: nothing is to be decided any more.")
    counted = conflict.resolution or conflict.winner
    if side is not counted:
        changes = await _changes(session, task, conflict, side)
        # Cancelling and moving a due date need a reason.
        await change_task(session, act, task, changes, because=f"Chosen in a conflict with {link.remote_key or 'the issue'}.")
    conflict.resolution, conflict.resolved_at, conflict.resolved_by = side, act.at, act.name[:300]
    record(session, act, "resolved_conflict", subject=link, changes={conflict.field: (counted, side)})


async def _lock(session: AsyncSession, conflict: SyncConflict) -> tuple[Task, IssueLink]:
    """Locks the task before all else, as every edit of it does."""
    link = (await session.exec(select(IssueLink).where(IssueLink.id == conflict.link_id))).one()
    task = (await session.exec(select(Task).where(Task.id == link.task_id).with_for_update(key_share=True))).one()
    await session.refresh(conflict, with_for_update=True)
    return task, link


async def _changes(session: AsyncSession, task: Task, conflict: SyncConflict, side: Side) -> dict[str, Any]:
    """Turns the chosen side's value into columns of the task."""
    value = conflict.local if side is Side.LOCAL else conflict.remote
    match Field(conflict.field):
        case Field.TITLE if value:
            return {"title": value}
        case Field.LABELS:
            return {"labels": value or []}
        case Field.STATUS if value:
            # The tracker knows one kind of open: a task that is in progress stays so.
            return {"status": TaskStatus(value)} if value != OPEN or is_closed(task.status) else {}
        case Field.ASSIGNEE:
            return {"owner_id": await _person(session, value) if value else None}
        case Field.DUE_ON:
            return {"due_on": date.fromisoformat(value) if value else None}
        case Field.PRIORITY if value:
            return {"priority": Priority(value)}
        case Field.BODY if side is Side.LOCAL:
            return {}
        case Field.BODY:
            detail = "the region is written by Followthrough: put the text into the task's description, or outside of the region"
            raise _refused("The issue's text can't be taken over.", detail)
    raise _refused("This side has no value that the task could take over.", "choose the other side")


async def _person(session: AsyncSession, login: str) -> UUID:
    person = await person_of(session, login)
    if person is None:
        raise _refused(f"Nobody here has the login {login}.", f"set github_login to {login} for a person first (PATCH /v1/people/…)")
    return person.id


def _refused(detail: str, hint: str) -> InvalidError:
    return InvalidError(detail, pointer("/side", hint))
