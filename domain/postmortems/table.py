"""Postmortems and their timelines, with the source as it came."""

from datetime import datetime
from datetime import time as time_of_day
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from domain.columns import TextEnum, VersionedRow, length, new_id, one_of


class PostmortemStatus(StrEnum):
    """How far a postmortem has come."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"


IMPORTED_TITLE = "imported #>> '{values,title}'"


class Postmortem(VersionedRow, table=True):
    """The document of one incident. `source_text` is kept byte for byte; a document without a URL is known by its digest or title."""

    __tablename__ = "postmortems"
    __table_args__ = (
        length("title", 256, 1),
        one_of("status", PostmortemStatus),
        CheckConstraint("resolved_at >= started_at", name="resolved_after_start"),
        CheckConstraint("octet_length(source_text) <= 1048576", name="source_size"),
        CheckConstraint("(source_text IS NULL) = (source_digest IS NULL)", name="source_digest"),
        Index("uq_postmortems_source_url", "source_url", unique=True),
        Index("ix_postmortems_source_digest", "source_digest"),
        Index("ix_postmortems_imported_title", text(f"lower({IMPORTED_TITLE})")),
        Index("ix_postmortems_updated_at_id", "updated_at", "id"),
    )

    title: str
    status: PostmortemStatus = Field(default=PostmortemStatus.DRAFT, sa_type=TextEnum(PostmortemStatus))
    severity: str | None = Field(default=None, max_length=50)
    summary: str = ""
    impact: str = ""
    started_at: datetime | None = None
    detected_at: datetime | None = None
    resolved_at: datetime | None = None
    timezone: str | None = Field(default=None, max_length=64)
    root_causes: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    contributing_factors: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    resolution: str = ""
    lessons: str = ""
    conclusion: str = ""
    team_id: UUID | None = Field(default=None, index=True, foreign_key="teams.id", ondelete="RESTRICT")
    source_url: str | None = Field(default=None, max_length=2000)
    source_text: str | None = None
    source_digest: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    imported: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))


class TimelineEvent(SQLModel, table=True):
    """One event of a timeline: at an instant, or at a bare time of day where the document gives no date."""

    __tablename__ = "timeline_events"
    __table_args__ = (
        CheckConstraint("at IS NULL OR time IS NULL", name="one_time"),
        CheckConstraint("char_length(text) BETWEEN 1 AND 10000", name="text_length"),
        Index("uq_timeline_events_postmortem_id_position", "postmortem_id", "position", unique=True),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    postmortem_id: UUID = Field(foreign_key="postmortems.id", ondelete="CASCADE")
    position: int
    at: datetime | None = None
    time: time_of_day | None = None
    text: str
    line: int | None = None
