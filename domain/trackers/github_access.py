"""Who we are to GitHub: one token for ever, or an App whose installations give tokens of an hour, shared by all threads."""

import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from github.Auth import AppAuth
from jwt.exceptions import PyJWTError

from domain.errors import InvalidError
from domain.trackers.contract import Failure, TrackerError
from domain.trackers.github_call import Ask, Call, read_document
from domain.trackers.github_wire import Wire
from domain.trackers.shared_tokens import SharedToken, SharedTokens

RENEWED_BEFORE = timedelta(minutes=5)
_RENAMED = re.compile(r"/repositories/[1-9][0-9]{0,18}/installation$")


class Access(Protocol):
    """What gives the tokens."""

    def token_for(self, wire: Wire, repository: str) -> str:
        """Returns the token for calls about a repository, given as the path of its resource."""
        ...

    def tokens(self, wire: Wire) -> list[str]:
        """Returns a token for each part of GitHub that the account sees."""
        ...

    def login(self, wire: Wire) -> str:
        """Returns the account that appears as the author of what we write."""
        ...

    def forget(self, token: str) -> None:
        """Takes note that GitHub no longer accepts a token."""
        ...

    def may_write(self, permissions: Mapping[str, bool] | None) -> bool:
        """Says whether we may write issues and labels, by the permissions that a repository's document shows."""
        ...

    def close(self) -> None:
        """Closes connections."""
        ...


def open_access(credentials: Mapping[str, str], *, base_url: str, shared: SharedTokens | None = None) -> Access:
    """Returns the access that credentials give: `token`, or `app_id`, `private_key` (PEM) and maybe `installation_id`.

    An App's tokens are shared with other processes through `shared`, where it is given.
    """
    if credentials.get("token"):
        return TokenAccess(credentials["token"])
    app_id, private_key = credentials.get("app_id"), credentials.get("private_key")
    if not app_id or not private_key:
        raise InvalidError("GitHub takes a token, or an app_id with its private_key.")
    installation_id = str(credentials.get("installation_id") or "")
    if installation_id and not installation_id.isdecimal():
        raise InvalidError("installation_id is the number of the App's installation.")
    fixed = int(installation_id) if installation_id else None
    return AppAccess(str(app_id), private_key, fixed, base_url=base_url, shared=shared)


class _User(msgspec.Struct):
    login: str


class TokenAccess:
    """A personal access token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token_for(self, wire: Wire, repository: str) -> str:
        """Returns the token."""
        return self._token

    def tokens(self, wire: Wire) -> list[str]:
        """Returns the token."""
        return [self._token]

    def login(self, wire: Wire) -> str:
        """Asks whose token it is."""
        answer = wire.send(Ask(Call.ACCOUNT, "GET", "/user"), self._token)
        return read_document(answer, Call.ACCOUNT, _User).login

    def forget(self, token: str) -> None:
        """Keeps it: there is no other."""

    def may_write(self, permissions: Mapping[str, bool] | None) -> bool:
        """Takes the person's role in the repository: labels need triage."""
        return any((permissions or {}).get(role, False) for role in ("admin", "maintain", "push", "triage"))

    def close(self) -> None:
        """Has nothing to close."""


class _App(msgspec.Struct):
    slug: str


class _Installation(msgspec.Struct):
    id: int
    suspended_at: str | None = None


class _InstallationToken(msgspec.Struct):
    token: str
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]


class AppAccess:
    """A GitHub App: all threads use an installation's token until five minutes before its end, so that ETags stay good.

    So do all processes that share tokens.
    """

    def __init__(
        self, app_id: str, private_key: str, installation_id: int | None, *, base_url: str, shared: SharedTokens | None = None
    ) -> None:
        self._app = AppAuth(app_id, private_key)
        self._installation_id = installation_id
        self._name = f"{base_url} {app_id}"
        self._shared = shared
        self._installations: dict[str, int] = {}
        self._tokens: dict[int, SharedToken] = {}
        self._lock = threading.Lock()

    def token_for(self, wire: Wire, repository: str) -> str:
        """Returns the token of the repository's installation; whoever comes while it is renewed waits for it."""
        with self._lock:
            return self._token_of(wire, self._installation_of(wire, repository))

    def tokens(self, wire: Wire) -> list[str]:
        """Returns the token of each installation; which there are is asked each time, since an owner may add one."""
        with self._lock:
            fixed = self._installation_id
            found = self._all_installations(wire) if fixed is None else [_Installation(fixed)]
            return [self._token_of(wire, each.id) for each in found if each.suspended_at is None]

    def _token_of(self, wire: Wire, installation: int) -> str:
        known = self._tokens.get(installation)
        if not _is_fresh(known):
            known = self._shared.get(self._name_of(installation)) if self._shared else None
        if known is None or not _is_fresh(known):
            known = self._new_token(wire, installation)
        self._tokens[installation] = known
        return known.token

    def _name_of(self, installation: int) -> str:
        return f"{self._name} {installation}"

    def _installation_of(self, wire: Wire, repository: str) -> int:
        found = self._installation_id or self._installations.get(repository)
        if found is None:
            found = self._installations[repository] = self._look_up(wire, repository)
        return found

    def _look_up(self, wire: Wire, repository: str) -> int:
        try:
            return self._installation_at(wire, f"{repository}/installation")
        except TrackerError as error:
            renamed = _RENAMED.search(error.moved_to or "")
            if renamed is not None:
                return self._installation_at(wire, renamed.group())
            if error.http_status != 404:
                raise
            only = self._only_installation(wire)
            if only is None:
                raise
            return only

    def _installation_at(self, wire: Wire, path: str) -> int:
        ask = Ask(Call.ACCOUNT, "GET", path)
        return read_document(wire.send(ask, self._jwt()), Call.ACCOUNT, _Installation).id

    def _only_installation(self, wire: Wire) -> int | None:
        """Returns the App's installation where it has one alone: not every server knows a repository's by its number."""
        found = self._all_installations(wire)
        return found[0].id if len(found) == 1 else None

    def _all_installations(self, wire: Wire) -> list[_Installation]:
        ask = Ask(Call.ACCOUNT, "GET", "/app/installations", parameters={"per_page": "100"})
        return read_document(wire.send(ask, self._jwt()), Call.ACCOUNT, list[_Installation])

    def _new_token(self, wire: Wire, installation: int) -> SharedToken:
        ask = Ask(Call.ACCOUNT, "POST", f"/app/installations/{installation}/access_tokens", document={})
        found = read_document(wire.send(ask, self._jwt()), Call.ACCOUNT, _InstallationToken)
        mine = SharedToken(found.token, found.expires_at)
        if self._shared is None:
            return mine
        return self._shared.put_if_absent(self._name_of(installation), mine, renewed_before=RENEWED_BEFORE)

    def login(self, wire: Wire) -> str:
        """Asks for the App's name; what it writes is by `name[bot]`."""
        answer = wire.send(Ask(Call.ACCOUNT, "GET", "/app"), self._jwt())
        return f"{read_document(answer, Call.ACCOUNT, _App).slug}[bot]"

    def forget(self, token: str) -> None:
        """Lets the next call fetch another token, and other processes too."""
        with self._lock:
            refused = [installation for installation, known in self._tokens.items() if known.token == token]
            for installation in refused:
                del self._tokens[installation]
                if self._shared is not None:
                    self._shared.forget(self._name_of(installation), token)

    def may_write(self, permissions: Mapping[str, bool] | None) -> bool:
        """Trusts the installation: the App's own permissions don't show in the repository's document."""
        return True

    def _jwt(self) -> str:
        try:
            return self._app.create_jwt()
        except (PyJWTError, UnsupportedAlgorithm, TypeError, ValueError):
            text = "The GitHub App's private key can't be used: it should be the PEM file that GitHub gave."
            raise TrackerError(Failure.AUTH, text, code="bad_credentials", calls=0) from None

    def close(self) -> None:
        """Closes the connections to where tokens are shared."""
        if self._shared is not None:
            self._shared.close()


def _is_fresh(known: SharedToken | None) -> bool:
    return known is not None and known.expires_at - datetime.now(UTC) >= RENEWED_BEFORE
