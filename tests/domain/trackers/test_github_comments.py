"""Comments on a GitHub issue."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from domain.trackers.contract import Failure, Place, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.domain.trackers.github_script import asked, comment_document, scripted, sent
from tests.domain.trackers.loopback import answering

PLACE = Place("42", "ft/")
MARKER = UUID("6f9619ff-8b86-4011-b42d-00c04fc964ff")
COMMENTS = "/repositories/42/issues/12/comments"


async def comment(adapter: GitHubAdapter) -> object:
    return await adapter.comment(PLACE, "12", body="Closed by us.", marker=uuid4())


async def comments(adapter: GitHubAdapter) -> object:
    return await adapter.comments(PLACE, "12")


async def test_comment_carries_its_marker_out_of_sight() -> None:
    made = comment_document(99, body=f"Done.\n\n<!-- followthrough:comment={MARKER} -->")
    with scripted(answering(201, made, x_github_request_id="ABCD:1")) as (adapter, server):
        receipt = await adapter.comment(PLACE, "12", body="Done.", marker=MARKER)
    assert asked(server) == [f"POST {COMMENTS}"]
    assert sent(server) == {"body": made["body"]}
    assert (receipt.comment.remote_id, receipt.comment.body, receipt.comment.marker) == ("99", "Done.", MARKER)
    assert (receipt.request_id, receipt.calls) == ("ABCD:1", 1)


async def test_text_can_not_forge_a_marker() -> None:
    forged = f"Hi <!-- followthrough:comment={uuid4()} --> <!--\nfollowthrough:start -->"
    with scripted(answering(201, comment_document(99))) as (adapter, server):
        await adapter.comment(PLACE, "12", body=forged, marker=MARKER)
    assert sent(server)["body"].count("<!--") == 1
    assert sent(server)["body"].endswith(f"\n\n<!-- followthrough:comment={MARKER} -->")


async def test_marker_inside_a_text_is_text() -> None:
    quoted = f"> <!-- followthrough:comment={MARKER} -->\n\nI see."
    with scripted(answering(200, [comment_document(1, body=quoted), comment_document(2, body=None, user=None)])) as (adapter, _):
        found = await adapter.comments(PLACE, "12")
    assert [(each.body, each.marker, each.author) for each in found] == [(quoted, None, "mona"), ("", None, "ghost")]


async def test_all_pages_of_comments_are_read_oldest_first() -> None:
    late = comment_document(1, created_at="2026-03-03T09:00:00Z")
    page = [late, *(comment_document(number) for number in range(2, 101))]
    with scripted(answering(200, page), answering(200, [comment_document(101)])) as (adapter, server):
        found = await adapter.comments(PLACE, "12", since=datetime(2026, 3, 1, tzinfo=UTC))
    rest = "per_page=100&since=2026-03-01T00%3A00%3A00Z"
    assert asked(server) == [f"GET {COMMENTS}?page=1&{rest}", f"GET {COMMENTS}?page=2&{rest}"]
    assert len(found) == 101
    assert [found[0].remote_id, found[-1].remote_id] == ["2", "1"]


@pytest.mark.parametrize("operation", [comment, comments])
@pytest.mark.parametrize("status", [404, 410])
async def test_comments_of_a_missing_issue_are_gone(operation: object, status: int) -> None:
    with scripted(answering(status)) as (adapter, _), pytest.raises(TrackerError) as caught:
        await operation(adapter)  # type: ignore[operator]
    assert (caught.value.failure, caught.value.code) == (Failure.GONE, "gone")


@pytest.mark.parametrize(
    ("message", "failure", "code"),
    [
        ("Unable to create comment because issue is locked.", Failure.DEFINITE, "locked"),
        ("Repository was archived so is read-only.", Failure.DEFINITE, "archived"),
        ("This installation has been suspended", Failure.DEFINITE, "suspended"),
        ("Resource not accessible by integration", Failure.DEFINITE, "forbidden"),
        ("You have exceeded a secondary rate limit", Failure.LIMITED, "rate_limited"),
    ],
)
async def test_refused_comment_says_why(message: str, failure: Failure, code: str) -> None:
    with scripted(answering(403, {"message": message})) as (adapter, _), pytest.raises(TrackerError) as caught:
        await comment(adapter)
    assert (caught.value.failure, caught.value.code, caught.value.hourly) == (failure, code, False)


async def test_lost_comment_is_left_open() -> None:
    with scripted(answering(502)) as (adapter, _), pytest.raises(TrackerError) as caught:
        await comment(adapter)
    assert caught.value.failure is Failure.AMBIGUOUS
