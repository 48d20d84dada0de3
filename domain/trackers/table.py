"""Trackers and their projects: where issues live, and how to reach it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from domain.columns import TextEnum, VersionedRow, length, now_utc, one_of


class TrackerKind(StrEnum):
    """The kinds of tracker that there is an adapter for."""

    GITHUB = "github"


class TrackerState(StrEnum):
    """Whether a tracker can be worked with."""

    OK = "ok"
    DEGRADED = "degraded"
    AUTH_FAILED = "auth_failed"
    PAUSED = "paused"


class Tracker(VersionedRow, table=True):
    """A connection to a tracker; credentials and webhook secrets are encrypted at rest.

    `failures` counts calls in a row that the tracker didn't answer; `limited_creations` is how many creations an hour it was left at
    when it last said that we are too fast.
    """

    __tablename__ = "trackers"
    __table_args__ = (
        length("name", 200, 1),
        one_of("kind", TrackerKind),
        one_of("state", TrackerState),
        CheckConstraint("octet_length(credentials) <= 65536", name="credentials_size"),
    )

    kind: TrackerKind = Field(sa_type=TextEnum(TrackerKind))
    name: str = Field(unique=True)
    base_url: str = Field(max_length=2000)
    credentials: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    webhook_secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    previous_webhook_secret: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    bot_account_id: str | None = Field(default=None, max_length=200)
    state: TrackerState = Field(default=TrackerState.OK, sa_type=TextEnum(TrackerState))
    state_reason: str = ""
    blocked_until: datetime | None = None
    failures: int = 0
    limited_at: datetime | None = None
    limited_creations: float | None = None


class TrackerProject(VersionedRow, table=True):
    """A repository, by the numeric id that survives a rename; `details` is what the tracker last said of it.

    `sweep_cursor` is the instant (by the tracker's clock) from which changes are listed. `webhook_at` is when the last webhook came in,
    `unannounced_since` when a sweep first found a change that no webhook had told; `hook` is how the tracker's webhook was last seen.
    """

    __tablename__ = "tracker_projects"
    __table_args__ = (
        Index("uq_tracker_projects_tracker_id_remote_id", "tracker_id", "remote_id", unique=True),
        Index("ix_tracker_projects_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )

    tracker_id: UUID = Field(foreign_key="trackers.id", ondelete="CASCADE")
    remote_id: str = Field(max_length=64)
    key: str = Field(max_length=300)
    url: str = Field(max_length=2000)
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    fetched_at: datetime | None = None
    due_at: datetime | None = Field(default_factory=now_utc)
    lease_until: datetime | None = None
    sweep_cursor: datetime | None = None
    sweep_etag: str | None = None
    swept_at: datetime | None = None
    audit_after: UUID | None = None
    last_audit_at: datetime | None = None
    webhook_at: datetime | None = None
    unannounced_since: datetime | None = None
    hook: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    hook_checked_at: datetime | None = None
