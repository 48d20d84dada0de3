"""A task as its issue should show it, and what an issue's change means for the task."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.database import Database
from domain.improvements.table import Improvement
from domain.people.table import Person
from domain.sync.assign import UNKNOWN_OWNER, login_of
from domain.sync.bare_rows import BareRows
from domain.sync.claim import Claim
from domain.sync.merge import CANCELLED, OPEN, canon_all
from domain.sync.render import Surroundings, render_body
from domain.tasks.status import is_closed
from domain.tasks.table import Priority, Task, TaskStatus
from domain.trackers.contract import Field, Fields, FieldValue, Place

_PEOPLE = BareRows(Person)
_SURROUNDINGS = f"""
SELECT (SELECT title FROM improvements WHERE id = $2), (SELECT title FROM postmortems WHERE id = $3), {_PEOPLE.columns("owner")}
FROM (SELECT $1::uuid AS owner_id) AS task LEFT JOIN people AS owner ON owner.id = task.owner_id
"""  # noqa: S608 - names of columns


@dataclass(frozen=True, slots=True)
class Local:
    """The canonical values that the issue should hold, and what is to be said of those that it can't."""

    fields: Fields
    notes: dict[Field, str]


async def local_fields(session: AsyncSession, claim: Claim, task: Task, *, public_url: str) -> Local:
    """Gives a task's side of the merge; native fields only where the project has them, else they stand in the body."""
    return _fields(claim, task, *await _surroundings(session, task, public_url))


async def local_fields_read(database: Database, claim: Claim, task: Task, *, public_url: str) -> Local:
    """Gives the same of a task that was read without a session."""
    owner = improvement = postmortem = None
    if task.owner_id or task.improvement_id or task.postmortem_id:
        row = tuple(await database.pool.fetchrow(_SURROUNDINGS, task.owner_id, task.improvement_id, task.postmortem_id))
        owner = _PEOPLE.read(row[2:]) if task.owner_id else None
        improvement, postmortem = row[:2]
    return _fields(claim, task, owner, _named(task, owner, improvement, postmortem, public_url))


def _fields(claim: Claim, task: Task, owner: Person | None, around: Surroundings) -> Local:
    place, limits = claim.place, claim.adapter.capabilities
    login = login_of(owner, claim.tracker.kind)
    # Whoever can be assigned is: a line in the body would only be behind when somebody else is assigned there.
    shown = around if login is None else replace(around, owner=None)
    fields: Fields = {
        Field.TITLE: task.title,
        Field.BODY: render_body(task, shown, native=frozenset(place.native)),
        Field.STATUS: status_in_tracker(task, limits.statuses),
        # Somebody who is not known there changes nothing: whoever is assigned stays.
        Field.ASSIGNEE: claim.link.base.get(Field.ASSIGNEE) if owner is not None and login is None else login,
        Field.LABELS: list(task.labels),
    }
    if Field.DUE_ON in place.native:
        fields[Field.DUE_ON] = task.due_on.isoformat() if task.due_on else None
    if Field.PRIORITY in place.native:
        fields[Field.PRIORITY] = priority_in_tracker(task.priority, place)
    notes = {Field.ASSIGNEE: UNKNOWN_OWNER.format(around.owner)} if owner is not None and login is None else {}
    return Local(canon_all(fields, title_limit=limits.title_limit), notes)


def status_in_tracker(task: Task, statuses: frozenset[str]) -> str:
    """Gives the status as far as the tracker can tell it; a deleted task counts as cancelled."""
    if task.deleted_at is not None:
        return CANCELLED
    return task.status.value if task.status.value in statuses else OPEN


def priority_in_tracker(priority: Priority, place: Place) -> str:
    """Gives the most urgent priority that the tracker calls by the same name as this one: it may tell fewer apart."""
    options = place.native[Field.PRIORITY].get("options") or {}
    name = options.get(priority.value)
    return next((known for known in sorted(options) if options[known] == name), priority.value)


async def _surroundings(session: AsyncSession, task: Task, public_url: str) -> tuple[Person | None, Surroundings]:
    owner = improvement = postmortem = None
    if task.owner_id or task.improvement_id:
        query = (
            select(Person, Improvement.title)
            .select_from(Task)
            .outerjoin(Person, col(Person.id) == col(Task.owner_id))
            .outerjoin(Improvement, col(Improvement.id) == col(Task.improvement_id))
            .where(Task.id == task.id)
        )
        owner, improvement = (await session.exec(query)).one()
    if task.postmortem_id is not None:
        postmortem = await _postmortem_title(session, task.postmortem_id)
    return owner, _named(task, owner, improvement, postmortem, public_url)


def _named(task: Task, owner: Person | None, improvement: str | None, postmortem: str | None, public_url: str) -> Surroundings:
    name = (owner.name or owner.email.partition("@")[0]) if owner else None
    return Surroundings(name, postmortem, improvement, f"{public_url}/v1/tasks/{task.id}")


async def _postmortem_title(session: AsyncSession, postmortem_id: UUID) -> str | None:
    connection = await session.connection()
    found = await connection.exec_driver_sql("SELECT title FROM postmortems WHERE id = $1", (postmortem_id,))
    return found.scalar_one_or_none()


def task_changes(task: Task, pulled: Fields, *, issue_key: str, by: str | None) -> tuple[dict[str, Any], str]:
    """Turns pulled values into columns (all but the assignee), with the reason that some need; a deleted task takes nothing."""
    if task.deleted_at is not None:
        return {}, ""
    changes: dict[str, Any] = {}
    for field, value in pulled.items():
        changes |= _column(task, field, value)
    what = "Closed as not planned" if changes.get("status") is TaskStatus.CANCELLED else "Moved"
    who = f" by {by}" if by else ""
    return changes, f"{what} in {issue_key}{who}."


def _column(task: Task, field: Field, value: FieldValue) -> dict[str, Any]:
    if field is Field.TITLE and isinstance(value, str) and value:
        return {"title": value}
    if field is Field.STATUS and isinstance(value, str):
        return {"status": TaskStatus(value)} if value != OPEN or is_closed(task.status) else {}
    if field is Field.LABELS and isinstance(value, list):
        return {"labels": value}
    if field is Field.DUE_ON:
        return {"due_on": date.fromisoformat(value) if isinstance(value, str) else None}
    if field is Field.PRIORITY and isinstance(value, str):
        return {"priority": Priority(value)}
    return {}
