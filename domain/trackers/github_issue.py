"""A GitHub issue as a document of its REST API, and what it is in our own words."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit

import msgspec

from domain.trackers.contract import Draft, Field, Fields, RemoteIssue
from domain.trackers.github_body import read_marker, read_region, write_body

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

STATES = {
    "open": {"state": "open", "state_reason": "reopened"},
    "done": {"state": "closed", "state_reason": "completed"},
    "cancelled": {"state": "closed", "state_reason": "not_planned"},
}


class LabelDocument(msgspec.Struct, frozen=True):
    """A label on an issue."""

    name: str | None = None


class IssueDocument(msgspec.Struct, frozen=True):
    """What we read of an issue, from an answer and from a webhook alike.

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


def read_issue(document: IssueDocument, *, label_prefix: str, etag: str | None = None, actor: str | None = None) -> RemoteIssue:
    """Returns the issue in the canonical form of the contract."""
    names = _label_names(document)
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
            Field.LABELS: _our_labels(names, label_prefix),
        },
        raw={
            "body": document.body,
            "labels": names,
            "state": document.state,
            "state_reason": document.state_reason,
            "locked": document.locked,
            "pull_request": document.pull_request is not None,
        },
        etag=etag,
        actor=actor,
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
    return "cancelled" if document.state_reason == "not_planned" else "done"


def _our_labels(names: list[str], prefix: str) -> list[str]:
    ours = {name[len(prefix) :].strip().lower() for name in names if _is_ours(name, prefix)}
    return sorted(ours - {""})


def _is_ours(name: str, prefix: str) -> bool:
    return name.lower().startswith(prefix.lower())


def write_draft(draft: Draft, label_prefix: str) -> dict[str, Any]:
    """Returns the body of the request that makes the issue; an issue is always made open."""
    region = cast(str | None, draft.fields.get(Field.BODY))
    labels = cast(list[str] | None, draft.fields.get(Field.LABELS))
    return {
        "title": draft.fields[Field.TITLE],
        "body": write_body(None, region=region or "", marker=draft.marker),
        "labels": [label_prefix + name for name in labels or []],
    }


def write_changes(issue: RemoteIssue, changes: Fields, label_prefix: str) -> dict[str, Any]:
    """Returns the body of the request that changes these fields and leaves what isn't ours as `issue` has it.

    The marker is put back into the body where `issue.marker` is given and the body lost it.
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
        theirs = [name for name in issue.raw.get("labels", []) if not _is_ours(name, label_prefix)]
        document["labels"] = theirs + [label_prefix + name for name in wanted or []]
    return document
