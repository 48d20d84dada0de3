"""What every call of the sandbox GitHub stands on: the sandbox, the caller, and the repository that is meant."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response

from sandbox.github_access import Access, Caller, authenticate
from sandbox.github_documents import API_PATH, Site
from sandbox.github_errors import not_found
from sandbox.github_hooks import Courier
from sandbox.github_issues import Office
from sandbox.github_rate import RateMeter
from sandbox.github_records import Issue, Repository
from sandbox.github_state import State

LARGEST_PAGE = 100


@dataclass(frozen=True)
class Sandbox:
    """One sandbox GitHub; without a public URL its documents carry the host that the caller used."""

    state: State
    access: Access
    courier: Courier
    public_url: str | None = None
    rate: RateMeter = field(default_factory=RateMeter)

    def site(self, request: Request[Any, Any, Any]) -> Site:
        host = request.headers.get("host", "127.0.0.1")
        return Site((self.public_url or f"http://{host}").rstrip("/"))

    def announce(self, office: Office, issue: Issue, request: Request[Any, Any, Any]) -> None:
        self.courier.announce(office, issue, site=self.site(request))


@dataclass(frozen=True)
class Call:
    """A call about one repository by somebody who may see it."""

    sandbox: Sandbox
    request: Request[Any, Any, Any]
    caller: Caller
    repository: Repository

    @property
    def state(self) -> State:
        return self.sandbox.state

    @property
    def site(self) -> Site:
        return self.sandbox.site(self.request)

    def office(self) -> Office:
        return Office(self.state, self.sandbox.access, self.repository, self.caller.login)

    def issue(self, number: int) -> Issue:
        issue = self.state.find(Issue, f"{self.repository.id}/{number}")
        if issue is None:
            raise not_found()
        return issue


def at(path: str) -> list[str]:
    """Return both paths of a call about a repository: by its name and by its number."""
    by_name, by_number = "/repos/{owner:str}/{repo:str}", "/repositories/{repository_id:int}"
    return [f"{API_PATH}{by_name}{path}", f"{API_PATH}{by_number}{path}"]


def provide_call(sandbox: Sandbox) -> Callable[[Request[Any, Any, Any]], Call]:
    """Return the dependency that finds caller and repository; what the caller may not see is not there."""

    def call(request: Request[Any, Any, Any]) -> Call:
        caller = authenticate(request.headers.get("authorization"), access=sandbox.access, state=sandbox.state)
        path = request.path_params
        if "repository_id" in path:
            repository = sandbox.state.find(Repository, path["repository_id"])
        else:
            repository = sandbox.state.repository(path["owner"], path["repo"])
        if caller is None or repository is None or not caller.sees(repository):
            raise not_found()
        return Call(sandbox, request, caller, repository)

    return call


def page_of(rows: list[Any], call: Call, path: str) -> tuple[list[Any], dict[str, str]]:
    """Cut out the page that the query asks for, and return it with its Link header.

    https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    query = dict(call.request.query_params.items())
    size = min(max(_whole(query.get("per_page"), 30), 1), LARGEST_PAGE)
    page = max(_whole(query.get("page"), 1), 1)
    last = max(-(-len(rows) // size), 1)
    places = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    shown = [name for name in places if (page > 1 if name in ("prev", "first") else page < last)]
    base = f"{call.site.api}/repositories/{call.repository.id}{path}"
    links = [f'<{base}?{urlencode(query | {"page": str(places[name])})}>; rel="{name}"' for name in shown]
    return rows[(page - 1) * size : page * size], {"link": ", ".join(links)} if links else {}


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default


def answer(document: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[Any]:
    """Answer with a JSON document."""
    return Response(document, status_code=status, headers=headers or {})


def last_modified(at_instant: str) -> dict[str, str]:
    """Return the Last-Modified header of something that changed at that instant."""
    moment = datetime.fromisoformat(at_instant).astimezone(UTC)
    return {"last-modified": format_datetime(moment, usegmt=True)}
