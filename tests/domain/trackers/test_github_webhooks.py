"""GitHub's webhooks are believed only when signed, and read for what they say."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.errors import MalformedError
from domain.trackers.contract import Field, Place, WebhookReader
from domain.trackers.github_webhooks import GitHubWebhooks

MARKER = UUID("6f9619ff-8b86-4011-b42d-00c04fc964ff")
WEBHOOKS: WebhookReader = GitHubWebhooks()


def issue_event(action: str = "closed", **changes: Any) -> dict[str, Any]:
    issue = {
        "number": 12,
        "node_id": "I_kwDOAA",
        "html_url": "https://github.com/acme/checkout/issues/12",
        "title": "Rotate the key",
        "state": "closed",
        "state_reason": "completed",
        "created_at": "2026-03-01T09:00:00Z",
        "updated_at": "2026-03-02T09:00:00Z",
        "locked": False,
        "user": {"login": "Mona", "id": 1},
        "assignees": [{"login": "Kim"}, {"login": "octo-dev"}],
        "comments": 3,
        "type": {"id": 9, "name": "Bug"},
        "labels": [{"name": "FT/Security"}, {"name": "bug"}, {"name": "ft/p1"}],
        "body": f"<!-- followthrough:start -->\r\nDo it.\r\n<!-- followthrough:end -->\r\n<!-- followthrough:marker={MARKER} -->",
    }
    return {
        "action": action,
        "issue": issue | changes,
        "repository": {"id": 487094015, "full_name": "acme/checkout"},
        "sender": {"login": "octo-dev"},
    }


def headers(event: str = "issues") -> dict[str, str]:
    return {"x-github-event": event, "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}


def encoded(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def signature(body: bytes, secret: str) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def test_signature_of_any_secret_is_accepted() -> None:
    body = b'{"zen": "\xc3\xa9"}'
    assert WEBHOOKS.verify(body, signature(body, "current"), secrets=["current", "previous"])
    assert WEBHOOKS.verify(body, signature(body, "previous"), secrets=iter(["current", "previous"]))


def test_githubs_own_example_verifies() -> None:
    # https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
    given = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert WEBHOOKS.verify(b"Hello, World!", {"x-hub-signature-256": given}, secrets=["It's a Secret to Everybody"])


@pytest.mark.parametrize(
    "given",
    ["", "sha256=", "sha256=00", "sha1=757107", "sha256=" + "é" * 64, "sha256=" + "\udcff" * 64],
)
def test_other_signature_is_refused(given: str) -> None:
    assert not WEBHOOKS.verify(b"{}", {"x-hub-signature-256": given}, secrets=["secret"])


def test_changed_body_missing_header_and_empty_secret_are_refused() -> None:
    signed = signature(b"{}", "secret")
    assert not WEBHOOKS.verify(b"{} ", signed, secrets=["secret"])
    assert not WEBHOOKS.verify(b"{}", {}, secrets=["secret"])
    assert not WEBHOOKS.verify(b"{}", signed, secrets=[])
    assert not WEBHOOKS.verify(b"{}", signature(b"{}", ""), secrets=[""])


def test_issue_event_carries_the_issue() -> None:
    hint = WEBHOOKS.hint(encoded(issue_event()), headers())
    assert (hint.event, hint.project_remote_id, hint.remote_id) == ("issues", "487094015", "12")
    assert hint.delivery_id == headers()["x-github-delivery"]
    assert hint.issue is not None
    assert hint.issue.fields == {
        Field.TITLE: "Rotate the key",
        Field.BODY: "Do it.",
        Field.STATUS: "done",
        Field.ASSIGNEE: ["kim", "octo-dev"],
        Field.LABELS: ["bug", "ft/p1", "ft/security"],  # whose they are is known with the link alone
    }
    assert (hint.issue.author, hint.issue.comments, hint.issue.locked, hint.issue.issue_type) == ("mona", 3, False, "Bug")
    assert hint.issue.raw["labels"] == ["FT/Security", "bug", "ft/p1"]
    assert hint.issue.marker == MARKER
    assert hint.issue.key == "acme/checkout#12"
    assert hint.issue.version == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert hint.issue.actor == "octo-dev"


@pytest.mark.parametrize(
    ("state", "reason", "status"),
    [
        ("open", None, "open"),
        ("open", "reopened", "open"),
        ("closed", None, "done"),
        ("closed", "completed", "done"),
        ("closed", "duplicate", "cancelled"),
        ("closed", "not_planned", "cancelled"),
    ],
)
def test_state_and_reason_make_the_status(state: str, reason: str | None, status: str) -> None:
    hint = WEBHOOKS.hint(encoded(issue_event(state=state, state_reason=reason)), headers())
    assert hint.issue is not None
    assert hint.issue.fields[Field.STATUS] == status


@pytest.mark.parametrize("action", ["deleted", "transferred"])
def test_issue_that_went_away_has_no_state_to_take_over(action: str) -> None:
    hint = WEBHOOKS.hint(encoded(issue_event(action)), headers())
    assert (hint.remote_id, hint.issue) == ("12", None)


def test_payload_without_the_state_still_names_the_issue() -> None:
    event = issue_event("pinned") | {"issue": {"id": 444500041, "number": 12, "title": "Rotate the key"}}
    hint = WEBHOOKS.hint(encoded(event), headers())
    assert (hint.project_remote_id, hint.remote_id, hint.issue) == ("487094015", "12", None)


def test_stored_payload_reads_as_the_webhook_did_with_the_labels_of_the_link() -> None:
    event = issue_event()
    reread = WEBHOOKS.reread("issues", event, place=Place("42", "ft/"))
    hinted = WEBHOOKS.hint(encoded(event), headers()).issue
    assert reread is not None
    assert hinted is not None
    assert reread.fields[Field.LABELS] == ["p1", "security"]
    assert reread == replace(hinted, fields=hinted.fields | {Field.LABELS: ["p1", "security"]})


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issues", {}),
        ("ping", {"zen": "Keep it logically awesome."}),
        ("issues", issue_event("transferred")),
        ("issues", issue_event("deleted")),
        ("issues", issue_event(pull_request={"url": "https://api.github.com/repos/acme/checkout/pulls/12"})),
    ],
)
def test_stored_payload_without_a_state_to_take_over_reads_as_none(event: str, payload: dict[str, Any]) -> None:
    assert WEBHOOKS.reread(event, payload, place=Place("42", "ft/")) is None


def test_deleted_comment_deletes_no_issue() -> None:
    hint = WEBHOOKS.hint(encoded(comment_event("deleted")), headers("issue_comment"))
    assert hint.remote_id == "12"
    assert hint.issue is not None


def comment_event(action: str, **changes: Any) -> dict[str, Any]:
    comment = {
        "id": 99,
        "html_url": "https://github.com/acme/checkout/issues/12#issuecomment-99",
        "user": {"login": "Octo-Dev"},
        "created_at": "2026-03-02T10:00:00+01:00",
        "updated_at": "2026-03-02T09:30:00Z",
        "body": "Looks good.\r\nShip it.",
    }
    return issue_event(action) | {"comment": comment | changes}


@pytest.mark.parametrize("action", ["created", "edited"])
def test_comment_is_read_from_a_stored_payload(action: str) -> None:
    comment = WEBHOOKS.reread_comment("issue_comment", comment_event(action))
    assert comment is not None
    assert (comment.remote_id, comment.author, comment.body) == ("99", "octo-dev", "Looks good.\nShip it.")
    assert (comment.created_at, comment.marker, comment.deleted) == (datetime(2026, 3, 2, 9, tzinfo=UTC), None, False)


def test_our_own_comment_is_known_by_its_marker() -> None:
    body = f"Done.\r\n\r\n<!-- followthrough:comment={MARKER} -->"
    comment = WEBHOOKS.reread_comment("issue_comment", comment_event("created", body=body))
    assert comment is not None
    assert (comment.body, comment.marker) == ("Done.", MARKER)


def test_deleted_comment_has_no_text() -> None:
    comment = WEBHOOKS.reread_comment("issue_comment", comment_event("deleted", user=None))
    assert comment is not None
    assert (comment.author, comment.body, comment.deleted) == ("ghost", "", True)


@pytest.mark.parametrize(
    ("event", "payload"),
    [("issues", comment_event("edited")), ("issue_comment", {}), ("sweep", {"issue": issue_event()["issue"]})],
)
def test_payload_about_no_comment_gives_none(event: str, payload: dict[str, Any]) -> None:
    assert WEBHOOKS.reread_comment(event, payload) is None


def test_comment_on_a_pull_request_is_none_of_ours() -> None:
    event = comment_event("created")
    assert WEBHOOKS.reread_comment("issue_comment", event | {"issue": event["issue"] | {"pull_request": {"url": "x"}}}) is None


def test_swept_issue_reads_like_a_webhook() -> None:
    payload = issue_event()
    swept = WEBHOOKS.reread("sweep", {"issue": payload["issue"]}, place=Place("42", "ft/"))
    read = WEBHOOKS.reread("issues", payload, place=Place("42", "ft/"))
    assert swept is not None
    assert read is not None
    assert (swept.fields, swept.raw, swept.actor) == (read.fields, read.raw, None)


def test_payload_without_values_of_fields_has_no_state_where_the_place_has_native_ones() -> None:
    place = Place("42", "ft/", {"due_on": {"id": 7}})
    assert WEBHOOKS.reread("issues", issue_event(), place=place) is None
    values = [{"issue_field_id": 7, "data_type": "date", "issue_field_name": "Due", "value": "2026-03-09"}]
    issue = WEBHOOKS.reread("issues", issue_event(issue_field_values=values), place=place)
    assert issue is not None
    assert issue.fields[Field.DUE_ON] == "2026-03-09"


def test_pull_request_is_no_issue_of_ours() -> None:
    event = issue_event("created", pull_request={"url": "https://api.github.com/repos/acme/checkout/pulls/12"})
    hint = WEBHOOKS.hint(encoded(event), headers("issue_comment"))
    assert (hint.project_remote_id, hint.remote_id, hint.issue) == (None, None, None)


@pytest.mark.parametrize("event", ["ping", "push", "something_new"])
def test_other_events_are_passed_over(event: str) -> None:
    hint = WEBHOOKS.hint(b'{"zen": "Keep it logically awesome."}', headers(event))
    assert (hint.event, hint.project_remote_id, hint.remote_id, hint.issue) == (event, None, None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"payload=%7B%7D",
        b"\xff\xfe",
        b'{"action": "\xff"}',
        b"[" * 100_000,
        encoded({"action": "closed"}),
        encoded(issue_event(number="12")),
        encoded(issue_event(number=0)),
        encoded(issue_event(state="ajar")),
        encoded(issue_event(updated_at="yesterday")),
        encoded(issue_event(updated_at="2026-03-02T09:00:00")),
        encoded(issue_event(labels={"name": "bug"})),
        encoded(issue_event() | {"repository": None}),
        encoded(issue_event() | {"issue": None}),
    ],
)
def test_nonsense_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError, match="webhook"):
        WEBHOOKS.hint(body, headers())


def test_wrong_type_is_named_by_its_place() -> None:
    with pytest.raises(MalformedError) as caught:
        WEBHOOKS.hint(encoded(issue_event(number="12")), headers())
    assert [place.at for place in caught.value.places] == ["/issue/number"]


@pytest.mark.parametrize("missing", ["x-github-event", "x-github-delivery"])
def test_missing_header_is_named(missing: str) -> None:
    with pytest.raises(MalformedError, match=missing):
        WEBHOOKS.hint(encoded(issue_event()), headers() | {missing: ""})
