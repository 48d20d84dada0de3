"""The ledger of calls that change a tracker, the conflicts that were decided, and the inbox of webhooks."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from domain.columns import TextEnum, new_id, now_utc, one_of


class Operation(StrEnum):
    """What a call does to the tracker."""

    CREATE = "create"
    UPDATE = "update"
    COMMENT = "comment"
    CLOSE_DUPLICATE = "close_duplicate"


class Outcome(StrEnum):
    """What became of a call: `ambiguous` means that nobody can tell whether it took effect."""

    OK = "ok"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"


class Side(StrEnum):
    """The two sides of a conflict."""

    LOCAL = "local"
    REMOTE = "remote"


class SyncAttempt(SQLModel, table=True):
    """One call, written before it is made; without an outcome it is still running, or its process died."""

    __tablename__ = "sync_attempts"
    __table_args__ = (
        one_of("operation", Operation),
        one_of("outcome", Outcome),
        CheckConstraint("(outcome IS NULL) = (finished_at IS NULL)", name="finished_at"),
        Index("ix_sync_attempts_link_id_id", "link_id", "id"),
        Index("ix_sync_attempts_tracker_id_started_at", "tracker_id", "started_at"),
        Index(
            "uq_sync_attempts_open_create",
            "link_id",
            unique=True,
            postgresql_where=text("operation = 'create' AND outcome IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    link_id: UUID = Field(foreign_key="issue_links.id", ondelete="CASCADE")
    tracker_id: UUID = Field(foreign_key="trackers.id", ondelete="CASCADE")
    comment_id: UUID | None = None
    fence: int = Field(sa_type=BigInteger)
    operation: Operation = Field(sa_type=TextEnum(Operation))
    fields: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    started_at: datetime = Field(default_factory=now_utc)
    finished_at: datetime | None = None
    outcome: Outcome | None = Field(default=None, sa_type=TextEnum(Outcome))
    http_status: int | None = None
    remote_request_id: str | None = Field(default=None, max_length=200)
    error_text: str | None = Field(default=None, max_length=2000)
    calls: int = 0


class SyncConflict(SQLModel, table=True):
    """A field that both sides changed: what each said, who won and by which rule. The loser is kept here.

    A person may choose: `resolution` is the side whose value counts from then on, `resolved_by` who said so.
    """

    __tablename__ = "sync_conflicts"
    __table_args__ = (
        one_of("winner", Side),
        one_of("resolution", Side),
        CheckConstraint("(resolution IS NULL) = (resolved_at IS NULL)", name="resolved_at"),
        Index("ix_sync_conflicts_link_id_id", "link_id", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    link_id: UUID = Field(foreign_key="issue_links.id", ondelete="CASCADE")
    field: str
    base: Any = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    local: Any = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    remote: Any = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    winner: Side = Field(sa_type=TextEnum(Side))
    rule: str
    created_at: datetime = Field(default_factory=now_utc)
    resolution: Side | None = Field(default=None, sa_type=TextEnum(Side))
    resolved_at: datetime | None = None
    resolved_by: str | None = Field(default=None, max_length=300)


class InboxEntry(SQLModel, table=True):
    """A webhook as it came: unique by delivery, read once by `reconcile`."""

    __tablename__ = "webhook_inbox"
    __table_args__ = (
        Index("uq_webhook_inbox_tracker_id_delivery_id", "tracker_id", "delivery_id", unique=True),
        Index(
            "ix_webhook_inbox_waiting",
            "tracker_id",
            "project_remote_id",
            "remote_id",
            postgresql_where=text("processed_at IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    tracker_id: UUID = Field(foreign_key="trackers.id", ondelete="CASCADE")
    delivery_id: str = Field(max_length=200)
    event: str = Field(max_length=100)
    project_remote_id: str | None = Field(default=None, max_length=64)
    remote_id: str | None = Field(default=None, max_length=64)
    remote_version: datetime | None = None
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    received_at: datetime = Field(default_factory=now_utc)
    processed_at: datetime | None = None
    ignored: str | None = Field(default=None, max_length=200)
