"""Comments on tasks: ours, which go to the task's issues, and those that people write in the tracker, which come here."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from domain.columns import Row, TextEnum, length, one_of


class Origin(StrEnum):
    """Where a comment was written."""

    HERE = "here"
    TRACKER = "tracker"


class PostState(StrEnum):
    """How far one of our comments has come in one issue; `unknown`: nobody can tell whether it was written."""

    WAITING = "waiting"
    SENDING = "sending"
    UNKNOWN = "unknown"
    POSTED = "posted"
    REFUSED = "refused"


class Comment(Row, table=True):
    """A comment on a task. `author` is who wrote it: a token's or person's name here, a login in the tracker.

    One of the tracker's has the link through which it came and its id there; text deleted there is gone here too.
    """

    __tablename__ = "comments"
    __table_args__ = (
        length("body", 65536),
        one_of("origin", Origin),
        Index("ix_comments_task_id_id", "task_id", "id"),
        Index("uq_comments_link_id_remote_id", "link_id", "remote_id", unique=True, postgresql_where=text("origin = 'tracker'")),
    )

    task_id: UUID = Field(foreign_key="tasks.id", ondelete="CASCADE")
    origin: Origin = Field(sa_type=TextEnum(Origin))
    author: str = Field(max_length=300)
    body: str
    link_id: UUID | None = Field(default=None, foreign_key="issue_links.id", ondelete="CASCADE")
    remote_id: str | None = Field(default=None, max_length=64)
    url: str | None = Field(default=None, max_length=2000)
    updated_at: datetime
    deleted_at: datetime | None = None


class CommentPost(Row, table=True):
    """One of our comments on its way into one issue; its id is the marker that is hidden there.

    `due_at` is when an unknown one is looked for again.
    """

    __tablename__ = "comment_posts"
    __table_args__ = (
        one_of("state", PostState),
        Index("uq_comment_posts_comment_id_link_id", "comment_id", "link_id", unique=True),
        Index("ix_comment_posts_open", "link_id", "id", postgresql_where=text("state IN ('waiting', 'sending', 'unknown')")),
    )

    comment_id: UUID = Field(foreign_key="comments.id", ondelete="CASCADE")
    link_id: UUID = Field(foreign_key="issue_links.id", ondelete="CASCADE")
    state: PostState = Field(default=PostState.WAITING, sa_type=TextEnum(PostState))
    remote_id: str | None = Field(default=None, max_length=64)
    url: str | None = Field(default=None, max_length=2000)
    sent_at: datetime | None = None
    due_at: datetime | None = None
    probes: int = 0
    note: str | None = Field(default=None, max_length=2000)
