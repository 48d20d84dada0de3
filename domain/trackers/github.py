"""Issues on GitHub, through PyGithub: the adapter of trackers of the kind `github`."""

import asyncio
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from domain.errors import InvalidError
from domain.trackers.contract import (
    Capabilities,
    Draft,
    Failure,
    Fields,
    Place,
    Project,
    Receipt,
    RemoteIssue,
    TrackerError,
)
from domain.trackers.github_access import open_access, read_document
from domain.trackers.github_body import read_marker
from domain.trackers.github_errors import Answer, Call
from domain.trackers.github_issue import IssueDocument, Number, read_issue, write_changes, write_draft
from domain.trackers.github_wire import Ask, Wire

THREADS = 8
PAGE_SIZE = 100
LONGEST_TITLE = 256
CLOCK_SKEW = timedelta(minutes=5)

_FULL_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")

T = TypeVar("T")


class _Repository(msgspec.Struct):
    id: Number
    full_name: str
    html_url: str
    has_issues: bool = True
    archived: bool = False
    permissions: dict[str, bool] | None = None


class GitHubAdapter:
    """One account on one GitHub. Calls run in threads: a coroutine that is cancelled leaves its call to finish.

    `timeout_seconds` bounds each request as a whole; a write that waited for its turn (a thread, a new token) for longer than
    `patience_seconds` is not sent any more, since whoever asked for it may have lost the right to. Repositories are addressed by
    number, which survives a rename.
    """

    capabilities = Capabilities(statuses=frozenset({"open", "done", "cancelled"}), title_limit=LONGEST_TITLE)

    def __init__(
        self, *, base_url: str, credentials: Mapping[str, str], timeout_seconds: float, patience_seconds: float = math.inf
    ) -> None:
        """Takes the API's address (`https://api.github.com`, `https://host/api/v3`); raises InvalidError, sends nothing."""
        if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).hostname:
            raise InvalidError("GitHub's base URL is an address like https://api.github.com.")
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._patience_seconds = patience_seconds
        self._closed = False
        self._access = open_access(credentials)
        self._login: str | None = None
        self._login_lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="github")
        self._own = threading.local()
        self._wires: list[Wire] = []

    async def describe(self, key_or_id: str) -> Project:
        """Looks a repository up by `org/repo` or number."""
        return await self._run(lambda: self._describe(key_or_id))

    def _describe(self, key_or_id: str) -> Project:
        path = _repository(key_or_id)
        answer = self._send(path, Ask(Call.PROJECT, "GET", path))
        found = read_document(answer, Call.PROJECT, _Repository)
        return Project(
            remote_id=str(found.id),
            key=found.full_name,
            url=found.html_url,
            issues_enabled=found.has_issues,
            writable=not found.archived and self._access.may_write(found.permissions),
        )

    async def identity(self) -> str:
        """Gives the login under which our issues appear, asked for once."""
        return await self._run(self._identity)

    def _identity(self) -> str:
        with self._login_lock:
            if self._login is None:
                self._login = self._access.login(self._wire())
            return self._login

    async def create(self, place: Place, draft: Draft) -> Receipt:
        """Makes the issue with one request; the status can't be given along, so the receipt shows it open."""
        send_by = time.monotonic() + self._patience_seconds
        return await self._run(lambda: self._create(place, draft, send_by))

    def _create(self, place: Place, draft: Draft, send_by: float) -> Receipt:
        path = _repository(place.project_remote_id)
        ask = Ask(Call.CREATE, "POST", f"{path}/issues", document=write_draft(draft, place.label_prefix))
        return _receipt(self._send(path, ask, send_by=send_by), ask.call, place)

    async def fetch(self, place: Place, remote_id: str, *, etag: str | None = None) -> RemoteIssue | None:
        """Reads the issue; None means that it is still the one with `etag`."""
        return await self._run(lambda: self._fetch(place, remote_id, etag))

    def _fetch(self, place: Place, remote_id: str, etag: str | None) -> RemoteIssue | None:
        path = _repository(place.project_remote_id)
        answer = self._send(path, Ask(Call.READ, "GET", _issue(path, remote_id), etag=etag))
        if answer.status == 304:
            return None
        found = read_document(answer, Call.READ, IssueDocument)
        return read_issue(found, label_prefix=place.label_prefix, etag=answer.headers.get("etag"))

    async def update(self, place: Place, issue: RemoteIssue, changes: Fields) -> Receipt:
        """Writes the changed fields with one request; `issue.marker` is put back where the body lost it.

        Text outside the region and labels that aren't ours are written as `issue.raw` has them. GitHub ignores a new reason
        for an issue that is closed already, so a change from done to cancelled may not show in the receipt.
        """
        send_by = time.monotonic() + self._patience_seconds
        return await self._run(lambda: self._update(place, issue, changes, send_by))

    def _update(self, place: Place, issue: RemoteIssue, changes: Fields, send_by: float) -> Receipt:
        path = _repository(place.project_remote_id)
        document = write_changes(issue, changes, place.label_prefix)
        ask = Ask(Call.UPDATE, "PATCH", _issue(path, issue.remote_id), document=document)
        return _receipt(self._send(path, ask, send_by=send_by), ask.call, place)

    async def find(self, place: Place, markers: Iterable[UUID], *, since: datetime) -> dict[UUID, RemoteIssue]:
        """Looks for issues made since then (less five minutes, for clocks that differ) that carry one of the markers.

        Of two issues with one marker the lower number is given; pull requests are passed over.
        """
        wanted = frozenset(markers)
        return await self._run(lambda: self._find(place, wanted, since - CLOCK_SKEW))

    def _find(self, place: Place, wanted: frozenset[UUID], since: datetime) -> dict[UUID, RemoteIssue]:
        found: dict[UUID, RemoteIssue] = {}
        page, more = 1, True
        while more:
            issues = self._page(place, page)
            for issue in sorted(issues, key=lambda each: each.number, reverse=True):
                marker = read_marker(issue.body)
                if marker in wanted and issue.pull_request is None and issue.created_at >= since:
                    found[marker] = read_issue(issue, label_prefix=place.label_prefix)
            more = len(issues) == PAGE_SIZE and issues[-1].created_at >= since
            page += 1
        return found

    def _page(self, place: Place, page: int) -> list[IssueDocument]:
        """Reads a page of issues, newest first: what is made meanwhile shifts pages on, and hides none.

        Whoever made them: the account may be another than when the issue was made.
        """
        path = _repository(place.project_remote_id)
        parameters = {"state": "all", "sort": "created", "direction": "desc"}
        ask = Ask(Call.PROJECT, "GET", f"{path}/issues", parameters=parameters | {"per_page": str(PAGE_SIZE), "page": str(page)})
        return read_document(self._send(path, ask), ask.call, list[IssueDocument])

    def close(self) -> None:
        """Takes no new calls; those that wait or are under way go on to their end, and then the connections are closed."""
        if not self._closed:
            self._closed = True
            self._threads.submit(self._close_when_idle)
            self._threads.shutdown(wait=False, cancel_futures=False)

    def _close_when_idle(self) -> None:
        """Runs as the last of all calls; one that is under way in another thread closes its connection by itself."""
        for wire in self._wires:
            wire.close()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RuntimeError:
            text = "The connection to GitHub was closed."
            raise TrackerError(Failure.DEFINITE, text, code="unreachable", calls=0) from None
        return await running

    def _send(self, repository: str, ask: Ask, *, send_by: float = math.inf) -> Answer:
        wire = self._wire()
        token = self._access.token_for(wire, repository)
        if time.monotonic() > send_by:
            text = "Too many calls to GitHub were waiting, so this one was not sent."
            raise TrackerError(Failure.DEFINITE, text, code="busy", calls=0)
        try:
            return wire.send(ask, token)
        except TrackerError as error:
            if error.failure is Failure.AUTH:
                self._access.forget(token)
            raise

    def _wire(self) -> Wire:
        """Returns the client of the thread that we are in."""
        known = getattr(self._own, "wire", None)
        if isinstance(known, Wire):
            return known
        wire = self._own.wire = Wire(self._base_url, self._timeout_seconds)
        self._wires.append(wire)
        return wire


def _repository(key_or_id: str) -> str:
    """Returns the path of a repository; GitHub's `/repositories/{number}` stands for `/repos/{owner}/{name}` everywhere."""
    if _NUMBER.fullmatch(key_or_id):
        return f"/repositories/{key_or_id}"
    if _FULL_NAME.fullmatch(key_or_id) and not {".", ".."} & set(key_or_id.split("/")):
        return f"/repos/{key_or_id}"
    text = "A repository of GitHub's is named org/repo, or by its number."
    raise TrackerError(Failure.DEFINITE, text, code="project_not_found", calls=0)


def _issue(repository: str, remote_id: str) -> str:
    if not _NUMBER.fullmatch(remote_id):
        raise TrackerError(Failure.DEFINITE, "An issue of GitHub's is named by its number.", code="invalid", calls=0)
    return f"{repository}/issues/{remote_id}"


def _receipt(answer: Answer, call: Call, place: Place) -> Receipt:
    found = read_document(answer, call, IssueDocument)
    return Receipt(issue=read_issue(found, label_prefix=place.label_prefix), request_id=answer.headers.get("x-github-request-id"))
