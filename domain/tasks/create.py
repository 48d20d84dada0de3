"""A task is made: its row, its activity, and its link to the project that the routes choose, in one transaction."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.tasks.route import route_task
from domain.tasks.status import move_to
from domain.tasks.table import Priority, Task, TaskKind, TaskStatus


@dataclass(frozen=True, slots=True)
class NewTask:
    """What a new task says; ids are those of existing rows."""

    title: str
    description: str = ""
    kind: TaskKind | None = None
    priority: Priority = Priority.P2
    status: TaskStatus = TaskStatus.OPEN
    reason: str = ""
    owner_id: UUID | None = None
    team_id: UUID | None = None
    due_on: date | None = None
    postmortem_id: UUID | None = None
    improvement_id: UUID | None = None
    evidence_url: str | None = None
    labels: list[str] = field(default_factory=list)
    source_url: str | None = None
    source_line: int | None = None
    imported: dict[str, Any] | None = None


async def create_task(session: AsyncSession, act: Act, new: NewTask) -> Task:
    """Adds the task, and the link that sends it to its tracker where a route matches. Raises InvalidError."""
    task = Task(
        title=new.title,
        description=new.description,
        kind=new.kind,
        priority=new.priority,
        owner_id=new.owner_id,
        team_id=new.team_id,
        due_on=new.due_on,
        first_due_on=new.due_on,
        postmortem_id=new.postmortem_id,
        improvement_id=new.improvement_id,
        evidence_url=new.evidence_url,
        labels=new.labels,
        reason=new.reason,
        source_url=new.source_url,
        source_line=new.source_line,
        imported=new.imported,
        created_at=act.at,
        updated_at=act.at,
    )
    move_to(task, new.status, reason=new.reason, at=act.at)
    session.add(task)
    await session.flush()
    record(session, act, "created", subject=task, changes={"title": (None, task.title), "status": (None, task.status)})
    await route_task(session, task, at=act.at)
    return task
