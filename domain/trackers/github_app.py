"""A GitHub App: its installations, found by the repository, give tokens of an hour, which all threads and processes share."""

import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from github.Auth import AppAuth
from jwt.exceptions import PyJWTError

from domain.trackers.contract import Failure, TrackerError
from domain.trackers.github_call import Ask, Call, read_document
from domain.trackers.github_errors import token_rejected
from domain.trackers.github_wire import Wire
from domain.trackers.shared_tokens import SharedToken, SharedTokens

RENEWED_BEFORE = timedelta(minutes=5)
LISTED_FOR = timedelta(minutes=5)
PAGE_SIZE = 100
# What one owner does to an installation is no matter of the others.
NOT_THERE = frozenset({"not_installed", "suspended"})
_RENAMED = re.compile(r"/repositories/[1-9][0-9]{0,18}/installation$")


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
        self._listed: tuple[datetime, list[_Installation]] | None = None
        self._tokens: dict[int, SharedToken] = {}
        self._lock = threading.Lock()

    def token_for(self, wire: Wire, repository: str) -> str:
        """Returns the token of the repository's installation; whoever comes while it is renewed waits for it."""
        with self._lock:
            installation = self._installation_of(wire, repository)
            try:
                return self._token_of(wire, installation)
            except TrackerError as error:
                if error.code != "not_installed" or self._installation_id is not None:
                    raise
                return self._token_of_another(wire, repository, installation, gone=error)

    def _token_of_another(self, wire: Wire, repository: str, installation: int, *, gone: TrackerError) -> str:
        """Looks the installation up anew: an App that was removed and installed again has another number."""
        self._drop(installation)
        found = self._installation_of(wire, repository)
        if found == installation:
            raise gone
        return self._token_of(wire, found)

    def _drop(self, installation: int) -> None:
        self._listed = None
        self._installations = {repository: known for repository, known in self._installations.items() if known != installation}

    def tokens(self, wire: Wire) -> list[str]:
        """Returns the token of each installation; which there are is asked again after five minutes, since an owner may add one."""
        with self._lock:
            if self._installation_id is not None:
                return [self._token_of(wire, self._installation_id)]
            found = [self._token_if_there(wire, each.id) for each in self._all_installations(wire) if each.suspended_at is None]
            return [token for token in found if token is not None]

    def _token_if_there(self, wire: Wire, installation: int) -> str | None:
        try:
            return self._token_of(wire, installation)
        except TrackerError as error:
            if error.code not in NOT_THERE:
                raise
            self._drop(installation)
            return None

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
        self._listed = None
        found = self._all_installations(wire)
        return found[0].id if len(found) == 1 else None

    def _all_installations(self, wire: Wire) -> list[_Installation]:
        now = datetime.now(UTC)
        if self._listed is None or now - self._listed[0] >= LISTED_FOR:
            self._listed = now, list(self._list(wire))
        return self._listed[1]

    def _list(self, wire: Wire) -> Iterator[_Installation]:
        page, more = 1, True
        while more:
            ask = Ask(Call.ACCOUNT, "GET", "/app/installations", parameters={"per_page": str(PAGE_SIZE), "page": str(page)})
            found = read_document(wire.send(ask, self._jwt()), Call.ACCOUNT, list[_Installation])
            yield from found
            page, more = page + 1, len(found) == PAGE_SIZE

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

    def app_token(self) -> str | None:
        """Returns a token of the App itself, which is good for a few minutes."""
        return self._jwt()

    def refused(self, token: str, error: TrackerError) -> TrackerError:
        """Lets the next call fetch another token, and other processes too, where this one isn't accepted: that is no end of the App."""
        if error.failure is not Failure.AUTH and error.code not in NOT_THERE:
            return error
        with self._lock:
            self._forget(token)
        return token_rejected(error) if error.failure is Failure.AUTH else error

    def _forget(self, token: str) -> None:
        self._listed = None
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
