"""What every call of the sandbox GitHub stands on: the sandbox, the caller, and the repository that is meant."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response

from sandbox.github_access import Access, Caller, authenticate
from sandbox.github_chaos import Chaos
from sandbox.github_documents import API_PATH, Site
from sandbox.github_errors import GithubError, moved, not_found
from sandbox.github_hooks import Courier
from sandbox.github_issues import Office
from sandbox.github_limits import Limits
from sandbox.github_records import Departed, Issue, Repository
from sandbox.github_state import State

LARGEST_PAGE = 100


@dataclass
class Sandbox:
    """One sandbox GitHub; without a public URL its documents carry the host that the caller used.

    An issue younger than `lag_seconds` is in no list yet.
    """

    state: State
    access: Access
    courier: Courier
    public_url: str | None = None
    limits: Limits = field(default_factory=Limits)
    chaos: Chaos = field(default_factory=Chaos)
    lag_seconds: float = 0.0

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
        """Return the issue of that number, or tell where it went."""
        issue = self.state.find(Issue, f"{self.repository.id}/{number}")
        if issue is None:
            raise self._departure(number)
        return issue

    def _departure(self, number: int) -> GithubError:
        """Tell what became of an issue that isn't here (any more).

        https://docs.github.com/rest/issues/issues#get-an-issue
        """
        departed = self.state.find(Departed, f"{self.repository.id}/{number}")
        if departed is None:
            return not_found()
        if departed.to_repository_id is None:
            return GithubError(410, "This issue was deleted")
        target = self.state.find(Repository, departed.to_repository_id)
        if target is None or not self.caller.sees(target):
            return not_found()
        rest = self.request.url.path.partition(f"/issues/{number}")[2]
        location = f"{self.site.api}/repositories/{target.id}/issues/{departed.to_number}{rest}"
        return moved(self.request.method, location)

    def require_push(self) -> None:
        """Refuse whoever may only read and open issues."""
        if not self.office().pushes:
            raise GithubError(403, "Must have admin rights to Repository.")


def at(path: str) -> list[str]:
    """Return both paths of a call about a repository: by its name and by its number."""
    by_name, by_number = "/repos/{owner:str}/{repo:str}", "/repositories/{repository_id:int}"
    return [f"{API_PATH}{by_name}{path}", f"{API_PATH}{by_number}{path}"]


def provide_call(sandbox: Sandbox) -> Callable[[Request[Any, Any, Any]], Call]:
    """Return the dependency that finds caller and repository; what the caller may not see is not there."""

    def call(request: Request[Any, Any, Any]) -> Call:
        caller = authenticate(request.headers.get("authorization"), access=sandbox.access, state=sandbox.state)
        repository, led_astray = find_repository(request, sandbox.state)
        if caller is None or repository is None or not caller.sees(repository):
            raise not_found()
        if led_astray:
            raise moved(request.method, numbered_address(request, repository, sandbox.site(request)))
        _require_open(request, repository)
        return Call(sandbox, request, caller, repository)

    return call


def find_repository(request: Request[Any, Any, Any], state: State) -> tuple[Repository | None, bool]:
    """Return the repository that is meant, and whether it was called by a former name."""
    path = request.path_params
    if "repository_id" in path:
        return state.find(Repository, path["repository_id"]), False
    found = state.repository(path["owner"], path["repo"])
    return (found, False) if found else (state.renamed_repository(path["owner"], path["repo"]), True)


def numbered_address(request: Request[Any, Any, Any], repository: Repository, site: Site) -> str:
    """Return the address of the same call by the repository's number."""
    rest = request.url.path.removeprefix(f"{API_PATH}/repos/").split("/", 2)[2:]
    query = f"?{request.url.query}" if request.url.query else ""
    return "/".join([f"{site.api}/repositories/{repository.id}", *rest]) + query


def _require_open(request: Request[Any, Any, Any], repository: Repository) -> None:
    """Refuse calls about issues where a repository has none, and writes where it is archived."""
    parts = request.url.path.removeprefix(f"{API_PATH}/").split("/")
    about = parts[3:] if parts[0] == "repos" else parts[2:]
    if about[:1] == ["issues"] and not repository.has_issues:
        raise GithubError(410, "Issues are disabled for this repo")
    if repository.archived and request.method not in ("GET", "HEAD"):
        raise GithubError(403, "Repository was archived so is read-only.")


def page_of(rows: list[Any], call: Call, path: str) -> tuple[list[Any], dict[str, str]]:
    """Cut out the page that the query asks for, and return it with its Link header.

    https://docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    query = dict(call.request.query_params.items())
    size = page_size(query)
    page = max(_whole(query.get("page"), 1), 1)
    last = max(-(-len(rows) // size), 1)
    places = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    shown = [name for name in places if (page > 1 if name in ("prev", "first") else page < last)]
    base = f"{call.site.api}/repositories/{call.repository.id}{path}"
    links = [f'<{base}?{urlencode(query | {"page": str(places[name])})}>; rel="{name}"' for name in shown]
    return rows[(page - 1) * size : page * size], {"link": ", ".join(links)} if links else {}


def page_size(query: dict[str, str]) -> int:
    """Return how many rows a page is to have."""
    return min(max(_whole(query.get("per_page"), 30), 1), LARGEST_PAGE)


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isdigit() else default


def answer(document: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[Any]:
    """Answer with a JSON document."""
    return Response(document, status_code=status, headers=headers or {})


def last_modified(at_instant: str) -> dict[str, str]:
    """Return the Last-Modified header of something that changed at that instant."""
    moment = datetime.fromisoformat(at_instant).astimezone(UTC)
    return {"last-modified": format_datetime(moment, usegmt=True)}
