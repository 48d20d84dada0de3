"""What changed in a repository on GitHub, and where issues are by now."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from domain.trackers.contract import Failure, Place, Surveyed, TrackerError
from domain.trackers.github_webhooks import GitHubWebhooks
from tests.domain.trackers.github_script import asked, issue_document, scripted, sent
from tests.domain.trackers.loopback import answering

PLACE = Place("42", "ft/")
MARKER = UUID("6f9619ff-8b86-4011-b42d-00c04fc964ff")
ISSUES = "/repositories/42/issues?direction=asc&page=1&per_page=100"


async def test_sweep_lists_what_changed_as_a_webhook_would_say_it() -> None:
    document = issue_document(
        body=f"Mine.\n<!-- followthrough:marker={MARKER} -->",
        labels=[{"id": 1, "name": "ft/p1", "color": "fff"}],
        reactions={"url": "x" * 500},
    )
    pull_request = issue_document(13, pull_request={"url": "x"})
    since = datetime(2026, 3, 1, 10, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
    with scripted(answering(200, [document, pull_request], etag='"1"'), answering(200, document)) as (adapter, server):
        page = await adapter.changed(PLACE, since=since)
        fetched = await adapter.fetch(PLACE, "12")
    assert asked(server)[0] == f"GET {ISSUES}&since=2026-03-01T09%3A00%3A00Z&sort=updated&state=all"
    assert page is not None
    assert (page.etag, page.more, len(page.issues)) == ('"1"', False, 1)
    swept = page.issues[0]
    assert (swept.remote_id, swept.version, swept.marker, swept.author) == ("12", datetime(2026, 3, 2, 9, tzinfo=UTC), MARKER, "mona")
    assert "reactions" not in swept.payload["issue"]
    assert GitHubWebhooks().reread("sweep", swept.payload, place=PLACE) == fetched


async def test_unchanged_sweep_is_none() -> None:
    with scripted(answering(304)) as (adapter, server):
        assert await adapter.changed(PLACE, since=None, etag='"1"') is None
    assert asked(server) == [f"GET {ISSUES}&sort=updated&state=all"]
    assert b'If-None-Match: "1"' in server.requests[0]


async def test_full_page_means_more_whatever_is_on_it() -> None:
    full: list[Any] = [issue_document(number, pull_request={"url": "x"}) for number in range(1, 101)]
    with scripted(answering(200, full)) as (adapter, server):
        page = await adapter.changed(PLACE, since=None, etag='"1"', page=2)
    assert page is not None
    assert (page.more, page.issues) == (True, [])
    assert b"If-None-Match" not in server.requests[0]


NODE = {"id": "I_12", "number": 12, "updatedAt": "2026-03-02T09:00:00Z", "repository": {"databaseId": 43}}


@pytest.mark.parametrize(("prefix", "path"), [("/api/v3", "/api/graphql"), ("", "/graphql")])
async def test_survey_asks_graphql_once_and_leaves_out_what_is_missing(prefix: str, path: str) -> None:
    errors = [{"type": "NOT_FOUND", "path": ["nodes", 1], "message": "Could not resolve to a node"}]
    with scripted(answering(200, {"data": {"nodes": [NODE, None, {}]}, "errors": errors}), prefix=prefix) as (adapter, server):
        found = await adapter.survey(["I_12", "I_13", "PR_1"])
    assert asked(server) == [f"POST {path}"]
    assert sent(server)["variables"] == {"ids": ["I_12", "I_13", "PR_1"]}
    assert found == {"I_12": Surveyed("43", "12", datetime(2026, 3, 2, 9, tzinfo=UTC))}


async def test_survey_of_nothing_asks_nothing() -> None:
    with scripted(answering(500)) as (adapter, server):
        assert await adapter.survey([]) == {}
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "failure", "code"),
    [
        ({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}, Failure.LIMITED, "rate_limited"),
        ({"data": {"nodes": [NODE]}, "errors": [{"type": "NOT_FOUND"}, {"type": "INTERNAL"}]}, Failure.DEFINITE, "unavailable"),
        ({"errors": [{"message": "Parse error"}]}, Failure.DEFINITE, "unavailable"),
        ({"data": None}, Failure.DEFINITE, "unavailable"),
        ({"data": {"nodes": 5}}, Failure.DEFINITE, "bad_answer"),
    ],
)
async def test_failed_survey_is_told(answer: dict[str, Any], failure: Failure, code: str) -> None:
    with scripted(answering(200, answer)) as (adapter, _), pytest.raises(TrackerError) as caught:
        await adapter.survey(["I_12"])
    assert (caught.value.failure, caught.value.code) == (failure, code)
    assert (caught.value.retry_at is not None) == (failure is Failure.LIMITED)
