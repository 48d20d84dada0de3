"""API tokens: only a hash is stored."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import CheckConstraint, Field

from domain.columns import Row, length


class Scope(StrEnum):
    """What a token may do; `admin` includes all others, `write` and `sync` include `read`."""

    READ = "read"
    WRITE = "write"
    SYNC = "sync"
    ADMIN = "admin"


class ApiToken(Row, table=True):
    """A bearer token of the API; `hint` is its last four characters, to tell tokens apart."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        length("name", 200, 1),
        CheckConstraint("octet_length(hash) = 32", name="hash"),
        CheckConstraint("cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'sync', 'admin']", name="scopes"),
    )

    name: str
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    hint: str = Field(max_length=4)
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
