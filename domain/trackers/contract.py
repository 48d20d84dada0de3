"""What a tracker's adapter must do: it owns the wire format; merging, retrying, journal and states are shared by all trackers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias
from uuid import UUID

FieldValue: TypeAlias = str | list[str] | None


class Field(StrEnum):
    """The fields that a task and its issue share."""

    TITLE = "title"
    BODY = "body"
    STATUS = "status"
    LABELS = "labels"


Fields: TypeAlias = dict[Field, FieldValue]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a tracker can hold: the statuses that it tells apart, and its longest title in characters."""

    statuses: frozenset[str]
    title_limit: int


@dataclass(frozen=True, slots=True)
class Project:
    """A place for issues: `remote_id` survives a rename, `key` is what people say (`org/repo`)."""

    remote_id: str
    key: str
    url: str
    issues_enabled: bool = True
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """How the adapter writes into a project: which one, and the prefix of the labels that are ours."""

    project_remote_id: str
    label_prefix: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An issue to be made: `marker` is written into it, so that it is recognised whatever happens to the answer."""

    marker: UUID
    fields: Fields


@dataclass(frozen=True, slots=True)
class RemoteIssue:
    """An issue as the tracker has it.

    `fields` are canonical (see `domain.sync.merge`): BODY is the managed region alone, None where it is missing; LABELS are ours
    alone, without the prefix. `raw` is what the adapter needs to write without touching what isn't ours; it is kept as JSON.
    """

    remote_id: str
    global_id: str
    key: str
    url: str
    version: datetime
    marker: UUID | None
    fields: Fields
    raw: Mapping[str, Any]
    etag: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write gave back: the issue as it is now, and the tracker's id of the request."""

    issue: RemoteIssue
    request_id: str | None
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook says: of which issue, and in which state it was (None where the payload doesn't tell)."""

    event: str
    delivery_id: str
    project_remote_id: str | None
    remote_id: str | None
    issue: RemoteIssue | None
    deleted: bool = False


class Failure(StrEnum):
    """What a failed call means: only `AMBIGUOUS` leaves open whether it took effect."""

    DEFINITE = "definite"
    AMBIGUOUS = "ambiguous"
    LIMITED = "limited"
    GONE = "gone"
    AUTH = "auth"


class TrackerError(Exception):
    """A call that failed, classified.

    `text` is for a person and holds no secret and no issue text; `retry_at` is when a limit ends; `calls` counts HTTP requests
    sent.
    """

    def __init__(
        self,
        failure: Failure,
        text: str,
        *,
        code: str,
        http_status: int | None = None,
        request_id: str | None = None,
        retry_at: datetime | None = None,
        calls: int = 1,
    ) -> None:
        super().__init__(text)
        self.failure = failure
        self.text = text
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.retry_at = retry_at
        self.calls = calls


class Adapter(Protocol):
    """One connection to one tracker. Every method may raise TrackerError and nothing else; none retries by itself."""

    capabilities: Capabilities

    async def describe(self, key_or_id: str) -> Project:
        """Looks a project up by `org/repo` or numeric id."""
        ...

    async def identity(self) -> str:
        """Gives the account that the credentials act as, as it appears as an issue's author."""
        ...

    async def create(self, place: Place, draft: Draft) -> Receipt:
        """Makes the issue with exactly one request."""
        ...

    async def fetch(self, place: Place, remote_id: str, *, etag: str | None = None) -> RemoteIssue | None:
        """Reads the issue; None means that it is still the one with `etag`."""
        ...

    async def update(self, place: Place, issue: RemoteIssue, changes: Fields) -> Receipt:
        """Writes the changed fields with exactly one request, leaving all else of `issue` as it is."""
        ...

    async def find(self, place: Place, markers: Iterable[UUID], *, since: datetime) -> dict[UUID, RemoteIssue]:
        """Looks for issues that carry one of the markers, among those made since then; of several the lowest."""
        ...

    def close(self) -> None:
        """Closes connections and threads."""
        ...


class WebhookReader(Protocol):
    """The part of an adapter that reads webhooks; it needs no credentials and makes no call."""

    def verify(self, body: bytes, headers: Mapping[str, str], *, secrets: Iterable[str]) -> bool:
        """Checks the signature over the raw bytes in constant time against each secret. Header names are lower case."""
        ...

    def hint(self, body: bytes, headers: Mapping[str, str], *, label_prefix: str = "") -> Hint:
        """Reads what the webhook says; raises MalformedError where it isn't what the tracker documents."""
        ...

    def reread(self, event: str, payload: Mapping[str, Any], *, label_prefix: str) -> RemoteIssue | None:
        """Reads the issue's state from a stored payload, with the labels of this prefix as ours; None where it holds none."""
        ...
