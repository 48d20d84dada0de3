"""Lists of a repository's issues on GitHub: those with our markers, those that changed, and where those are that we know."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from domain.trackers.contract import Place, RemoteIssue, SweepPage, Swept
from domain.trackers.github_address import repository_path
from domain.trackers.github_body import read_marker
from domain.trackers.github_call import Answer, Ask, Call, read_document
from domain.trackers.github_issue import IssueDocument, read_issue
from domain.trackers.github_line import Line

PAGE_SIZE = 100
# Clocks differ, the tracker counts in whole seconds, and a marker is proof enough: rather look a little too far back.
CLOCK_SKEW = timedelta(minutes=10)


def find_markers(line: Line, place: Place, wanted: frozenset[UUID], *, since: datetime) -> dict[UUID, RemoteIssue]:
    """Looks for issues made since then (less ten minutes, for clocks that differ) that carry one of the markers.

    Of two issues with one marker the lower number is given; pull requests are passed over.
    """
    found: dict[UUID, RemoteIssue] = {}
    for issues in _pages_since(line, place, since - CLOCK_SKEW):
        for issue in sorted(issues, key=lambda each: each.number, reverse=True):
            marker = read_marker(issue.body)
            if marker in wanted and issue.pull_request is None:
                found[marker] = read_issue(issue, place)
    return found


def _pages_since(line: Line, place: Place, since: datetime) -> Iterator[list[IssueDocument]]:
    """Goes through pages of issues, newest first: what is made meanwhile shifts pages on, and hides none.

    Whoever made them: the account may be another than when the issue was made.
    """
    page, more = 1, True
    while more:
        answer = _list(line, place, {"sort": "created", "direction": "desc"}, page=page)
        issues = read_document(answer, Call.LIST, list[IssueDocument])
        yield issues
        more = len(issues) == PAGE_SIZE and issues[-1].created_at >= since
        page += 1


def list_changed(line: Line, place: Place, *, since: datetime | None, etag: str | None, page: int) -> SweepPage | None:
    """Lists a page of the issues that changed at or after an instant; the ETag is asked with for the first page alone."""
    about = {"sort": "updated", "direction": "asc"} | ({"since": instant(since)} if since is not None else {})
    answer = _list(line, place, about, page=page, etag=etag if page == 1 else None)
    if answer.status == 304:
        return None
    issues = read_document(answer, Call.LIST, list[IssueDocument])
    return SweepPage(
        issues=[_swept(issue) for issue in issues if issue.pull_request is None],
        etag=answer.headers.get("etag") if page == 1 else None,
        more=len(issues) == PAGE_SIZE,
    )


def _list(line: Line, place: Place, about: dict[str, str], *, page: int, etag: str | None = None) -> Answer:
    path = repository_path(place.project_remote_id)
    parameters = {"state": "all", **about, "per_page": str(PAGE_SIZE), "page": str(page)}
    return line.send(path, Ask(Call.LIST, "GET", f"{path}/issues", parameters=parameters, etag=etag))


def _swept(issue: IssueDocument) -> Swept:
    payload: dict[str, Any] = {"issue": msgspec.to_builtins(issue)}
    return Swept(
        remote_id=str(issue.number),
        version=issue.updated_at.astimezone(UTC),
        marker=read_marker(issue.body),
        author=issue.user.login.lower() if issue.user else None,
        payload=payload,
    )


def instant(at: datetime) -> str:
    """Writes an instant as GitHub takes it: in whole seconds of UTC, cut off, so that none that follows is missed."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
