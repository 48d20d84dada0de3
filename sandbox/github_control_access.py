"""What administrators do to repositories, organizations, tokens and the App of the sandbox GitHub, from the same machine alone."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, Response, post, put

from sandbox.github_access import installation_id
from sandbox.github_calls import Sandbox, answer
from sandbox.github_catalog import field_document, set_catalog, type_document
from sandbox.github_control import ordered, read_order
from sandbox.github_documents import repository_document
from sandbox.github_errors import GithubError, not_found
from sandbox.github_hook_calls import configure, new_hook
from sandbox.github_records import APP_HOOKS, AccessToken, Hook, Repository
from sandbox.github_state import seed_repository

REPOSITORY = "/_sandbox/repositories/{owner:str}/{repo:str}"
INSTALLATIONS = ("active", "suspended", "removed")


@post("/_sandbox/repositories")
async def add_repository(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Add a repository of a `full_name`."""
    full_name = ordered(await read_order(request), "full_name", str)
    try:
        seed_repository(sandbox.state, full_name)
    except ValueError as error:
        raise GithubError(422, str(error)) from error
    return _shown(request, sandbox, _found(sandbox, *full_name.split("/", 1)), status=201)


def _found(sandbox: Sandbox, owner: str, name: str) -> Repository:
    repository = sandbox.state.repository(owner, name)
    if repository is None:
        raise not_found()
    return repository


def _shown(request: Request[Any, Any, Any], sandbox: Sandbox, repository: Repository, *, status: int = 200) -> Response[Any]:
    return answer(repository_document(repository, state=sandbox.state, site=sandbox.site(request)), status=status)


@post(f"{REPOSITORY}/rename", status_code=200)
async def rename_repository(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str) -> Response[Any]:
    """Give a repository the name `to`; its former name leads to it from then on."""
    order, repository = await read_order(request), _found(sandbox, owner, repo)
    name = ordered(order, "to", str)
    if sandbox.state.repository(owner, name) not in (None, repository):
        raise GithubError(422, "There is a repository of that name")
    former = [*repository.former_names, repository.full_name.lower()]
    repository.name, repository.updated_at = name, sandbox.state.instant()
    repository.former_names = [known for known in dict.fromkeys(former) if known != repository.full_name.lower()]
    return _kept(request, sandbox, repository)


def _kept(request: Request[Any, Any, Any], sandbox: Sandbox, repository: Repository) -> Response[Any]:
    sandbox.state.save(repository)
    sandbox.state.commit()
    return _shown(request, sandbox, repository)


@post(f"{REPOSITORY}/settings", status_code=200)
async def change_settings(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str) -> Response[Any]:
    """Switch issues off and on by `has_issues`, and archive or wake a repository by `archived`."""
    order, repository = await read_order(request), _found(sandbox, owner, repo)
    repository.has_issues = ordered(order, "has_issues", bool, default=repository.has_issues)
    repository.archived = ordered(order, "archived", bool, default=repository.archived)
    return _kept(request, sandbox, repository)


@post(f"{REPOSITORY}/access", status_code=200)
async def change_access(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str, repo: str) -> Response[Any]:
    """Say of a `login` whether it may `push` and whether it is `assignable`: true, or what becomes of it: "drop" or "refuse"."""
    order, repository = await read_order(request), _found(sandbox, owner, repo)
    login = ordered(order, "login", str).lower()
    pushes = ordered(order, "push", bool, default=login not in repository.without_push)
    assignable = order.get("assignable", repository.unassignable.get(login, True))
    if assignable not in (True, "drop", "refuse"):
        raise GithubError(422, "assignable is true, 'drop' or 'refuse'")
    repository.without_push = [known for known in repository.without_push if known != login] + ([] if pushes else [login])
    repository.unassignable.pop(login, None)
    if assignable is not True:
        repository.unassignable[login] = assignable
    return _kept(request, sandbox, repository)


@put("/_sandbox/organisations/{org:str}")
async def set_organisation(request: Request[Any, Any, Any], sandbox: Sandbox, org: str) -> Response[Any]:
    """Give an organization exactly these `types` (names) and `fields` (name, data_type, options as names)."""
    order = await read_order(request)
    try:
        catalog = set_catalog(sandbox.state, org, order)
    except (KeyError, TypeError, AttributeError) as error:
        raise GithubError(422, "types are names, fields have a name, a data_type and maybe options") from error
    types = [type_document(catalog, row.name) for row in catalog.types]
    return answer({"types": types, "fields": [field_document(catalog, row.id) for row in catalog.fields]})


@post("/_sandbox/tokens/revoke", status_code=200)
async def revoke_token(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Let nobody in with a `token`, or with any personal token of a `login`, until it is restored."""
    sandbox.access.revoked.update(_tokens(await read_order(request), sandbox))
    return answer({"revoked": len(sandbox.access.revoked)})


@post("/_sandbox/tokens/restore", status_code=200)
async def restore_token(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Let a revoked `token`, or those of a `login`, in again."""
    sandbox.access.revoked.difference_update(_tokens(await read_order(request), sandbox))
    return answer({"revoked": len(sandbox.access.revoked)})


def _tokens(order: dict[str, Any], sandbox: Sandbox) -> set[str]:
    if "token" in order:
        return {ordered(order, "token", str)}
    login = ordered(order, "login", str).lower()
    return {token for token, owner in sandbox.access.tokens.items() if owner.lower() == login}


@post("/_sandbox/tokens/expire", status_code=200)
async def expire_tokens(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Let all tokens of the App's installations expire now."""
    await read_order(request)
    rows = [row for row in sandbox.state.all(AccessToken) if row.expires_at > datetime.now(UTC)]
    for row in rows:
        sandbox.state.save(msgspec.structs.replace(row, expires_at=datetime.now(UTC)))
    sandbox.state.commit()
    return answer({"expired": len(rows)})


@post("/_sandbox/installations/{owner:str}", status_code=200)
async def change_installation(request: Request[Any, Any, Any], sandbox: Sandbox, owner: str) -> Response[Any]:
    """Set the `state` of the App's installation on what an owner has: active, suspended or removed."""
    state = ordered(await read_order(request), "state", str)
    if state not in INSTALLATIONS:
        raise GithubError(422, f"state is one of {INSTALLATIONS}")
    try:
        account = sandbox.state.account(owner)
    except LookupError as error:
        raise not_found() from error
    account.installation = state
    sandbox.state.save(account)
    sandbox.state.commit()
    return answer({"id": installation_id(owner, sandbox.state), "state": state})


@put("/_sandbox/app/hook")
async def set_app_hook(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Give the App the one hook that it has: `config` (url, content_type, secret) and `events`, as a repository's."""
    order, state = await read_order(request), sandbox.state
    hook = next(iter(state.of(Hook, APP_HOOKS)), None) or new_hook(state, APP_HOOKS)
    configure(hook, order)
    state.save(hook)
    state.commit()
    return answer({"id": hook.id, "events": hook.events})


HANDLERS = [
    add_repository,
    rename_repository,
    change_settings,
    change_access,
    set_organisation,
    revoke_token,
    restore_token,
    expire_tokens,
    change_installation,
    set_app_hook,
]
