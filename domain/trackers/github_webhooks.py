"""Webhooks of GitHub: whether one is genuine, and which issue it is about."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from domain.errors import MalformedError, PlaceKind, pointer
from domain.errors import Place as WrongPlace
from domain.trackers.contract import Hint, Place, RemoteComment, RemoteIssue
from domain.trackers.github_comments import CommentDocument, read_comment
from domain.trackers.github_issue import IssueDocument, Number, read_issue

ISSUE_EVENTS = ("issues", "issue_comment")
SWEEP = "sweep"
"""The event of what we fetched ourselves: `Swept.payload`."""

T = TypeVar("T")


class _Repository(msgspec.Struct):
    id: Number


class _Sender(msgspec.Struct):
    login: str


class _Mention(msgspec.Struct):
    """What every issue in a payload has; GitHub leaves the rest away where one is pinned, for example."""

    number: Number
    pull_request: dict[str, Any] | None = None


class _IssueEvent(msgspec.Struct):
    """https://docs.github.com/webhooks/webhook-events-and-payloads#issues"""

    action: str
    issue: dict[str, Any]
    repository: _Repository
    sender: _Sender | None = None


class _CommentEvent(msgspec.Struct):
    """https://docs.github.com/webhooks/webhook-events-and-payloads#issue_comment"""

    action: str
    comment: dict[str, Any]


class _Swept(msgspec.Struct):
    issue: dict[str, Any]


class GitHubWebhooks:
    """Reads GitHub's webhooks."""

    def verify(self, body: bytes, headers: Mapping[str, str], *, secrets: Iterable[str]) -> bool:
        """Checks `X-Hub-Signature-256` over the raw bytes against each secret, in constant time.

        https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
        """
        given = headers.get("x-hub-signature-256", "").encode("utf-8", "replace")
        usable = [secret.encode() for secret in secrets if secret]  # anybody can sign with an empty secret
        signatures = [f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}".encode() for secret in usable]
        return any([hmac.compare_digest(given, signature) for signature in signatures])  # noqa: C419 - compare all

    def hint(self, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Reads which issue a webhook is about; an event or a pull request that isn't ours gives a hint without one."""
        event, delivery_id = _header(headers, "x-github-event"), _header(headers, "x-github-delivery")
        payload = _decode(body)
        read = _read_event(event, payload)
        if read is None:
            return Hint(event, delivery_id, project_remote_id=None, remote_id=None, issue=None)
        return Hint(
            event,
            delivery_id,
            project_remote_id=str(read.repository.id),
            remote_id=str(read.issue["number"]),
            issue=_read_state(event, read, Place("", "")),
        )

    def reread(self, event: str, payload: Mapping[str, Any], *, place: Place) -> RemoteIssue | None:
        """Reads the issue's state from a payload that `hint` has accepted before, or of a sweep; None where it holds none to take over.

        A payload without the values of issue fields holds none where the place has native ones: they would look unset.
        """
        if event == SWEEP:
            return _read_issue(_convert(payload, _Swept).issue, place) if payload else None
        read = _read_event(event, payload) if payload else None
        return None if read is None else _read_state(event, read, place)

    def reread_comment(self, event: str, payload: Mapping[str, Any]) -> RemoteComment | None:
        """Reads the comment that a stored payload is about; None where it is about none, or one on a pull request."""
        if event != "issue_comment" or not payload or _read_event(event, payload) is None:
            return None
        read = _convert(payload, _CommentEvent)
        comment = _convert(read.comment, CommentDocument, at="/comment")
        return read_comment(comment, deleted=read.action == "deleted")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    if not value:
        detail = f"A webhook of GitHub's carries the header {name}."
        raise MalformedError(detail, WrongPlace(PlaceKind.HEADER, name, "is missing"))
    return value


def _decode(body: bytes) -> dict[str, Any]:
    if body.startswith(b"payload="):
        raise MalformedError("The webhook sends a form: set its content type to application/json in GitHub.")
    try:
        payload = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedError("The webhook's payload can't be read as JSON.") from None
    if not isinstance(payload, dict):
        raise MalformedError("The webhook's payload is no JSON object.")
    return payload


def _read_event(event: str, payload: Mapping[str, Any]) -> _IssueEvent | None:
    """Returns what an event about an issue says; None for other events, and for pull requests, which are issues to GitHub."""
    if event not in ISSUE_EVENTS:
        return None
    read = _convert(payload, _IssueEvent)
    mention = _convert(read.issue, _Mention, at="/issue")
    return read if mention.pull_request is None else None


def _read_state(event: str, read: _IssueEvent, place: Place) -> RemoteIssue | None:
    """Returns the issue as the payload shows it; a deleted one is gone and a transferred one goes on elsewhere."""
    if "state" not in read.issue or (event == "issues" and read.action in ("deleted", "transferred")):
        return None
    return _read_issue(read.issue, place, actor=read.sender.login if read.sender else None)


def _read_issue(document: Mapping[str, Any], place: Place, *, actor: str | None = None) -> RemoteIssue | None:
    issue = _convert(document, IssueDocument, at="/issue")
    if place.native and issue.issue_field_values is None:
        return None
    return read_issue(issue, place, actor=actor)


def _convert(document: Mapping[str, Any], kind: type[T], *, at: str = "") -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        where = at + place.rstrip("`").replace(".", "/")
        detail = "The webhook's payload isn't what GitHub documents for its event."
        raise MalformedError(detail, pointer(where, reason)) from None
