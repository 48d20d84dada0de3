"""Tasks: the action items that follow an incident."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Computed, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlmodel import Field

from domain.columns import TextEnum, VersionedRow, length, one_of


class TaskStatus(StrEnum):
    """Where a task stands."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    BLOCKED = "blocked"
    DONE = "done"
    CANCELLED = "cancelled"


class TaskKind(StrEnum):
    """What a task does about incidents."""

    MITIGATE = "mitigate"
    PREVENT = "prevent"
    DETECT = "detect"
    PROCESS = "process"


class Priority(StrEnum):
    """How soon a task must be done, P0 first."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


# A sort by due date puts tasks without one last; the index and every query must say the very same.
DUE_ORDER = "coalesce(due_on, 'infinity'::date)"


class Task(VersionedRow, table=True):
    """An action item. Deleting one keeps the row, so that its issues can still be closed."""

    __tablename__ = "tasks"
    __table_args__ = (
        length("title", 256, 1),
        length("description", 20000),
        length("reason", 2000),
        one_of("kind", TaskKind),
        one_of("priority", Priority),
        one_of("status", TaskStatus),
        CheckConstraint("(status IN ('done', 'cancelled')) = (closed_at IS NOT NULL)", name="closed_at"),
        CheckConstraint("status <> 'cancelled' OR reason <> ''", name="cancelled_with_reason"),
        CheckConstraint("(due_on IS NULL) OR (first_due_on IS NOT NULL)", name="first_due_on"),
        CheckConstraint("slips >= 0", name="slips"),
        CheckConstraint("cardinality(labels) <= 100", name="labels"),
        CheckConstraint("evidence_url IS NULL OR char_length(evidence_url) <= 2000", name="evidence_url_length"),
        Index("ix_tasks_live_id", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_tasks_updated_at_id", "updated_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_tasks_due_order", text(DUE_ORDER), "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_tasks_priority_id", "priority", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_tasks_team_id_id", "team_id", "id"),
        Index("ix_tasks_owner_id_id", "owner_id", "id"),
        Index("ix_tasks_postmortem_id_id", "postmortem_id", "id"),
        Index("ix_tasks_improvement_id_id", "improvement_id", "id"),
        Index("ix_tasks_search", "search", postgresql_using="gin"),
    )

    number: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False, unique=True))
    title: str
    description: str = ""
    kind: TaskKind | None = Field(default=None, sa_type=TextEnum(TaskKind))
    priority: Priority = Field(default=Priority.P2, sa_type=TextEnum(Priority))
    status: TaskStatus = Field(default=TaskStatus.OPEN, sa_type=TextEnum(TaskStatus))
    reason: str = ""
    owner_id: UUID | None = Field(default=None, foreign_key="people.id", ondelete="SET NULL")
    team_id: UUID | None = Field(default=None, foreign_key="teams.id", ondelete="RESTRICT")
    due_on: date | None = None
    first_due_on: date | None = None
    slips: int = 0
    postmortem_id: UUID | None = Field(default=None, foreign_key="postmortems.id", ondelete="SET NULL")
    improvement_id: UUID | None = Field(default=None, foreign_key="improvements.id", ondelete="SET NULL")
    evidence_url: str | None = None
    labels: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    source_url: str | None = Field(default=None, max_length=2000)
    source_line: int | None = None
    imported: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    closed_at: datetime | None = None
    deleted_at: datetime | None = None
    search: str | None = Field(
        default=None,
        sa_column=Column(TSVECTOR, Computed("to_tsvector('english', title || ' ' || description)", persisted=True)),
    )

    @property
    def key(self) -> str:
        """The short name that people use: FT-123."""
        return f"FT-{self.number}"
