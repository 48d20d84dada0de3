"""Who we are to GitHub: one token for ever, or an App whose installations give tokens of an hour."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from domain.errors import InvalidError
from domain.trackers.contract import TrackerError
from domain.trackers.github_app import AppAccess
from domain.trackers.github_call import Ask, Call, read_document
from domain.trackers.github_wire import Wire
from domain.trackers.shared_tokens import SharedTokens


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

    def app_token(self) -> str | None:
        """Returns the token for calls about the App itself; None where there is none."""
        ...

    def refused(self, token: str, error: TrackerError) -> TrackerError:
        """Takes note of how a call with one of the tokens failed, and returns what that means."""
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

    def app_token(self) -> str | None:
        """Returns None: it is no App's."""
        return None

    def refused(self, token: str, error: TrackerError) -> TrackerError:
        """Keeps the token: there is no other."""
        return error

    def may_write(self, permissions: Mapping[str, bool] | None) -> bool:
        """Takes the person's role in the repository: labels need triage."""
        return any((permissions or {}).get(role, False) for role in ("admin", "maintain", "push", "triage"))

    def close(self) -> None:
        """Has nothing to close."""
