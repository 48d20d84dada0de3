"""What a tracker's adapter must do: it owns the wire format; merging, retrying, journal and states are shared by all trackers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from domain.errors import TellableError

FieldValue: TypeAlias = str | list[str] | None


class Field(StrEnum):
    """The fields that a task and its issue share.

    ASSIGNEE is a list of logins in an adapter's words (all who are assigned), one login or None in the merge's. DUE_ON (an ISO date)
    and PRIORITY (`P0` … `P4`) are there only where the project has a native field for them.
    """

    TITLE = "title"
    BODY = "body"
    STATUS = "status"
    ASSIGNEE = "assignee"
    LABELS = "labels"
    DUE_ON = "due_on"
    PRIORITY = "priority"


Fields: TypeAlias = dict[Field, FieldValue]


class Cost(StrEnum):
    """What a call costs at a tracker: reading, changing, or adding content, which notifies people and is limited most."""

    READ = "read"
    WRITE = "write"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class Budget:
    """So many points in so many seconds, and what a call of each cost takes of them. `burst` is how many may be saved up."""

    name: str
    points: float
    seconds: float
    costs: Mapping[Cost, float]
    burst: float


@dataclass(frozen=True, slots=True)
class Pacing:
    """How fast a tracker may be called: budgets, calls in flight, and the bounds between which creations an hour adapt."""

    budgets: tuple[Budget, ...]
    in_flight: int
    fewest_creations: float
    most_creations: float
    creation_burst: float


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a tracker can hold: the statuses that it tells apart, its longest title in characters, and how fast it may be called."""

    statuses: frozenset[str]
    title_limit: int
    pacing: Pacing


@dataclass(frozen=True, slots=True)
class Project:
    """A place for issues: `remote_id` survives a rename, `key` is what people say (`org/repo`).

    `native` holds what the adapter needs for native fields, as JSON by the field's name: `{"due_on": {"id": 1}, "priority": {"id": 2,
    "options": {"P0": "Urgent", "P1": "High", "P2": "Medium", "P3": "Low", "P4": "Low"}}}`. `types` are the names of issue types.
    """

    remote_id: str
    key: str
    url: str
    issues_enabled: bool = True
    writable: bool = True
    native: Mapping[str, Any] = field(default_factory=dict)
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """How the adapter writes into a project: which one, the prefix of the labels that are ours, and its native fields."""

    project_remote_id: str
    label_prefix: str
    native: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """An issue to be made: `marker` is written into it, so that it is recognised whatever happens to the answer."""

    marker: UUID
    fields: Fields
    issue_type: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteIssue:
    """An issue as the tracker has it.

    `fields` are canonical (see `domain.sync.merge`): BODY is the managed region alone, None where it is missing; LABELS are ours
    alone, without the prefix. `raw` is what the adapter needs to write without touching what isn't ours; it is kept as JSON.
    `author` is the account that made it, `comments` how many it has.
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
    author: str | None = None
    comments: int = 0
    locked: bool = False
    issue_type: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteComment:
    """A comment as the tracker has it; `marker` is set in ours, and then `body` is without it. A deleted one has no text."""

    remote_id: str
    author: str
    body: str
    url: str
    created_at: datetime
    updated_at: datetime
    marker: UUID | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write gave back: the issue as it is now, and the tracker's id of the request."""

    issue: RemoteIssue
    request_id: str | None
    calls: int = 1


@dataclass(frozen=True, slots=True)
class CommentReceipt:
    """What writing a comment gave back."""

    comment: RemoteComment
    request_id: str | None
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Swept:
    """An issue in a list of what changed: enough to find its link, and the document that `WebhookReader.reread` reads (event `sweep`)."""

    remote_id: str
    version: datetime
    marker: UUID | None
    author: str | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SweepPage:
    """A page of what changed, oldest change first; `etag` is good for the same question again."""

    issues: list[Swept]
    etag: str | None
    more: bool


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What an audit sees of an issue: where it is and when it last changed."""

    project_remote_id: str
    remote_id: str
    version: datetime


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    """A webhook that the tracker could not deliver; `guid` is the delivery's id, the same in each attempt."""

    id: str
    guid: str
    event: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HookReport:
    """How the tracker's own webhook to an address does: None as `id` where there is none; `failed` are those not delivered since."""

    id: str | None
    active: bool
    events: tuple[str, ...]
    failed: tuple[FailedDelivery, ...] = ()
    last_delivery_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """What the tracker's last answer said of the account's limit."""

    limit: int
    remaining: int
    reset_at: datetime


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook says: of which issue, and in which state it was (None where the payload doesn't tell)."""

    event: str
    delivery_id: str
    project_remote_id: str | None
    remote_id: str | None
    issue: RemoteIssue | None


class Failure(StrEnum):
    """What a failed call means: only `AMBIGUOUS` leaves open whether it took effect."""

    DEFINITE = "definite"
    AMBIGUOUS = "ambiguous"
    LIMITED = "limited"
    GONE = "gone"
    AUTH = "auth"


class TrackerError(TellableError):
    """A call that failed, classified.

    `text` is for a person and holds no secret and no issue text; `retry_at` is when a limit ends; `calls` counts HTTP requests
    sent. `wrong` names the fields that were refused; `moved_to` is where the tracker says that the issue is now; `hourly` tells that
    the limit is the account's quota, whose end is known, and no sign of having been too fast.
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
        wrong: frozenset[Field] = frozenset(),
        moved_to: str | None = None,
        hourly: bool = False,
    ) -> None:
        super().__init__(text)
        self.failure = failure
        self.text = text
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.retry_at = retry_at
        self.calls = calls
        self.wrong = wrong
        self.moved_to = moved_to
        self.hourly = hourly


class Adapter(Protocol):
    """One connection to one tracker. Every method may raise TrackerError and nothing else; none retries by itself."""

    capabilities: Capabilities
    quota: Quota | None

    async def describe(self, key_or_id: str) -> Project:
        """Looks a project up by `org/repo` or numeric id, with its native fields and issue types."""
        ...

    async def identity(self) -> str:
        """Gives the account that the credentials act as, as it appears as an issue's author; asked for once."""
        ...

    async def locate(self, url: str) -> tuple[str, str]:
        """Reads the address of an issue, of its page or in the API, and gives its project (key or numeric id) and its remote id.

        Calls nothing. Raises TrackerError (`not_an_issue`) for an address that is none of this tracker's issues.
        """
        ...

    async def create(self, place: Place, draft: Draft) -> Receipt:
        """Makes the issue with exactly one request."""
        ...

    async def fetch(self, place: Place, remote_id: str, *, etag: str | None = None) -> RemoteIssue | None:
        """Reads the issue; None means that it is still the one with `etag`. A moved one is a TrackerError with `moved_to`."""
        ...

    async def update(self, place: Place, issue: RemoteIssue, changes: Fields) -> Receipt:
        """Writes the changed fields with exactly one request, leaving all else of `issue` as it is."""
        ...

    async def find(self, place: Place, markers: Iterable[UUID], *, since: datetime) -> dict[UUID, RemoteIssue]:
        """Looks for issues that carry one of the markers, among those made since then; of several the lowest."""
        ...

    async def changed(self, place: Place, *, since: datetime | None, etag: str | None = None, page: int = 1) -> SweepPage | None:
        """Lists issues changed at or after an instant (all where None), oldest change first; None: the same as with `etag`."""
        ...

    async def survey(self, global_ids: list[str]) -> dict[str, Surveyed]:
        """Looks up to 100 issues up by their global ids with one request; those that are missing can't be seen (any more)."""
        ...

    async def comments(self, place: Place, remote_id: str, *, since: datetime | None = None) -> list[RemoteComment]:
        """Reads an issue's comments, changed at or after an instant, oldest first."""
        ...

    async def comment(self, place: Place, remote_id: str, *, body: str, marker: UUID) -> CommentReceipt:
        """Writes a comment with exactly one request; the marker is hidden in it."""
        ...

    async def inspect_hook(self, place: Place, url: str) -> HookReport:
        """Looks at the tracker's webhook that goes to an address, and which of its last deliveries failed and were not made good."""
        ...

    async def redeliver(self, place: Place, hook_id: str, delivery_id: str) -> None:
        """Has the tracker deliver a webhook again."""
        ...

    def close(self) -> None:
        """Closes connections and threads."""
        ...


class WebhookReader(Protocol):
    """The part of an adapter that reads webhooks; it needs no credentials and makes no call."""

    def verify(self, body: bytes, headers: Mapping[str, str], *, secrets: Iterable[str]) -> bool:
        """Checks the signature over the raw bytes in constant time against each secret. Header names are lower case."""
        ...

    def hint(self, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Reads what the webhook says; raises MalformedError where it isn't what the tracker documents."""
        ...

    def reread(self, event: str, payload: Mapping[str, Any], *, place: Place) -> RemoteIssue | None:
        """Reads the issue's state from a stored payload as seen from a place; None where it holds none to take over."""
        ...

    def reread_comment(self, event: str, payload: Mapping[str, Any]) -> RemoteComment | None:
        """Reads the comment that a stored payload is about; None where it is about none."""
        ...
