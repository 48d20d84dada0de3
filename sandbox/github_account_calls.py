"""The calls about who one is and what one sees: user, repository, rate limit, and the App with its installations."""

from typing import Any

from litestar import Request, Response, get, post

from sandbox.github_access import (
    access_token_document,
    app_document,
    installation_document,
    installation_id,
    issue_access_token,
    require_app,
    require_caller,
)
from sandbox.github_calls import Call, Sandbox, answer, at, find_repository, last_modified, numbered_address
from sandbox.github_documents import API_PATH, profile_document, repository_document
from sandbox.github_errors import GithubError, moved, not_found, read_object
from sandbox.github_records import Account, Repository


@get(f"{API_PATH}/user")
async def get_user(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Show the person whose token it is; an installation is nobody."""
    caller = require_caller(request, sandbox.access, sandbox.state)
    if caller.repository_ids is not None:
        raise GithubError(403, "Resource not accessible by integration")
    return answer(profile_document(sandbox.state.account(caller.login), site=sandbox.site(request)))


@get(f"{API_PATH}/users/{{login:str}}")
async def get_account(request: Request[Any, Any, Any], sandbox: Sandbox, login: str) -> Response[Any]:
    """Show anybody."""
    require_caller(request, sandbox.access, sandbox.state)
    account = sandbox.state.find(Account, login.lower())
    if account is None:
        raise not_found()
    return answer(profile_document(account, site=sandbox.site(request)))


@get(f"{API_PATH}/rate_limit")
async def get_rate_limit(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Show how many calls are left."""
    caller = require_caller(request, sandbox.access, sandbox.state)
    core = sandbox.limits.meter(caller.login).document(sandbox.state.skew_seconds)
    return answer({"resources": {"core": core, "search": core | {"resource": "search"}}, "rate": core})


@get(at(""))
async def get_repository(call: Call) -> Response[Any]:
    """Show a repository."""
    document = repository_document(call.repository, state=call.state, site=call.site, login=call.caller.login)
    return answer(document, headers=last_modified(call.repository.updated_at))


@get(f"{API_PATH}/app")
async def get_app(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Show the App that signed the call."""
    app = require_app(request, sandbox.access)
    return answer(app_document(app, state=sandbox.state, site=sandbox.site(request)))


@get(f"{API_PATH}/app/installations")
async def list_installations(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """List the App's installations: one for each owner."""
    app = require_app(request, sandbox.access)
    site, state = sandbox.site(request), sandbox.state
    owners = dict.fromkeys(repository.owner for repository in state.all(Repository))
    numbers = [installation_id(owner, state) for owner in owners if state.account(owner).installation != "removed"]
    return answer([installation_document(app, number, state=state, site=site) for number in numbers])


@get(f"{API_PATH}/app/installations/{{number:int}}")
async def get_installation(request: Request[Any, Any, Any], sandbox: Sandbox, number: int) -> Response[Any]:
    """Show one of the App's installations."""
    app = require_app(request, sandbox.access)
    return answer(installation_document(app, number, state=sandbox.state, site=sandbox.site(request)))


@get(at("/installation"))
async def get_repository_installation(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Show the App's installation on a repository."""
    app, (repository, led_astray) = require_app(request, sandbox.access), find_repository(request, sandbox.state)
    if repository is None:
        raise not_found()
    if led_astray:
        raise moved(request.method, numbered_address(request, repository, sandbox.site(request)))
    number = installation_id(repository.owner, sandbox.state)
    return answer(installation_document(app, number, state=sandbox.state, site=sandbox.site(request)))


@post(f"{API_PATH}/app/installations/{{number:int}}/access_tokens")
async def create_access_token(request: Request[Any, Any, Any], sandbox: Sandbox, number: int) -> Response[Any]:
    """Make a token of one hour for an installation."""
    app, wanted = require_app(request, sandbox.access), await read_object(request)
    token = issue_access_token(app, number, wanted=wanted, state=sandbox.state)
    document = access_token_document(token, wanted=wanted, state=sandbox.state, site=sandbox.site(request))
    return answer(document, status=201)


@get(f"{API_PATH}/installation/repositories")
async def list_installation_repositories(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """List the repositories that the token of an installation sees."""
    caller = require_caller(request, sandbox.access, sandbox.state)
    if caller.repository_ids is None:
        raise GithubError(403, "You must authenticate with an installation access token")
    rows = [row for row in sandbox.state.all(Repository) if caller.sees(row)]
    site = sandbox.site(request)
    documents = [repository_document(row, state=sandbox.state, site=site, login=caller.login) for row in rows]
    return answer({"total_count": len(rows), "repository_selection": "all", "repositories": documents})


HANDLERS = [
    get_user,
    get_account,
    get_rate_limit,
    get_repository,
    get_app,
    list_installations,
    get_installation,
    get_repository_installation,
    create_access_token,
    list_installation_repositories,
]
