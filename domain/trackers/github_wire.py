"""One request to GitHub through PyGithub: never redirected or repeated, bounded as a whole, and known to have left or not."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from math import ceil
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from github import Github
from github.Auth import Auth
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from domain.trackers.contract import Quota
from domain.trackers.github_call import GRAPHQL, Answer, Ask
from domain.trackers.github_errors import lost, refused, unaddressed
from domain.trackers.github_limit import read_quota
from domain.trackers.github_trip import POOLS, Trip, Watchdog

API_VERSION = "2022-11-28"
ACCEPT = "application/vnd.github+json"

_LOCATION = "followthrough-location"

# What can go wrong below; the last two come up for unsendable headers and unreadable answers.
_FAILURES = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError, RecursionError)
_NEVER_SENT = (
    NewConnectionError,
    ConnectTimeoutError,
    ssl.SSLCertVerificationError,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidURL,
)


class _Bearer(Auth):
    """The token of the next request; PyGithub keeps it out of its log."""

    def __init__(self) -> None:
        self.current = ""

    @property
    def token_type(self) -> str:
        return "Bearer"

    @property
    def token(self) -> str:
        return self.current


class Wire:
    """A thread's own PyGithub client; two threads on one would get each other's answers.

    All calls are raw ones on a connection of our own: PyGithub's follow a 301 even for a write, take a 307 for a success,
    hide 304 and ETag, and can't be told how long a call may take as a whole.
    """

    def __init__(self, base_url: str, watchdog: Watchdog) -> None:
        """Connects to nothing yet; raises TrackerError for an address that can't be one."""
        connection = _open_connection(base_url, watchdog.seconds)
        self._base_url = base_url
        self._watchdog = watchdog
        self.quota: Quota | None = None
        self._bearer = _Bearer()
        self._github = Github(
            auth=self._bearer,
            base_url=base_url,
            timeout=ceil(watchdog.seconds),
            user_agent="followthrough",
            per_page=100,
            retry=None,  # a repeated POST makes a second issue
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
            api_version=API_VERSION,
        )
        self._connection = connection

    def send(self, ask: Ask, token: str) -> Answer:
        """Sends one request and returns its answer: a success, or a 304 to an ETag; all else is a TrackerError.

        `quota` is what the last answer that told said of the account's limit.
        """
        answer = self._exchange(ask, token)
        now = datetime.now(UTC)
        self.quota = read_quota(answer, now=now) or self.quota
        if answer.status in ask.successes or (answer.status == 304 and ask.etag is not None):
            return answer
        raise refused(ask.call, answer, now=now)

    def _exchange(self, ask: Ask, token: str) -> Answer:
        self._bearer.current = token
        headers = {"Accept": ACCEPT} | ({"If-None-Match": ask.etag} if ask.etag else {})
        path = self._github.requester.graphql_url if ask.path == GRAPHQL else ask.path
        with self._watchdog.watched() as trip:
            try:
                status, received, text = self._github.requester.requestJson(
                    ask.verb,
                    path,
                    dict(ask.parameters or {}),
                    headers,
                    None if ask.document is None else dict(ask.document),
                    cnx=self._connection,
                )
            except _FAILURES as error:
                # `from None`: the cause holds the request with its token, which a traceback with values would show.
                raise lost(ask.call, sent=_may_be_sent(error, trip), reason=_reason(error, trip)) from None
        if trip.cut_off:  # just before the end, and a body without a length looks whole then
            raise lost(ask.call, sent=True, reason="it didn't answer in time")
        return Answer(status, received, text, moved_to=self._here(received.get(_LOCATION)) if 300 <= status < 400 else None)

    def _here(self, location: str | None) -> str | None:
        """Returns a redirect's address where it is on the same server: our token goes nowhere else."""
        try:
            address = urljoin(self._base_url, location) if location else None
            return address if address and urlsplit(address)[:2] == urlsplit(self._base_url)[:2] else None
        except ValueError:
            return None

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()
        self._github.close()


def _open_connection(base_url: str, timeout_seconds: float) -> HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass:
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        raise unaddressed() from None
    kind = HTTPSRequestsConnectionClass if parts.scheme == "https" else HTTPRequestsConnectionClass
    connection = kind(parts.hostname or "", port, retry=None)
    # Both are requests' own forms; PyGithub's annotations are narrower than what it passes on.
    connection.timeout = (timeout_seconds / 2, timeout_seconds)  # type: ignore[assignment]
    _keep_environment(connection, base_url)
    connection.session.hooks["response"].append(_stay_here)
    connection.adapter.poolmanager.pool_classes_by_scheme = POOLS
    return connection


def _keep_environment(connection: HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass, base_url: str) -> None:
    """Reads proxies and certificates from the environment once: requests would at each call, for a fifth of its time."""
    settings = connection.session.merge_environment_settings(base_url, {}, None, connection.verify, None)
    connection.session.proxies, connection.verify = settings["proxies"], settings["verify"]
    connection.session.trust_env = False


def _stay_here(response: requests.Response, **_: Any) -> None:
    """Keeps PyGithub from following a 301, and from asking again and again after a 202 to a GET."""
    response.headers[_LOCATION] = response.headers.pop("location", "")
    if response.status_code == 202 and response.request.method == "GET":
        response.close()
        raise requests.RequestException("accepted, but not answered")


def _may_be_sent(error: BaseException, trip: Trip) -> bool:
    """Says whether bytes may have left; through a proxy our connections aren't used, and only the error tells."""
    if trip.sent:
        return True
    return trip.connection is None and not any(isinstance(each, _NEVER_SENT) for each in _causes(error))


def _reason(error: BaseException, trip: Trip) -> str:
    causes = list(_causes(error))
    reasons: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
        (NameResolutionError, "its name can't be resolved"),
        (NewConnectionError, "it can't be connected to"),
        (ConnectTimeoutError, "connecting took too long"),
        (ssl.SSLCertVerificationError, "its certificate isn't valid"),
        ((TimeoutError, requests.Timeout), "it didn't answer in time"),
        (ssl.SSLError, "the TLS connection failed"),
        ((OSError, HTTPError, HTTPException), "the connection broke"),
    )
    if trip.cut_off:
        return "it didn't answer in time"
    found = (text for kind, text in reasons if any(isinstance(each, kind) for each in causes))
    return next(found, "the request can't be sent or its answer not be read")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Goes through an error and what it wraps; requests and urllib3 keep causes in `args` and `reason`."""
    yield error
    inner = [*error.args, getattr(error, "reason", None), error.__cause__]
    for each in inner:
        if isinstance(each, BaseException) and each is not error:
            yield from _causes(each)
