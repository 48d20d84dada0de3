"""Improvements: the corrective and preventative measures that tasks serve."""

from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from domain.columns import VersionedRow, length


class Improvement(VersionedRow, table=True):
    """A goal that a postmortem sets; `imported` remembers what the document last said, to tell it from people's edits."""

    __tablename__ = "improvements"
    __table_args__ = (
        length("title", 256, 1),
        length("description", 20000),
        Index("ix_improvements_updated_at_id", "updated_at", "id"),
    )

    postmortem_id: UUID = Field(index=True, foreign_key="postmortems.id", ondelete="CASCADE")
    title: str
    description: str = ""
    source_line: int | None = None
    imported: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
