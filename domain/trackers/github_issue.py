"""A GitHub issue as a document of its REST API, and what it is in our own words."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit

import msgspec

from domain.trackers.contract import Draft, Field, Fields, Place, RemoteIssue
from domain.trackers.github_body import read_marker, read_region, write_body
from domain.trackers.github_fields import FieldValueDocument, read_native, write_native

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

STATES = {
    "open": {"state": "open", "state_reason": "reopened"},
    "done": {"state": "closed", "state_reason": "completed"},
    "cancelled": {"state": "closed", "state_reason": "not_planned"},
    "duplicate": {"state": "closed", "state_reason": "duplicate"},  # written only: it is read as cancelled
}


class LabelDocument(msgspec.Struct, frozen=True):
    """A label on an issue."""

    name: str | None = None


class UserDocument(msgspec.Struct, frozen=True):
    """An account."""

    login: str


class TypeDocument(msgspec.Struct, frozen=True):
    """The type of an issue."""

    name: str | None = None


class IssueDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """What we read of an issue, from an answer and from a webhook alike; a webhook may leave the values of fields away.

    https://docs.github.com/rest/issues/issues#get-an-issue
    """

    number: Number
    node_id: str
    html_url: str
    title: str
    state: Literal["open", "closed"]
    created_at: Instant
    updated_at: Instant
    labels: list[LabelDocument | str] = []
    body: str | None = None
    state_reason: str | None = None
    locked: bool = False
    pull_request: dict[str, Any] | None = None
    user: UserDocument | None = None
    assignees: list[UserDocument] = []
    comments: int = 0
    type: TypeDocument | None = None
    issue_field_values: list[FieldValueDocument] | None = None


def read_issue(document: IssueDocument, place: Place, *, etag: str | None = None, actor: str | None = None) -> RemoteIssue:
    """Returns the issue in the canonical form of the contract, as seen from a place."""
    names = _label_names(document)
    assignees = [user.login.lower() for user in document.assignees]
    return RemoteIssue(
        remote_id=str(document.number),
        global_id=document.node_id,
        key=_key(document),
        url=document.html_url,
        version=document.updated_at.astimezone(UTC),
        marker=read_marker(document.body),
        fields={
            Field.TITLE: document.title,
            Field.BODY: read_region(document.body),
            Field.STATUS: _status(document),
            Field.ASSIGNEE: assignees,
            Field.LABELS: _our_labels(names, place.label_prefix),
        }
        | read_native(document.issue_field_values or [], place.native),
        raw={
            "body": document.body,
            "labels": names,
            "assignees": [user.login for user in document.assignees],
            "state": document.state,
            "state_reason": document.state_reason,
            "locked": document.locked,
            "pull_request": document.pull_request is not None,
        },
        etag=etag,
        actor=actor,
        author=document.user.login.lower() if document.user else None,
        comments=document.comments,
        locked=document.locked,
        issue_type=document.type.name if document.type else None,
    )


def _label_names(document: IssueDocument) -> list[str]:
    names = (label if isinstance(label, str) else label.name for label in document.labels)
    return [name for name in names if name]


def _key(document: IssueDocument) -> str:
    """Returns `org/repo#12` from `https://host/org/repo/issues/12`."""
    owner, name = [*["?"] * 4, *urlsplit(document.html_url).path.split("/")][-4:-2]
    return f"{owner}/{name}#{document.number}"


def _status(document: IssueDocument) -> str:
    if document.state == "open":
        return "open"
    return "cancelled" if document.state_reason in ("not_planned", "duplicate") else "done"


def _our_labels(names: list[str], prefix: str) -> list[str]:
    ours = {name[len(prefix) :].strip().lower() for name in names if _is_ours(name, prefix)}
    return sorted(ours - {""})


def _is_ours(name: str, prefix: str) -> bool:
    return name.lower().startswith(prefix.lower())


def write_draft(draft: Draft, place: Place) -> dict[str, Any]:
    """Returns the body of the request that makes the issue; an issue is always made open."""
    region = cast(str | None, draft.fields.get(Field.BODY))
    labels = cast(list[str] | None, draft.fields.get(Field.LABELS))
    given = {
        "assignees": draft.fields.get(Field.ASSIGNEE),
        "type": draft.issue_type,
        "issue_field_values": write_native(draft.fields, place.native),
    }
    return {
        "title": draft.fields[Field.TITLE],
        "body": write_body(None, region=region or "", marker=draft.marker),
        "labels": [place.label_prefix + name for name in labels or []],
        **{name: value for name, value in given.items() if value},
    }


def write_changes(issue: RemoteIssue, changes: Fields, place: Place) -> dict[str, Any]:
    """Returns the body of the request that changes these fields and leaves what isn't ours as `issue` has it.

    The marker is put back into the body where `issue.marker` is given and the body lost it. Assignees are all who shall be
    assigned. A native field can't be cleared this way, see `github_fields`: it is left out, and the body may be empty then.
    """
    document: dict[str, Any] = {}
    if Field.TITLE in changes:
        document["title"] = changes[Field.TITLE]
    if Field.BODY in changes:
        region = cast(str | None, changes[Field.BODY])
        document["body"] = write_body(issue.raw.get("body"), region=region or "", marker=issue.marker)
    if Field.STATUS in changes:
        document |= STATES[cast(str, changes[Field.STATUS])]
    if Field.LABELS in changes:
        wanted = cast(list[str] | None, changes[Field.LABELS])
        theirs = [name for name in issue.raw.get("labels", []) if not _is_ours(name, place.label_prefix)]
        document["labels"] = theirs + [place.label_prefix + name for name in wanted or []]
    if Field.ASSIGNEE in changes:
        document["assignees"] = changes[Field.ASSIGNEE] or []
    if values := write_native(changes, place.native):
        document["issue_field_values"] = values
    return document
