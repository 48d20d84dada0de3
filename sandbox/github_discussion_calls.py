"""The calls about comments of issues and about the labels of a repository, as GitHub's REST API has them."""

import re
from typing import Any

from litestar import Response, delete, get, patch, post

from sandbox.github_calls import Call, answer, at, last_modified, page_of
from sandbox.github_comments import add_comment, change_comment, delete_comment
from sandbox.github_documents import comment_document, label_document
from sandbox.github_errors import GithubError, invalid, not_found, read_object
from sandbox.github_issues import UNNAMED_COLOR
from sandbox.github_records import Comment, Label
from sandbox.github_requests import read_choice, read_since

HEX_COLOR = re.compile(r"[0-9a-fA-F]{6}")


@get(at("/issues/{number:int}/comments"))
async def list_comments(call: Call, number: int) -> Response[Any]:
    """List the comments of an issue, oldest first."""
    issue = call.issue(number)
    since = read_since(call.request.query_params)
    found = [row for row in call.state.of(Comment, f"{issue.repository_id}/{number}") if row.updated_at >= since]
    rows, headers = page_of(found, call, f"/issues/{number}/comments")
    return answer([_comment(call, row) for row in rows], headers=headers)


@get(at("/issues/comments"))
async def list_repository_comments(call: Call) -> Response[Any]:
    """List the comments of all issues of a repository, by default oldest first."""
    query = call.request.query_params
    sort, since = read_choice(query, "sort", ("created", "updated")), read_since(query)
    newest_first = "sort" in query and read_choice(query, "direction", ("desc", "asc")) == "desc"
    found = [row for row in call.state.of(Comment, call.repository.id) if row.updated_at >= since]
    found.sort(key=lambda row: (row.updated_at if sort == "updated" else row.created_at, row.id), reverse=newest_first)
    rows, headers = page_of(found, call, "/issues/comments")
    return answer([_comment(call, row) for row in rows], headers=headers)


@post(at("/issues/{number:int}/comments"))
async def create_comment(call: Call, number: int) -> Response[Any]:
    """Write a comment below an issue."""
    request, issue, office = await read_object(call.request), call.issue(number), call.office()
    if issue.locked and not office.pushes:
        raise GithubError(403, "Unable to create comment because issue is locked.")
    comment = add_comment(office, issue, request)
    call.sandbox.announce(office, issue, call.request)
    document = _comment(call, comment)
    return answer(document, status=201, headers={"location": document["url"]})


@get(at("/issues/comments/{comment_id:int}"))
async def get_comment(call: Call, comment_id: int) -> Response[Any]:
    """Show a comment."""
    comment = _found_comment(call, comment_id)
    return answer(_comment(call, comment), headers=last_modified(comment.updated_at))


@patch(at("/issues/comments/{comment_id:int}"))
async def update_comment(call: Call, comment_id: int) -> Response[Any]:
    """Change the text of a comment."""
    request, comment, office = await read_object(call.request), _found_comment(call, comment_id), call.office()
    issue = call.issue(comment.number)
    change_comment(office, issue, comment, request)
    call.sandbox.announce(office, issue, call.request)
    return answer(_comment(call, comment))


@delete(at("/issues/comments/{comment_id:int}"))
async def remove_comment(call: Call, comment_id: int) -> None:
    """Take a comment away: one's own, or with push access any."""
    comment, office = _found_comment(call, comment_id), call.office()
    if comment.user != call.caller.login:
        call.require_push()
    issue = call.issue(comment.number)
    delete_comment(office, issue, comment)
    call.sandbox.announce(office, issue, call.request)


def _found_comment(call: Call, comment_id: int) -> Comment:
    comment = call.state.find(Comment, comment_id)
    if comment is None or comment.repository_id != call.repository.id:
        raise not_found()
    return comment


def _comment(call: Call, comment: Comment) -> dict[str, Any]:
    return comment_document(comment, repository=call.repository, state=call.state, site=call.site)


@get(at("/labels"))
async def list_labels(call: Call) -> Response[Any]:
    """List the labels of a repository."""
    rows, headers = page_of(call.state.of(Label, call.repository.id), call, "/labels")
    return answer([_label(call, row) for row in rows], headers=headers)


@post(at("/labels"))
async def create_label(call: Call) -> Response[Any]:
    """Add a label to a repository."""
    call.require_push()
    request = await read_object(call.request)
    name, color = request.get("name"), request.get("color", UNNAMED_COLOR)
    if not isinstance(name, str) or not name.strip():
        raise invalid("Label", "name", "missing_field")
    if not isinstance(color, str) or not HEX_COLOR.fullmatch(color):
        raise invalid("Label", "color", "invalid")
    label = Label(
        id=call.state.new_id(),
        repository_id=call.repository.id,
        name=name.strip(),
        color=color.lower(),
        description=request.get("description"),
    )
    if call.state.find(Label, label.key):
        raise invalid("Label", "name", "already_exists")
    call.state.save(label)
    call.state.commit()
    document = _label(call, label)
    return answer(document, status=201, headers={"location": document["url"]})


@get(at("/labels/{name:path}"))
async def get_label(call: Call, name: str) -> Response[Any]:
    """Show a label."""
    label = call.state.find(Label, f"{call.repository.id}/{name.removeprefix('/').lower()}")
    if label is None:
        raise not_found()
    return answer(_label(call, label))


def _label(call: Call, label: Label) -> dict[str, Any]:
    return label_document(label, repository=call.repository, site=call.site)


HANDLERS = [
    list_comments,
    list_repository_comments,
    create_comment,
    get_comment,
    update_comment,
    remove_comment,
    list_labels,
    create_label,
    get_label,
]
