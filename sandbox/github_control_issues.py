"""What people do to issues in the sandbox GitHub, from the same machine alone: edits, comments, transfers, deletions."""

from typing import Any

from litestar import Request, Response, post

from sandbox.github_calls import Sandbox, answer
from sandbox.github_comments import add_comment, change_comment, delete_comment
from sandbox.github_control import ordered, read_order
from sandbox.github_departures import delete_issue, transfer_issue
from sandbox.github_documents import comment_document, issue_document, repository_document
from sandbox.github_errors import GithubError, not_found
from sandbox.github_issues import (
    Office,
    change_issue,
    lock_issue,
    open_issue,
    unlock_issue,
)
from sandbox.github_records import Comment, Issue
from sandbox.github_requests import read_lock_reason
from sandbox.github_state import seed_account

ISSUES = "/_sandbox/issues/{owner:str}/{repo:str}"
ISSUE = f"{ISSUES}/{{number:int}}"


@post(ISSUES)
async def open_as_human(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str) -> Response[Any]:
    """Open an issue as the person at the keyboard, or as `login`: the fields of GitHub's POST."""
    order = await read_order(request)
    office = human_office(sandbox, f"{owner}/{repo}", login=order.pop("login", None))
    issue = open_issue(office, order)
    return answer(_announced(request, sandbox, office, issue), status=201)


@post(ISSUE, status_code=200)
async def edit_as_human(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str, number: int) -> Response[Any]:
    """Change an issue as the person at the keyboard, or as `login`: the fields of GitHub's PATCH."""
    order = await read_order(request)
    office = human_office(sandbox, f"{owner}/{repo}", login=order.pop("login", None))
    issue = _issue(office, number)
    change_issue(office, issue, order)
    return answer(_announced(request, sandbox, office, issue))


def change_as_human(request: Request[Any, Any, Any], sandbox: Sandbox, full_name: str, *, number: int, change: dict[str, Any]) -> Issue:
    """Change an issue as the person at the keyboard would, and tell the hooks."""
    office = human_office(sandbox, full_name)
    issue = _issue(office, number)
    change_issue(office, issue, change)
    sandbox.announce(office, issue, request)
    return issue


def human_office(sandbox: Sandbox, full_name: str, *, login: str | None = None) -> Office:
    """Return the office in which somebody, by default the person at the keyboard, changes issues of a repository."""
    owner, _, name = full_name.partition("/")
    repository = sandbox.state.repository(owner, name)
    if repository is None:
        raise not_found()
    seed_account(sandbox.state, login or sandbox.access.human)
    return Office(sandbox.state, sandbox.access, repository, login or sandbox.access.human)


def _issue(office: Office, number: int) -> Issue:
    issue = office.state.find(Issue, f"{office.repository.id}/{number}")
    if issue is None:
        raise not_found()
    return issue


def _announced(request: Request[Any, Any, Any], sandbox: Sandbox, office: Office, issue: Issue) -> dict[str, Any]:
    sandbox.announce(office, issue, request)
    return issue_document(issue, repository=office.repository, state=sandbox.state, site=sandbox.site(request))


@post(f"{ISSUE}/lock", status_code=200)
async def lock_as_human(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str, number: int) -> Response[Any]:
    """Lock the conversation of an issue, for a `lock_reason` or none, or with `locked` false open it again."""
    order, office = await read_order(request), human_office(sandbox, f"{owner}/{repo}")
    issue = _issue(office, number)
    if ordered(order, "locked", bool, default=True):
        lock_issue(office, issue, reason=read_lock_reason(order))
    else:
        unlock_issue(office, issue)
    return answer(_announced(request, sandbox, office, issue))


@post(f"{ISSUE}/delete", status_code=204)
async def delete_as_human(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str, number: int) -> None:
    """Delete an issue."""
    await read_order(request)
    office = human_office(sandbox, f"{owner}/{repo}")
    issue = _issue(office, number)
    delete_issue(office, issue)
    sandbox.announce(office, issue, request)


@post(f"{ISSUE}/transfer", status_code=200)
async def transfer_as_human(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str, number: int) -> Response[Any]:
    """Transfer an issue `to` the repository of that full name, and show it as it is there."""
    order, office = await read_order(request), human_office(sandbox, f"{owner}/{repo}")
    issue, there = _issue(office, number), human_office(sandbox, ordered(order, "to", str))
    if there.repository.id == office.repository.id:
        raise GithubError(422, "The issue is in that repository already")
    site = sandbox.site(request)
    left = _seen(request, sandbox, office, issue)
    arrived = transfer_issue(office, issue, to=there)
    came = _seen(request, sandbox, there, arrived)
    office.announce("transferred", more={"changes": {"new_issue": came[0], "new_repository": came[1]}})
    sandbox.courier.announce(office, issue, site=site)
    there.announce("opened", more={"changes": {"old_issue": left[0], "old_repository": left[1]}})
    return answer(_announced(request, sandbox, there, arrived))


def _seen(request: Request[Any, Any, Any], sandbox: Sandbox, office: Office, issue: Issue) -> tuple[dict[str, Any], dict[str, Any]]:
    state, site = sandbox.state, sandbox.site(request)
    documents = issue_document(issue, repository=office.repository, state=state, site=site)
    return documents, repository_document(office.repository, state=state, site=site)


@post(f"{ISSUE}/comments")
async def comment_as_human(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str, number: int) -> Response[Any]:
    """Comment an issue as the person at the keyboard, or as `login`: a `body`."""
    order = await read_order(request)
    office = human_office(sandbox, f"{owner}/{repo}", login=order.pop("login", None))
    issue = _issue(office, number)
    comment = add_comment(office, issue, order)
    return answer(_commented(request, sandbox, office, comment), status=201)


@post(f"{ISSUE}/comments/{{comment_id:int}}", status_code=200)
async def edit_comment_as_human(
    request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str, number: int, comment_id: int
) -> Response[Any]:
    """Change a comment's `body`, or with `deleted` true take the comment away; the person is the same as above."""
    order = await read_order(request)
    office = human_office(sandbox, f"{owner}/{repo}", login=order.pop("login", None))
    issue, comment = _issue(office, number), sandbox.state.find(Comment, comment_id)
    if comment is None or (comment.repository_id, comment.number) != (issue.repository_id, number):
        raise not_found()
    if ordered(order, "deleted", bool, default=False):
        delete_comment(office, issue, comment)
    else:
        change_comment(office, issue, comment, order)
    return answer(_commented(request, sandbox, office, comment))


def _commented(request: Request[Any, Any, Any], sandbox: Sandbox, office: Office, comment: Comment) -> dict[str, Any]:
    sandbox.announce(office, _issue(office, comment.number), request)
    return comment_document(comment, repository=office.repository, state=sandbox.state, site=sandbox.site(request))


HANDLERS = [
    open_as_human,
    edit_as_human,
    lock_as_human,
    delete_as_human,
    transfer_as_human,
    comment_as_human,
    edit_comment_as_human,
]
