"""Who calls the sandbox GitHub: a personal token, an App's JSON web token, or a token of the App's installation."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from litestar import Request

from sandbox.github_documents import Site, repository_document, user_document
from sandbox.github_errors import GithubError, not_found
from sandbox.github_nodes import node_id
from sandbox.github_records import AccessToken, Account, Repository
from sandbox.github_state import State, instant

TOKEN_LIFETIME = timedelta(hours=1)
LONGEST_JWT = timedelta(minutes=10)
PERMISSIONS = {"issues": "write", "metadata": "read", "repository_hooks": "write"}
EVENTS = ["issues", "issue_comment"]


@dataclass(frozen=True)
class GithubApp:
    """An App registered with the sandbox and installed on every repository of every owner."""

    id: int
    public_key: str  # PEM
    slug: str = "followthrough"

    @property
    def login(self) -> str:
        return f"{self.slug}[bot]"


@dataclass(frozen=True)
class Access:
    """Who may come in: personal tokens with their logins, who may be assigned, and the App if there is one.

    A token in `revoked` opens nothing until it is taken out.
    """

    tokens: dict[str, str] = field(default_factory=dict)
    human: str = "octo-dev"
    collaborators: tuple[str, ...] = ()
    app: GithubApp | None = None
    revoked: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Caller:
    """Whoever made a request; `repository_ids` is None where a person's token sees every repository."""

    login: str
    repository_ids: frozenset[int] | None = None

    def sees(self, repository: Repository) -> bool:
        return self.repository_ids is None or repository.id in self.repository_ids


def authenticate(authorization: str | None, *, access: Access, state: State) -> Caller | None:
    """Return the caller of an Authorization header, or None where there is no header; an unknown token is a 401."""
    if not authorization:
        return None
    token = credential(authorization)
    if token in access.tokens and token not in access.revoked:
        return Caller(access.tokens[token])
    issued = state.find(AccessToken, token)
    if issued is not None and issued.expires_at > datetime.now(UTC) and token not in access.revoked:
        require_installed(issued.installation_id, state, gone=GithubError(401, "Bad credentials"))
        return Caller(issued.login, frozenset(issued.repository_ids))
    raise GithubError(401, "Bad credentials")


def require_installed(number: int, state: State, *, gone: GithubError) -> Account:
    """Return who has the App under that number: `gone` is raised where it was removed, another error while suspended."""
    installed = installation_repositories(number, state)
    owner = state.account(installed[0].owner) if installed else None
    if owner is None or owner.installation == "removed":
        raise gone
    if owner.installation == "suspended":
        raise GithubError(403, "This installation has been suspended")
    return owner


def credential(authorization: str) -> str:
    """Return what follows the scheme of an Authorization header."""
    return authorization.partition(" ")[2].strip()


def require_caller(request: Request[Any, Any, Any], access: Access, state: State) -> Caller:
    """Return the caller of a call that nobody may make anonymously."""
    caller = authenticate(request.headers.get("authorization"), access=access, state=state)
    if caller is None:
        raise GithubError(401, "Requires authentication")
    return caller


def require_app(request: Request[Any, Any, Any], access: Access) -> GithubApp:
    """Return the App that signed the request's JSON web token.

    https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
    """
    if access.app is None:
        raise GithubError(401, "A JSON web token could not be decoded")
    token = credential(request.headers.get("authorization", ""))
    try:
        claims = jwt.decode(token, access.app.public_key, algorithms=["RS256"], options={"require": ["exp", "iat"]})
    except jwt.ExpiredSignatureError as error:
        raise GithubError(401, "'Expiration time' claim ('exp') must be a numeric value in the future") from error
    except jwt.PyJWTError as error:
        raise GithubError(401, "A JSON web token could not be decoded") from error
    if str(claims.get("iss")) != str(access.app.id):
        raise GithubError(401, "Integration must be the issuer of the JSON web token")
    if claims["exp"] > (datetime.now(UTC) + LONGEST_JWT).timestamp() + 1:
        raise GithubError(401, "'Expiration time' claim ('exp') is too far in the future")
    return access.app


def installation_id(owner: str, state: State) -> int:
    """Return the number of the App's installation on an owner's repositories."""
    return state.account(owner).id % 100_000_000


def installation_repositories(number: int, state: State) -> list[Repository]:
    """Return the repositories of an installation; none means that there is no such installation."""
    return [found for found in state.all(Repository) if installation_id(found.owner, state) == number]


def issue_access_token(app: GithubApp, number: int, *, wanted: dict[str, Any], state: State) -> AccessToken:
    """Make a token of one hour for an installation, narrowed to `repository_ids` or `repositories` where asked."""
    require_installed(number, state, gone=not_found())
    installed = installation_repositories(number, state)
    ids, names = wanted.get("repository_ids"), wanted.get("repositories")
    chosen = [
        repository for repository in installed if (ids is None or repository.id in ids) and (names is None or repository.name in names)
    ]
    if len(chosen) < len(ids or []) or len(chosen) < len(names or []):
        raise GithubError(422, "There is at least one repository that does not exist or is not accessible")
    token = AccessToken(
        token=f"ghs_{secrets.token_urlsafe(27)}",
        login=app.login,
        installation_id=number,
        repository_ids=[repository.id for repository in chosen],
        expires_at=(datetime.now(UTC) + TOKEN_LIFETIME).replace(microsecond=0),
    )
    state.save(token)
    state.commit()
    return token


def access_token_document(token: AccessToken, *, wanted: dict[str, Any], state: State, site: Site) -> dict[str, Any]:
    """Write a new access token; the repositories are listed where the caller chose among them."""
    document: dict[str, Any] = {
        "token": token.token,
        "expires_at": instant(token.expires_at + timedelta(seconds=state.skew_seconds)),
        "permissions": PERMISSIONS,
        "repository_selection": "all",
    }
    if "repository_ids" in wanted or "repositories" in wanted:
        rows = [row for row in state.all(Repository) if row.id in token.repository_ids]
        document["repository_selection"] = "selected"
        document["repositories"] = [repository_document(row, state=state, site=site) for row in rows]
    return document


def app_document(app: GithubApp, *, state: State, site: Site) -> dict[str, Any]:
    """Write the App."""
    owner = state.account(state.all(Repository)[0].owner)
    return {
        "id": app.id,
        "slug": app.slug,
        "node_id": node_id("App", app.id),
        "client_id": f"Iv1.{app.id:016x}",
        "owner": user_document(owner, site=site),
        "name": app.slug,
        "description": None,
        "external_url": site.web,
        "html_url": f"{site.web}/apps/{app.slug}",
        "created_at": owner.created_at,
        "updated_at": owner.created_at,
        "permissions": PERMISSIONS,
        "events": EVENTS,
        "installations_count": len({repository.owner for repository in state.all(Repository)}),
    }


def installation_document(app: GithubApp, number: int, *, state: State, site: Site) -> dict[str, Any]:
    """Write one installation of the App."""
    installed = installation_repositories(number, state)
    owner = state.account(installed[0].owner) if installed else None
    if owner is None or owner.installation == "removed":
        raise not_found()
    suspended = owner.installation == "suspended"
    return {
        "id": number,
        "account": user_document(owner, site=site),
        "repository_selection": "all",
        "access_tokens_url": f"{site.api}/app/installations/{number}/access_tokens",
        "repositories_url": f"{site.api}/installation/repositories",
        "html_url": f"{site.web}/organizations/{owner.login}/settings/installations/{number}",
        "app_id": app.id,
        "client_id": f"Iv1.{app.id:016x}",
        "app_slug": app.slug,
        "target_id": owner.id,
        "target_type": owner.type,
        "permissions": PERMISSIONS,
        "events": EVENTS,
        "created_at": owner.created_at,
        "updated_at": owner.created_at,
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": user_document(owner, site=site) if suspended else None,
        "suspended_at": owner.created_at if suspended else None,
    }
