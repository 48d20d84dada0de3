"""The calls about comments of issues and about the labels of a repository, as GitHub's REST API has them."""

import re
from typing import Any

from litestar import Response, get, patch, post

from sandbox.github_calls import Call, answer, at, last_modified, page_of
from sandbox.github_documents import comment_document, label_document
from sandbox.github_errors import invalid, not_found, read_object
from sandbox.github_issues import UNNAMED_COLOR, add_comment, change_comment
from sandbox.github_records import Comment, Label

HEX_COLOR = re.compile(r"[0-9a-fA-F]{6}")


@get(at("/issues/{number:int}/comments"))
async def list_comments(call: Call, number: int) -> Response[Any]:
    """List the comments of an issue, oldest first."""
    issue = call.issue(number)
    found = [row for row in call.state.all(Comment) if (row.repository_id, row.number) == (issue.repository_id, number)]
    rows, headers = page_of(sorted(found, key=lambda row: row.id), call, f"/issues/{number}/comments")
    return answer([_comment(call, row) for row in rows], headers=headers)


@post(at("/issues/{number:int}/comments"))
async def create_comment(call: Call, number: int) -> Response[Any]:
    """Write a comment below an issue."""
    request, issue, office = await read_object(call.request), call.issue(number), call.office()
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
    found = [row for row in call.state.all(Label) if row.repository_id == call.repository.id]
    rows, headers = page_of(sorted(found, key=lambda row: row.id), call, "/labels")
    return answer([_label(call, row) for row in rows], headers=headers)


@post(at("/labels"))
async def create_label(call: Call) -> Response[Any]:
    """Add a label to a repository."""
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
    create_comment,
    get_comment,
    update_comment,
    list_labels,
    create_label,
    get_label,
]
