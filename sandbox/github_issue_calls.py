"""The calls about issues, their labels and their locks, as GitHub's REST API has them."""

import time
from typing import Any

from litestar import Response, delete, get, patch, post, put

from sandbox.github_calls import Call, answer, at, last_modified, page_of
from sandbox.github_documents import issue_document, label_document, labels_of
from sandbox.github_errors import GithubError, read_object
from sandbox.github_issues import Office, change_issue, label_issue, lock_issue, open_issue, unlock_issue
from sandbox.github_records import Issue
from sandbox.github_requests import read_choice, read_labels, read_lock_reason, read_since

ORDERS = {"created": "created_at", "updated": "updated_at", "comments": "comments"}


@post(at("/issues"))
async def create_issue(call: Call) -> Response[Any]:
    """Open an issue."""
    office = call.office()
    issue = open_issue(office, await read_object(call.request))
    document = _announced(call, office, issue)
    return answer(document, status=201, headers={"location": document["url"]})


@get(at("/issues"))
async def list_issues(call: Call) -> Response[Any]:
    """List issues by state, creator, assignee, labels and time of change."""
    made_by = time.time() - call.sandbox.lag_seconds
    wanted = _chosen([row for row in call.state.of(Issue, call.repository.id) if row.made_at <= made_by], call)
    rows, headers = page_of(wanted, call, "/issues")
    return answer([_document(call, row) for row in rows], headers=headers)


def _chosen(issues: list[Issue], call: Call) -> list[Issue]:
    query = call.request.query_params
    state = read_choice(query, "state", ("open", "closed", "all"))
    sort, direction = read_choice(query, "sort", tuple(ORDERS)), read_choice(query, "direction", ("desc", "asc"))
    since, creator, assignee = read_since(query), query.get("creator", "").lower(), query.get("assignee")
    labels = {name.strip().lower() for name in query.get("labels", "").split(",") if name.strip()}
    found = [
        issue
        for issue in issues
        if issue.updated_at >= since
        and state in ("all", issue.state)
        and (not creator or creator == issue.user.lower())
        and (not labels or labels <= {name.lower() for name in issue.labels})
        and (assignee is None or _assigned(issue, assignee))
    ]
    return sorted(found, key=lambda row: (getattr(row, ORDERS[sort]), row.number), reverse=direction == "desc")


def _assigned(issue: Issue, wanted: str) -> bool:
    if wanted in ("*", "none"):
        return bool(issue.assignees) == (wanted == "*")
    return wanted.lower() in [login.lower() for login in issue.assignees]


@get(at("/issues/{number:int}"))
async def get_issue(call: Call, number: int) -> Response[Any]:
    """Show an issue."""
    issue = call.issue(number)
    return answer(_document(call, issue), headers=last_modified(issue.updated_at))


@patch(at("/issues/{number:int}"))
async def update_issue(call: Call, number: int) -> Response[Any]:
    """Change what is named of an issue."""
    request, issue, office = await read_object(call.request), call.issue(number), call.office()
    change_issue(office, issue, request)
    return answer(_announced(call, office, issue))


@get(at("/issues/{number:int}/labels"))
async def list_issue_labels(call: Call, number: int) -> Response[Any]:
    """List the labels of an issue."""
    rows, headers = page_of(labels_of(call.issue(number), state=call.state), call, f"/issues/{number}/labels")
    return answer(_labels(call, rows), headers=headers)


@post(at("/issues/{number:int}/labels"), status_code=200)
async def add_issue_labels(call: Call, number: int) -> Response[Any]:
    """Add labels to an issue."""
    names = await _named_labels(call)
    return _relabel(call, call.issue(number), [*call.issue(number).labels, *names])


@put(at("/issues/{number:int}/labels"))
async def set_issue_labels(call: Call, number: int) -> Response[Any]:
    """Give an issue exactly these labels."""
    return _relabel(call, call.issue(number), await _named_labels(call))


@delete(at("/issues/{number:int}/labels"))
async def remove_all_issue_labels(call: Call, number: int) -> None:
    """Take all labels from an issue."""
    _relabel(call, call.issue(number), [])


@delete(at("/issues/{number:int}/labels/{name:path}"), status_code=200)
async def remove_issue_label(call: Call, number: int, name: str) -> Response[Any]:
    """Take one label from an issue."""
    issue, gone = call.issue(number), name.removeprefix("/").lower()
    left = [label for label in issue.labels if label.lower() != gone]
    if len(left) == len(issue.labels):
        raise GithubError(404, "Label does not exist")
    return _relabel(call, issue, left)


async def _named_labels(call: Call) -> list[str]:
    """Read the labels of a body: an object with `labels`, or (as PyGithub sends them) a bare array."""
    raw = await call.request.body()
    if raw.lstrip().startswith(b"["):
        return read_labels(await call.request.json())
    return read_labels((await read_object(call.request)).get("labels", []))


def _relabel(call: Call, issue: Issue, names: list[str]) -> Response[Any]:
    call.require_push()
    office = call.office()
    label_issue(office, issue, _each_once(names))
    call.sandbox.announce(office, issue, call.request)
    return answer(_labels(call, labels_of(issue, state=call.state)))


def _each_once(names: list[str]) -> list[str]:
    """Leave out what was named before in any case."""
    return [name for place, name in enumerate(names) if name.lower() not in map(str.lower, names[:place])]


@put(at("/issues/{number:int}/lock"), status_code=204)
async def lock(call: Call, number: int) -> None:
    """Lock the conversation of an issue."""
    call.require_push()
    reason, issue, office = read_lock_reason(await read_object(call.request)), call.issue(number), call.office()
    lock_issue(office, issue, reason=reason)
    call.sandbox.announce(office, issue, call.request)


@delete(at("/issues/{number:int}/lock"))
async def unlock(call: Call, number: int) -> None:
    """Open the conversation of an issue again."""
    call.require_push()
    issue, office = call.issue(number), call.office()
    unlock_issue(office, issue)
    call.sandbox.announce(office, issue, call.request)


def _document(call: Call, issue: Issue) -> dict[str, Any]:
    return issue_document(issue, repository=call.repository, state=call.state, site=call.site)


def _announced(call: Call, office: Office, issue: Issue) -> dict[str, Any]:
    call.sandbox.announce(office, issue, call.request)
    return _document(call, issue)


def _labels(call: Call, rows: list[Any]) -> list[dict[str, Any]]:
    return [label_document(row, repository=call.repository, site=call.site) for row in rows]


HANDLERS = [
    create_issue,
    list_issues,
    get_issue,
    update_issue,
    list_issue_labels,
    add_issue_labels,
    set_issue_labels,
    remove_all_issue_labels,
    remove_issue_label,
    lock,
    unlock,
]
