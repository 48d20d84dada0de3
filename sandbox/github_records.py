"""The shapes of what the sandbox GitHub remembers; each record has a `key` that is unique among its kind."""

from datetime import datetime
from typing import Literal

import msgspec


class Account(msgspec.Struct, kw_only=True):
    """A user, an organization or a bot; `key` is the lower-case login, since logins ignore case."""

    id: int
    login: str
    type: Literal["User", "Organization", "Bot"]
    created_at: str

    @property
    def key(self) -> str:
        return self.login.lower()


class Repository(msgspec.Struct, kw_only=True):
    """A private repository; `last_number` is the highest issue number given out."""

    id: int
    owner: str
    name: str
    created_at: str
    updated_at: str
    last_number: int = 0

    @property
    def key(self) -> str:
        return str(self.id)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


class Label(msgspec.Struct, kw_only=True):
    """A label of a repository."""

    id: int
    repository_id: int
    name: str
    color: str
    description: str | None = None
    default: bool = False

    @property
    def key(self) -> str:
        return f"{self.repository_id}/{self.name.lower()}"


class Issue(msgspec.Struct, kw_only=True):
    """An issue; people are logins, labels are names, instants have GitHub's resolution of a second."""

    id: int
    repository_id: int
    number: int
    title: str
    user: str
    created_at: str
    updated_at: str
    body: str | None = None
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    labels: list[str] = []
    assignees: list[str] = []
    comments: int = 0
    locked: bool = False
    lock_reason: str | None = None
    closed_at: str | None = None
    closed_by: str | None = None

    @property
    def key(self) -> str:
        return f"{self.repository_id}/{self.number}"


class Comment(msgspec.Struct, kw_only=True):
    """A comment of an issue."""

    id: int
    repository_id: int
    number: int
    user: str
    body: str
    created_at: str
    updated_at: str

    @property
    def key(self) -> str:
        return str(self.id)


class Hook(msgspec.Struct, kw_only=True):
    """A webhook of a repository; `last_code`, `last_status` and `last_message` tell how its last delivery went."""

    id: int
    repository_id: int
    url: str
    content_type: str
    secret: str | None
    insecure_ssl: str
    events: list[str]
    active: bool
    created_at: str
    updated_at: str
    last_code: int | None = None
    last_status: str = "unused"
    last_message: str | None = None

    @property
    def key(self) -> str:
        return str(self.id)


class Delivery(msgspec.Struct, kw_only=True):
    """One attempt to deliver an event; `body` holds the exact bytes that were signed; `duration` is in seconds."""

    id: int
    hook_id: int
    repository_id: int
    guid: str
    event: str
    action: str | None
    redelivery: bool
    request_headers: dict[str, str]
    body: bytes
    delivered_at: str
    duration: float
    status: str
    status_code: int
    response_headers: dict[str, str]
    response_body: str | None

    @property
    def key(self) -> str:
        return str(self.id)


class AccessToken(msgspec.Struct, kw_only=True):
    """A token of an App's installation, which sees the listed repositories until it expires."""

    token: str
    login: str
    installation_id: int
    repository_ids: list[int]
    expires_at: datetime

    @property
    def key(self) -> str:
        return self.token


Record = Account | Repository | Label | Issue | Comment | Hook | Delivery | AccessToken
