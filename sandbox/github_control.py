"""How a test steers the sandbox GitHub, from the same machine alone: faults, the log of calls, edits by a person."""

from dataclasses import asdict
from typing import Any

from litestar import Request, Response, delete, get, post

from sandbox.github_calls import Sandbox, answer
from sandbox.github_documents import issue_document
from sandbox.github_edge import Edge
from sandbox.github_errors import GithubError, not_found, read_object
from sandbox.github_faults import Fault, Faults
from sandbox.github_issues import Office, change_issue
from sandbox.github_records import Issue

LOOPBACK = ("127.0.0.1", "::1", "testclient")


def require_loopback(request: Request[Any, Any, Any]) -> None:
    """Refuse whoever is not on this machine, and any page of another site that a browser here has open."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    client = request.client
    if client is not None and client.host not in LOOPBACK:
        raise GithubError(403, "The sandbox is steered from its own machine only")
    if origin is not None and origin != f"http://{host}":
        raise GithubError(403, "The sandbox is not steered by pages of other sites")


@get("/_sandbox/health")
async def get_health() -> dict[str, str]:
    """Answer, as soon as calls are answered."""
    return {"status": "ok"}


@get("/_sandbox/faults")
async def list_faults(request: Request[Any, Any, Any], faults: Faults) -> Response[Any]:
    """List the faults still to come."""
    require_loopback(request)
    return answer([asdict(fault) for fault in faults.waiting()])


@post("/_sandbox/faults")
async def order_fault(request: Request[Any, Any, Any], faults: Faults) -> Response[Any]:
    """Order a fault: the fields of `Fault`."""
    require_loopback(request)
    try:
        fault = Fault(**await read_object(request))
    except (TypeError, ValueError) as error:
        raise GithubError(422, str(error)) from error
    faults.order(fault)
    return answer(asdict(fault), status=201)


@delete("/_sandbox/faults")
async def clear_faults(request: Request[Any, Any, Any], faults: Faults) -> None:
    """Cancel the faults still to come."""
    require_loopback(request)
    faults.clear()


@get("/_sandbox/calls")
async def list_calls(request: Request[Any, Any, Any], edge: Edge) -> Response[Any]:
    """List the calls of the API so far, oldest first; memory alone, and the last 100,000."""
    require_loopback(request)
    return answer([asdict(call) for call in edge.calls])


@delete("/_sandbox/calls")
async def clear_calls(request: Request[Any, Any, Any], edge: Edge) -> None:
    """Forget the calls so far."""
    require_loopback(request)
    edge.calls.clear()


@post("/_sandbox/issues/{owner:str}/{repo:str}/{number:int}", status_code=200)
async def edit_as_human(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str, number: int) -> Response[Any]:
    """Change an issue as the person at the keyboard: the fields of GitHub's PATCH."""
    require_loopback(request)
    issue = change_as_human(request, sandbox, f"{owner}/{repo}", number=number, change=await read_object(request))
    office = human_office(sandbox, f"{owner}/{repo}")
    return answer(issue_document(issue, repository=office.repository, state=sandbox.state, site=sandbox.site(request)))


def change_as_human(request: Request[Any, Any, Any], sandbox: Sandbox, full_name: str, *, number: int, change: dict[str, Any]) -> Issue:
    """Change an issue as the person at the keyboard would, and tell the hooks."""
    office = human_office(sandbox, full_name)
    issue = sandbox.state.find(Issue, f"{office.repository.id}/{number}")
    if issue is None:
        raise not_found()
    change_issue(office, issue, change)
    sandbox.announce(office, issue, request)
    return issue


def human_office(sandbox: Sandbox, full_name: str) -> Office:
    """Return the office in which the person at the keyboard changes issues of a repository."""
    owner, _, name = full_name.partition("/")
    repository = sandbox.state.repository(owner, name)
    if repository is None:
        raise not_found()
    return Office(sandbox.state, sandbox.access, repository, sandbox.access.human)


HANDLERS = [get_health, list_faults, order_fault, clear_faults, list_calls, clear_calls, edit_as_human]
