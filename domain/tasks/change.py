"""A task changes: version, activity and links due, in one transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.columns import touch
from domain.errors import InvalidError, NotFoundError, pointer
from domain.tasks.due import move_due
from domain.tasks.route import route_task
from domain.tasks.status import move_to
from domain.tasks.table import Task, TaskStatus
from domain.trackers.link import mark_links_due, was_linked

_PLAIN = (
    "title",
    "description",
    "kind",
    "priority",
    "owner_id",
    "team_id",
    "postmortem_id",
    "improvement_id",
    "evidence_url",
    "labels",
)
MOST_LABELS = 100
_OBSERVED = (*_PLAIN, "status", "due_on", "reason")


async def lock_task(session: AsyncSession, task_id: UUID) -> Task:
    """Loads a live task for changing it, locked until the transaction ends; raises NotFoundError."""
    task = (await session.exec(select(Task).where(Task.id == task_id).with_for_update(key_share=True))).one_or_none()
    if task is None or task.deleted_at is not None:
        raise NotFoundError(f"There is no task {task_id}.")
    return task


async def change_task(
    session: AsyncSession,
    act: Act,
    task: Task,
    changes: Mapping[str, Any],
    *,
    because: str = "",
    through: UUID | None = None,
) -> bool:
    """Applies the named columns' new values and says whether anything changed.

    `because` is the reason where the changes hold none; `through` is the link that brings the change from its tracker. Raises
    InvalidError when a reason is missing.
    """
    before = {name: getattr(task, name) for name in _OBSERVED}
    _apply(task, act, changes, because=because)
    changed = {name: (before[name], getattr(task, name)) for name in _OBSERVED if before[name] != getattr(task, name)}
    if not changed:
        return False
    touch(task, act.at)
    record(session, act, "changed", subject=task, changes=changed)
    await mark_links_due(session, task.id, at=act.at, but=through)
    if changed.keys() & {"team_id", "priority", "kind"} and not await was_linked(session, task.id):
        await route_task(session, task, at=act.at)
    return True


def _apply(task: Task, act: Act, changes: Mapping[str, Any], *, because: str) -> None:
    reason = changes.get("reason", "") or because
    if len(changes.get("labels", ())) > MOST_LABELS:
        raise InvalidError(f"A task has at most {MOST_LABELS} labels.", pointer("/labels", "take some away, here or in the issue"))
    for name in _PLAIN:
        if name in changes:
            setattr(task, name, changes[name])
    if "due_on" in changes:
        move_due(task, changes["due_on"], reason=reason)
    if "status" in changes and changes["status"] != task.status:
        move_to(task, changes["status"], reason=reason, at=act.at)
    if "reason" in changes or (changes.get("status") is TaskStatus.CANCELLED and reason):
        task.reason = reason
    if task.status is TaskStatus.CANCELLED and not task.reason.strip():
        raise InvalidError("A cancelled task keeps its reason.", pointer("/reason", "say why the task will not be done"))


async def tell_links(session: AsyncSession, which: ColumnElement[bool], *, at: datetime) -> None:
    """Marks the links of these tasks due: something changed that their issues show, but that is no column of theirs."""
    query = select(Task.id).where(which, col(Task.deleted_at).is_(None)).order_by(col(Task.id)).with_for_update(key_share=True)
    for task_id in (await session.exec(query)).all():
        await mark_links_due(session, task_id, at=at)


async def delete_task(session: AsyncSession, act: Act, task: Task) -> None:
    """Marks the task as deleted; its issues are told and closed, never deleted."""
    task.deleted_at = act.at
    touch(task, act.at)
    record(session, act, "deleted", subject=task)
    await mark_links_due(session, task.id, at=act.at)
