"""Comments on a GitHub issue: theirs as they are, ours with a hidden marker by which each is known again."""

import re
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from domain.trackers.contract import CommentReceipt, Place, RemoteComment
from domain.trackers.github_address import issue_path, repository_path
from domain.trackers.github_body import canonical, neutral
from domain.trackers.github_call import Ask, Call, read_document
from domain.trackers.github_issue import Instant, Number, UserDocument
from domain.trackers.github_line import Line
from domain.trackers.github_lists import PAGE_SIZE, instant

NOBODY = "ghost"
"""Whom GitHub names where an account is no more."""

_MARKER = re.compile(r"<!-- followthrough:comment=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) -->\s*\Z", re.IGNORECASE)


class CommentDocument(msgspec.Struct, frozen=True):
    """https://docs.github.com/rest/issues/comments#get-an-issue-comment"""

    id: Number
    html_url: str
    created_at: Instant
    updated_at: Instant
    body: str | None = None
    user: UserDocument | None = None


def list_comments(line: Line, place: Place, remote_id: str, *, since: datetime | None) -> list[RemoteComment]:
    """Reads all pages of an issue's comments, oldest first; `since` is about when they last changed."""
    repository = repository_path(place.project_remote_id)
    path = f"{issue_path(repository, remote_id)}/comments"
    about = {"since": instant(since)} if since is not None else {}
    found: list[CommentDocument] = []
    page, more = 1, True
    while more:
        ask = Ask(Call.COMMENTS, "GET", path, parameters={**about, "per_page": str(PAGE_SIZE), "page": str(page)})
        comments = read_document(line.send(repository, ask), ask.call, list[CommentDocument])
        found += comments
        page, more = page + 1, len(comments) == PAGE_SIZE
    return [read_comment(comment) for comment in sorted(found, key=lambda each: (each.created_at, each.id))]


def add_comment(line: Line, place: Place, remote_id: str, *, body: str, marker: UUID) -> CommentReceipt:
    """Writes a comment with one request; nothing in its text can be taken for a marker."""
    repository = repository_path(place.project_remote_id)
    written = f"{neutral(body)}\n\n<!-- followthrough:comment={marker} -->"
    ask = Ask(Call.COMMENT, "POST", f"{issue_path(repository, remote_id)}/comments", document={"body": written})
    answer = line.send(repository, ask)
    return CommentReceipt(read_comment(read_document(answer, ask.call, CommentDocument)), answer.request_id)


def read_comment(document: CommentDocument, *, deleted: bool = False) -> RemoteComment:
    """Returns the comment in the form of the contract."""
    text = canonical(document.body or "")
    marked = _MARKER.search(text)
    return RemoteComment(
        remote_id=str(document.id),
        author=document.user.login.lower() if document.user else NOBODY,
        body="" if deleted else canonical(text[: marked.start()] if marked else text),
        url=document.html_url,
        created_at=document.created_at.astimezone(UTC),
        updated_at=document.updated_at.astimezone(UTC),
        marker=UUID(marked[1]) if marked else None,
        deleted=deleted,
    )
