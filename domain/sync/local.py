"""A task as its issue should show it, and what an issue's change means for the task."""

from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from domain.improvements.table import Improvement
from domain.people.table import Person
from domain.sync.merge import CANCELLED, OPEN, canon_all
from domain.sync.render import Surroundings, render_body
from domain.tasks.status import is_closed
from domain.tasks.table import Task, TaskStatus
from domain.trackers.contract import Capabilities, Field, Fields, FieldValue


async def local_fields(session: AsyncSession, task: Task, *, capabilities: Capabilities, public_url: str) -> Fields:
    """Gives the canonical values that the issue should hold."""
    body = render_body(task, await _surroundings(session, task, public_url))
    fields: Fields = {
        Field.TITLE: task.title,
        Field.BODY: body,
        Field.STATUS: status_in_tracker(task, capabilities),
        Field.LABELS: list(task.labels),
    }
    return canon_all(fields, title_limit=capabilities.title_limit)


def status_in_tracker(task: Task, capabilities: Capabilities) -> str:
    """Gives the status as far as the tracker can tell it; a deleted task counts as cancelled."""
    if task.deleted_at is not None:
        return CANCELLED
    return task.status.value if task.status.value in capabilities.statuses else OPEN


async def _surroundings(session: AsyncSession, task: Task, public_url: str) -> Surroundings:
    owner = await session.get(Person, task.owner_id) if task.owner_id else None
    improvement = await session.get(Improvement, task.improvement_id) if task.improvement_id else None
    postmortem = None
    if task.postmortem_id is not None:
        postmortem = await _postmortem_title(session, task.postmortem_id)
    return Surroundings(
        owner=(owner.name or owner.email.partition("@")[0]) if owner else None,
        postmortem=postmortem,
        improvement=improvement.title if improvement else None,
        task_url=f"{public_url}/v1/tasks/{task.id}",
    )


async def _postmortem_title(session: AsyncSession, postmortem_id: UUID) -> str | None:
    connection = await session.connection()
    found = await connection.exec_driver_sql("SELECT title FROM postmortems WHERE id = $1", (postmortem_id,))
    return found.scalar_one_or_none()


def task_changes(task: Task, pulled: Fields, *, issue_key: str, by: str | None) -> tuple[dict[str, Any], str]:
    """Turns pulled values into columns, with the reason that a cancelling needs; a deleted task takes nothing."""
    if task.deleted_at is not None:
        return {}, ""
    changes: dict[str, Any] = {}
    for field, value in pulled.items():
        changes |= _column(task, field, value)
    who = f" by {by}" if by else ""
    return changes, f"Closed as not planned in {issue_key}{who}."


def _column(task: Task, field: Field, value: FieldValue) -> dict[str, Any]:
    if field is Field.TITLE and isinstance(value, str) and value:
        return {"title": value}
    if field is Field.STATUS and isinstance(value, str):
        return {"status": TaskStatus(value)} if value != OPEN or is_closed(task.status) else {}
    if field is Field.LABELS and isinstance(value, list):
        return {"labels": value}
    return {}
