"""Links: a task and its issue, with the state of their sync. The row is the outbox: due while desired_version > pushed_version."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.bell import RECONCILE_LINK, after_commit
from domain.columns import TextEnum, VersionedRow, one_of
from domain.trackers.table import TrackerProject


class LinkState(StrEnum):
    """How far a task and its issue have come."""

    PENDING = "pending"
    CREATING = "creating"
    UNKNOWN = "unknown"
    LINKED = "linked"
    MOVED = "moved"
    GONE = "gone"
    DETACHED = "detached"
    NEEDS_ATTENTION = "needs_attention"


AT_REST = (LinkState.GONE, LinkState.DETACHED, LinkState.NEEDS_ATTENTION)


class IssueLink(VersionedRow, table=True):
    """A task in a tracker project.

    `marker` is written into the issue and recognises it; `base` holds the canonical value of every field when both sides last agreed;
    `local` what the task held when it was last looked at; `remote` the issue as last seen (with its ETag); `fence` grows with each
    claim, so that a worker whose lease ran out can't write any more; `due_at` is when a worker should look, NULL when there is nothing
    to do. `bystanders` are assigned there, and were when the task's owner was taken away here: they are no news. `background` links (of
    a backfill) wait for all others; `flips` are the latest changes of status that the sync carried over.
    """

    __tablename__ = "issue_links"
    __table_args__ = (
        one_of("state", LinkState),
        CheckConstraint("pushed_version <= desired_version", name="pushed_version"),
        CheckConstraint("state NOT IN ('linked', 'moved', 'gone') OR remote_id IS NOT NULL", name="remote_id"),
        CheckConstraint("(error_code IS NULL) = (error_since IS NULL)", name="error_since"),
        Index("uq_issue_links_marker", "marker", unique=True),
        Index(
            "uq_issue_links_live",
            "task_id",
            "tracker_project_id",
            unique=True,
            postgresql_where=text("state NOT IN ('gone', 'detached')"),
        ),
        Index("uq_issue_links_tracker_project_id_remote_id", "tracker_project_id", "remote_id", unique=True),
        Index("ix_issue_links_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_issue_links_state_id", "state", "id"),
        Index("ix_issue_links_updated_at_id", "updated_at", "id"),
        Index("ix_issue_links_task_id_id", "task_id", "id"),
    )

    task_id: UUID = Field(foreign_key="tasks.id", ondelete="CASCADE")
    tracker_project_id: UUID = Field(foreign_key="tracker_projects.id", ondelete="RESTRICT")
    label_prefix: str = "ft/"
    issue_type: str | None = Field(default=None, max_length=100)
    background: bool = False
    marker: UUID = Field(default_factory=uuid4)
    state: LinkState = Field(default=LinkState.PENDING, sa_type=TextEnum(LinkState))
    remote_id: str | None = Field(default=None, max_length=64)
    remote_global_id: str | None = Field(default=None, max_length=200)
    remote_key: str | None = Field(default=None, max_length=400)
    url: str | None = Field(default=None, max_length=2000)
    base: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    local: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    remote: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    remote_etag: str | None = None
    remote_version: datetime | None = None
    notes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    desired_version: int = Field(default=1, sa_type=BigInteger)
    pushed_version: int = Field(default=0, sa_type=BigInteger)
    due_at: datetime | None = None
    attempts: int = 0
    probes: int = 0
    bystanders: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    flips: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False))
    comments_due: bool = False
    comments_seen: int = 0
    comments_seen_at: datetime | None = None
    unknown_since: datetime | None = None
    lease_until: datetime | None = None
    fence: int = Field(default=0, sa_type=BigInteger)
    error_code: str | None = Field(default=None, max_length=64)
    error_text: str | None = Field(default=None, max_length=2000)
    error_since: datetime | None = None
    error_count: int = 0
    last_synced_at: datetime | None = None


def open_link(
    session: AsyncSession,
    *,
    task_id: UUID,
    tracker_project_id: UUID,
    label_prefix: str,
    issue_type: str | None = None,
    background: bool = False,
    at: datetime,
) -> IssueLink:
    """Adds the link that sends a task to a project, due at once; `background` lets all others go first."""
    link = IssueLink(
        task_id=task_id,
        tracker_project_id=tracker_project_id,
        label_prefix=label_prefix,
        issue_type=issue_type,
        background=background,
        due_at=at,
        created_at=at,
        updated_at=at,
    )
    session.add(link)
    if not background:
        after_commit(session, RECONCILE_LINK, link.id)
    return link


async def mark_links_due(session: AsyncSession, task_id: UUID, *, at: datetime, but: UUID | None = None) -> None:
    """Notes on every live link of a task that the task was edited, in the transaction that edits it.

    `but` is the link through which the edit came: it needs no push for it.
    """
    rows = await session.exec(
        select(IssueLink)
        .where(IssueLink.task_id == task_id, col(IssueLink.state).not_in((LinkState.GONE, LinkState.DETACHED)))
        .order_by(col(IssueLink.id))
        .with_for_update(key_share=True)
    )
    for link in rows:
        if link.id != but:
            mark_due(session, link, at=at)


async def was_linked(session: AsyncSession, task_id: UUID) -> bool:
    """Tells whether the task has, or had, a link: one that a person ended, or whose issue is gone, is not made again by itself."""
    return (await session.exec(select(IssueLink.id).where(IssueLink.task_id == task_id).limit(1))).first() is not None


async def wake_links(session: AsyncSession, tracker_id: UUID, *, at: datetime) -> None:
    """Makes the links that wait for a tracker due at once: it can be worked with again."""
    waiting = (
        select(IssueLink.id)
        .where(
            col(IssueLink.tracker_project_id).in_(select(TrackerProject.id).where(TrackerProject.tracker_id == tracker_id)),
            col(IssueLink.due_at) > at,
            col(IssueLink.state).not_in(AT_REST),
        )
        .order_by(col(IssueLink.id))
        # One that somebody works on is due again by itself; to wait for it could be for ever.
        .with_for_update(skip_locked=True, key_share=True)
    )
    await session.exec(update(IssueLink).where(col(IssueLink.id).in_(waiting)).values(due_at=at))


def mark_due(session: AsyncSession, link: IssueLink, *, at: datetime) -> None:
    """Raises the version that the tracker should get, and rings for it after the commit."""
    link.desired_version += 1
    if link.state is not LinkState.NEEDS_ATTENTION:
        link.due_at = min(at, link.due_at) if link.due_at else at
        after_commit(session, RECONCILE_LINK, link.id)
