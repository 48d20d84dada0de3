"""Webhooks of GitHub: whether one is genuine, and which issue it is about."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from domain.errors import MalformedError, Place, PlaceKind, pointer
from domain.trackers.contract import Hint, RemoteIssue
from domain.trackers.github_issue import IssueDocument, Number, read_issue

ISSUE_EVENTS = ("issues", "issue_comment")

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

    def hint(self, body: bytes, headers: Mapping[str, str], *, label_prefix: str = "") -> Hint:
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
            issue=_read_state(event, read, label_prefix=label_prefix),
            deleted=event == "issues" and read.action == "deleted",
        )

    def reread(self, event: str, payload: Mapping[str, Any], *, label_prefix: str) -> RemoteIssue | None:
        """Reads the issue's state from a payload that `hint` has accepted before; None where it holds none to take over."""
        read = _read_event(event, payload) if payload else None
        if read is None or (event == "issues" and read.action == "deleted"):
            return None
        return _read_state(event, read, label_prefix=label_prefix)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    if not value:
        detail = f"A webhook of GitHub's carries the header {name}."
        raise MalformedError(detail, Place(PlaceKind.HEADER, name, "is missing"))
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


def _read_state(event: str, read: _IssueEvent, *, label_prefix: str) -> RemoteIssue | None:
    """Returns the issue as the payload shows it; a transferred one goes on elsewhere, and has no state to take over."""
    if "state" not in read.issue or (event == "issues" and read.action == "transferred"):
        return None
    actor = read.sender.login if read.sender else None
    return read_issue(_convert(read.issue, IssueDocument, at="/issue"), label_prefix=label_prefix, actor=actor)


def _convert(document: Mapping[str, Any], kind: type[T], *, at: str = "") -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        where = at + place.rstrip("`").replace(".", "/")
        detail = "The webhook's payload isn't what GitHub documents for its event."
        raise MalformedError(detail, pointer(where, reason)) from None
