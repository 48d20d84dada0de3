"""What all tables share: ids, versions, instants, enumerations as checked text, and the names of constraints."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import CheckConstraint, Dialect, Text, TypeDecorator
from sqlmodel import Field, SQLModel

E = TypeVar("E", bound=StrEnum)

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def new_id() -> UUID:
    """Makes a UUIDv7 (RFC 9562): it grows with time within one process, so the order of ids is the order of creation."""
    return uuid_utils.compat.uuid7()


def now_utc() -> datetime:
    """Reads the clock; only the edges (a request, a job, a command) call it, rules are given the instant."""
    return datetime.now(UTC)


class TextEnum(TypeDecorator[StrEnum]):
    """Stores the value of an enumeration as text; the allowed values stand in a CHECK made by `one_of`."""

    impl = Text
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.enum(value)


def one_of(column: str, enum: type[StrEnum]) -> CheckConstraint:
    """The constraint that a text column holds a value of the enumeration (or NULL where the column allows it)."""
    values = ", ".join(f"'{member.value}'" for member in enum)
    return CheckConstraint(f"{column} IN ({values})", name=column)


def length(column: str, longest: int, shortest: int = 0) -> CheckConstraint:
    """The constraint on a text's length in characters."""
    return CheckConstraint(f"char_length({column}) BETWEEN {shortest} AND {longest}", name=f"{column}_length")


class Row(SQLModel):
    """A row with an id that tells its age and the instant it was made."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    created_at: datetime = Field(default_factory=now_utc)


class VersionedRow(Row):
    """A row that people change: every change raises its version by one."""

    version: int = Field(default=1)
    updated_at: datetime = Field(default_factory=now_utc)


def touch(row: VersionedRow, at: datetime) -> None:
    """Notes that a row was changed: version + 1, and when."""
    row.version += 1
    row.updated_at = at
