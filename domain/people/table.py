"""People, teams and who belongs where."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from domain.columns import VersionedRow, length, now_utc


class Person(VersionedRow, table=True):
    """Somebody who can own a task; the e-mail address (lower case) is the identity."""

    __tablename__ = "people"
    __table_args__ = (
        length("email", 254, 3),
        CheckConstraint("email = lower(email) AND position('@' IN email) > 1", name="email"),
        length("name", 200),
        Index("uq_people_github_login", text("lower(github_login)"), unique=True),
    )

    email: str = Field(unique=True)
    name: str = ""
    github_login: str | None = Field(default=None, max_length=100)
    jira_account_id: str | None = Field(default=None, max_length=128, unique=True)


class Team(VersionedRow, table=True):
    """A team that owns tasks; `timezone` (IANA) says when its day ends."""

    __tablename__ = "teams"
    __table_args__ = (
        length("name", 200, 1),
        CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="slug"),
    )

    slug: str = Field(unique=True)
    name: str
    timezone: str = "UTC"
    lead_id: UUID | None = Field(default=None, foreign_key="people.id", ondelete="SET NULL", index=True)


class Membership(SQLModel, table=True):
    """A person's place in a team."""

    __tablename__ = "memberships"

    team_id: UUID = Field(primary_key=True, foreign_key="teams.id", ondelete="CASCADE")
    person_id: UUID = Field(primary_key=True, index=True, foreign_key="people.id", ondelete="CASCADE")
    created_at: datetime = Field(default_factory=now_utc)
