"""The shapes of what the sandbox GitHub remembers; each record has a `key` that is unique among its kind."""

from datetime import datetime
from typing import Literal

import msgspec

APP_HOOKS = 0


class Account(msgspec.Struct, kw_only=True):
    """A user, an organization or a bot, and how the App is installed on what it owns; `key` is the lower-case login."""

    id: int
    login: str
    type: Literal["User", "Organization", "Bot"]
    created_at: str
    installation: Literal["active", "suspended", "removed"] = "active"

    @property
    def key(self) -> str:
        return self.login.lower()


class Repository(msgspec.Struct, kw_only=True):
    """A private repository.

    `last_number` is the highest issue number given out; `former_names` are lower-case full names that lead here still;
    `without_push` are lower-case logins that may read and open issues only; `unassignable` tells of lower-case logins
    whether naming them as an assignee is silently dropped or refused.
    """

    id: int
    owner: str
    name: str
    created_at: str
    updated_at: str
    last_number: int = 0
    has_issues: bool = True
    archived: bool = False
    former_names: list[str] = []
    without_push: list[str] = []
    unassignable: dict[str, Literal["drop", "refuse"]] = {}

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
    """An issue; people are logins, labels and the type are names, instants have GitHub's resolution of a second.

    `field_values` are by field id; `made_at` is the epoch second of its making by a clock that is never skewed.
    """

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
    type: str | None = None
    field_values: dict[int, str | float | list[str]] = {}
    made_at: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.repository_id}/{self.number}"


class Departed(msgspec.Struct, kw_only=True):
    """Where an issue was that is deleted, or lives on in another repository under another number."""

    repository_id: int
    number: int
    to_repository_id: int | None = None
    to_number: int | None = None

    @property
    def key(self) -> str:
        return f"{self.repository_id}/{self.number}"


class FieldOption(msgspec.Struct, kw_only=True):
    """One of the values that an issue field of an organization allows."""

    id: int
    name: str
    color: str = "gray"


class IssueField(msgspec.Struct, kw_only=True):
    """An issue field of an organization."""

    id: int
    name: str
    data_type: Literal["text", "single_select", "multi_select", "number", "date"]
    options: list[FieldOption] = []


class IssueType(msgspec.Struct, kw_only=True):
    """An issue type of an organization."""

    id: int
    name: str


class Catalog(msgspec.Struct, kw_only=True):
    """The issue types and issue fields of an organization, which has none of them before they are set."""

    login: str
    created_at: str
    types: list[IssueType] = []
    fields: list[IssueField] = []

    @property
    def key(self) -> str:
        return self.login.lower()


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
    """A webhook of a repository, or of the App where its `repository_id` is APP_HOOKS; `last_…` tells of its last delivery."""

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


Record = Account | Repository | Label | Issue | Departed | Catalog | Comment | Hook | Delivery | AccessToken


def groups_of(record: Record) -> tuple[str, ...]:
    """Return the names under which records of one kind are found together."""
    match record:
        case Repository():
            return (f"name/{record.full_name.lower()}", *(f"former/{name}" for name in record.former_names))
        case Issue():
            return (str(record.repository_id), f"{record.repository_id}/{record.state}", f"id/{record.id}")
        case Comment():
            return (str(record.repository_id), f"{record.repository_id}/{record.number}")
        case Label() | Hook():
            return (str(record.repository_id),)
        case Delivery():
            return (str(record.hook_id),)
        case _:
            return ()
