"""The way to one GitHub: threads with a connection each, the account's tokens, and whether there is still time to send."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from domain.trackers.contract import Failure, Quota, TrackerError
from domain.trackers.github_access import Access
from domain.trackers.github_call import Answer, Ask
from domain.trackers.github_limit import IN_FLIGHT
from domain.trackers.github_trip import Watchdog
from domain.trackers.github_wire import Wire

T = TypeVar("T")


class Line:
    """Carries calls in threads: a coroutine that is cancelled leaves its call to finish.

    `timeout_seconds` bounds each request as a whole; what must be sent within `patience_seconds` of being asked for, and waited for its
    turn (a thread, a new token) for longer, is not sent any more. `note_quota` hears what answers tell of the account's limit.
    """

    def __init__(
        self,
        base_url: str,
        access: Access,
        *,
        timeout_seconds: float,
        patience_seconds: float,
        note_quota: Callable[[Quota], None],
    ) -> None:
        self.base_url = base_url
        self._note_quota = note_quota
        self._access = access
        self._patience_seconds = patience_seconds
        self._closed = False
        self._login: str | None = None
        self._login_lock = threading.Lock()
        self._watchdog = Watchdog(timeout_seconds)
        self._threads = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="github")
        self._own = threading.local()
        self._wires: list[Wire] = []

    async def run(self, work: Callable[[], T], *, in_time: bool = False) -> T:
        """Runs work of one or more `send` in a thread; `in_time` is for what whoever asked may lose the right to do."""
        send_by = time.monotonic() + self._patience_seconds if in_time else math.inf
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, lambda: self._begin(work, send_by))
        except RuntimeError:
            text = "The connection to GitHub was closed."
            raise TrackerError(Failure.DEFINITE, text, code="closed", calls=0) from None
        return await running

    def _begin(self, work: Callable[[], T], send_by: float) -> T:
        self._own.send_by, self._own.sent = send_by, 0
        return work()

    def login(self) -> str:
        """Returns the login of the account, asked for once."""
        with self._login_lock:
            if self._login is None:
                self._login = self._access.login(self._wire()).lower()
            return self._login

    def may_write(self, permissions: dict[str, bool] | None) -> bool:
        """Says whether we may write issues and labels, by the permissions that a repository's document shows."""
        return self._access.may_write(permissions)

    def tokens(self) -> list[str]:
        """Returns a token for each part of GitHub that we see."""
        return self._access.tokens(self._wire())

    def send(self, repository: str, ask: Ask) -> Answer:
        """Sends a request about a repository, given as its path; only within the work of `run`."""
        return self.send_as(self._access.token_for(self._wire(), repository), ask)

    def send_as(self, token: str, ask: Ask) -> Answer:
        """Sends a request with one of `tokens`; an error counts all requests of its work."""
        try:
            return self._send(token, ask)
        except TrackerError as error:
            raise self._access.refused(token, error) from None

    def send_as_app(self, ask: Ask) -> Answer:
        """Sends a request about the App itself; a TrackerError (`forbidden`) where the credentials are no App's."""
        token = self._access.app_token()
        if token is None:
            raise TrackerError(Failure.DEFINITE, "The credentials are no GitHub App's.", code="forbidden", calls=0)
        return self._send(token, ask)

    def _send(self, token: str, ask: Ask) -> Answer:
        if time.monotonic() > self._own.send_by:
            text = "Too many calls to GitHub were waiting, so this one was not sent."
            raise TrackerError(Failure.DEFINITE, text, code="busy", calls=self._own.sent)
        wire = self._wire()
        try:
            answer = wire.send(ask, token)
        except TrackerError as error:
            self._own.sent += error.calls
            error.calls = self._own.sent
            raise
        finally:
            if wire.quota is not None:
                self._note_quota(wire.quota)
        self._own.sent += 1
        return answer

    def _wire(self) -> Wire:
        """Returns the client of the thread that we are in."""
        known = getattr(self._own, "wire", None)
        if isinstance(known, Wire):
            return known
        wire = self._own.wire = Wire(self.base_url, self._watchdog)
        self._wires.append(wire)
        return wire

    def close(self) -> None:
        """Takes no new calls; those that wait or are under way go on to their end, and then the connections are closed."""
        if not self._closed:
            self._closed = True
            self._threads.submit(self._close_when_idle)
            self._threads.shutdown(wait=False, cancel_futures=False)

    def _close_when_idle(self) -> None:
        """Runs as the last of all calls; one that is under way in another thread closes its connection by itself."""
        self._access.close()
        for wire in self._wires:
            wire.close()
