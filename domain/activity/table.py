"""Who changed what: rows that are only ever added (a trigger refuses UPDATE and DELETE)."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from domain.columns import TextEnum, new_id, one_of


class ActorKind(StrEnum):
    """Through what a change came."""

    TOKEN = "token"  # noqa: S105 - a kind of actor, not a secret
    TRACKER = "tracker"
    SYSTEM = "system"


class Activity(SQLModel, table=True):
    """One change of one thing: `changes` holds {field: [before, after]}."""

    __tablename__ = "activities"
    __table_args__ = (
        one_of("actor_kind", ActorKind),
        Index("ix_activities_subject", "subject_kind", "subject_id", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    at: datetime
    actor_kind: ActorKind = Field(sa_type=TextEnum(ActorKind))
    actor_id: UUID | None = None
    actor_name: str
    request_id: str | None = None
    subject_kind: str
    subject_id: UUID
    action: str
    changes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
