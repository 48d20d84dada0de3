"""The edge of the sandbox GitHub's API: each call is logged, counted, tagged, answered or made to fail."""

import asyncio
import hashlib
import secrets
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, cast

import msgspec
from litestar.datastructures import Headers
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.github_access import authenticate, credential
from sandbox.github_calls import Sandbox
from sandbox.github_documents import API_PATH, GRAPHQL_PATH
from sandbox.github_errors import GithubError, error_body
from sandbox.github_faults import CREATIONS, DROP_AFTER_COMMIT, GRAPHQL, HANG, HANG_AFTER_COMMIT, Faults, operation_of
from sandbox.github_limits import WRITE_POINTS, Refusal

CALLS_KEPT = 100_000
ANONYMOUS = "anonymous"
ABORT = "abort"  # name in the scope's state under which the server gives a function that resets the connection


@dataclass
class Answer:
    """A response on its way out; header names are lower-case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class ApiCall:
    """A line of the log; `status` stays None where no answer went out."""

    method: str
    path: str
    query: str
    login: str | None
    operation: str | None
    at: datetime
    status: int | None = None


class Edge:
    """Stands around the application; calls outside the API pass untouched."""

    def __init__(self, app: ASGIApp, *, sandbox: Sandbox, faults: Faults) -> None:
        self._app = app
        self._sandbox = sandbox
        self._faults = faults
        self.calls: deque[ApiCall] = deque(maxlen=CALLS_KEPT)
        self.counts: Counter[tuple[str, str | None, int | None]] = Counter()  # by method, operation and status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if not path.startswith(f"{API_PATH}/") and path != GRAPHQL_PATH:
            await self._app(scope, receive, send)
            return
        call = self._log(scope)
        body = await _read(receive)
        if body is None:
            return
        answer = await self._limited(scope, body, receive, call=call)
        if answer is not None:
            answer = self._finish(answer, scope, call)
            call.status = answer.status
        self.counts[call.method, call.operation, call.status] += 1
        if answer is None:
            scope["state"][ABORT]()
            await receive()  # returns once the connection is seen to be gone: until then an answer is expected of us
            return
        await _send(answer, send)

    async def _limited(self, scope: Scope, body: bytes, receive: Receive, *, call: ApiCall) -> Answer | None:
        """Return the answer of a call that the limits admit; asking for the limit is free of the primary one."""
        limits, caller = self._sandbox.limits, call.login or ANONYMOUS
        points = 1 if call.method in ("GET", "HEAD") or call.operation == GRAPHQL else WRITE_POINTS
        primary = int(call.path != f"{API_PATH}/rate_limit")
        refusal = limits.admit(caller, points=points, creates=call.operation in CREATIONS, primary=primary)
        if refusal is not None:
            return _refused(refusal, caller)
        with limits.in_flight(caller):
            answer = await self._answer(scope, body, receive, call=call)
        if answer is not None and _is_known(answer, scope):
            limits.give_back(caller, primary)
        return answer

    def _log(self, scope: Scope) -> ApiCall:
        method = str(scope.get("method"))
        headers = Headers.from_scope(scope)
        call = ApiCall(
            method=method,
            path=scope["path"],
            query=scope["query_string"].decode(),
            login=self._login(headers.get("authorization")),
            operation=operation_of(method, scope["path"]),
            at=datetime.now(UTC),
        )
        self.calls.append(call)
        return call

    def _login(self, authorization: str | None) -> str | None:
        try:
            caller = authenticate(authorization, access=self._sandbox.access, state=self._sandbox.state)
        except GithubError:
            return None
        return caller.login if caller else None

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, *, call: ApiCall) -> Answer | None:
        """Return the answer, or None where the connection is to be reset without one."""
        fault = self._faults.take(call.operation)
        if fault is not None and isinstance(fault.action, int):
            document = error_body(fault.action, "Ordered by a test")
            return Answer(fault.action, dict(fault.headers), msgspec.json.encode(document))
        if fault is not None and fault.action == HANG and await _gone(receive, within_seconds=fault.seconds):
            return None
        fate = self._sandbox.chaos.call_fate() if fault is None else "fine"
        if fate == "error_before_commit":
            return _failed()
        answer = await self._handled(scope, body)
        if fault is not None and fault.action == HANG_AFTER_COMMIT:
            await _gone(receive, within_seconds=fault.seconds)
        if fate == "error_after_commit":
            return _failed()
        lost = fate == "lost_after_commit" or (fault is not None and fault.action in (DROP_AFTER_COMMIT, HANG_AFTER_COMMIT))
        return None if lost else answer

    async def _handled(self, scope: Scope, body: bytes) -> Answer:
        answer = Answer(500)

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            elif message["type"] == "http.response.body":
                answer.body += message["body"]

        await self._app(scope, receive, send)
        return _tagged(answer, scope)

    def _finish(self, answer: Answer, scope: Scope, call: ApiCall) -> Answer:
        """Add the headers that GitHub adds, and leave the body out where the caller has it already."""
        answer.headers |= {
            "access-control-expose-headers": "ETag, Link, Location, X-GitHub-Request-Id, X-RateLimit-Remaining",
            "date": format_datetime(self._sandbox.state.now(), usegmt=True),
            "x-github-api-version-selected": "2022-11-28",
            "x-github-media-type": "github.v3; format=json",
            "x-github-request-id": secrets.token_hex(16).upper(),
        }
        if answer.body:
            answer.headers["content-type"] = "application/json; charset=utf-8"
        if _is_known(answer, scope):
            answer.status, answer.body = 304, b""
        hour = self._sandbox.limits.meter(call.login or ANONYMOUS).document(self._sandbox.state.skew_seconds)
        answer.headers |= {f"x-ratelimit-{name}": str(value) for name, value in hour.items()}
        return answer


def _refused(refusal: Refusal, caller: str) -> Answer:
    """Answer that a limit is exceeded, in the words by which clients tell the two kinds apart."""
    if refusal.wait_seconds is None:
        message = f"API rate limit exceeded for {caller}."
        return Answer(403, body=msgspec.json.encode(error_body(403, message)))
    message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    headers = {"retry-after": str(refusal.wait_seconds)}
    return Answer(403, headers, msgspec.json.encode(error_body(403, message)))


def _failed() -> Answer:
    return Answer(502, body=msgspec.json.encode(error_body(502, "Server Error")))


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body of a request, or None where the client left before its end."""
    body, more = b"", True
    while more:
        message = cast("dict[str, Any]", await receive())
        if message["type"] == "http.disconnect":
            return None
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _gone(receive: Receive, *, within_seconds: float) -> bool:
    """Wait so long, and return at once and True when the client goes away meanwhile."""
    try:
        async with asyncio.timeout(within_seconds):
            await receive()
    except TimeoutError:
        return False
    return True


def _tagged(answer: Answer, scope: Scope) -> Answer:
    """Give a document its tag: a read's, and that of what a write answers, which is what a read would answer next."""
    if answer.status not in (200, 201) or scope.get("method") not in ("GET", "POST", "PATCH") or scope["path"] == GRAPHQL_PATH:
        return answer
    answer.headers["etag"] = _etag(answer.body, Headers.from_scope(scope))
    answer.headers["cache-control"] = "private, max-age=60, s-maxage=60"
    answer.headers["vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP"
    return answer


def _etag(body: bytes, headers: Headers) -> str:
    """Return GitHub's kind of tag: it changes with the token too, so another token never gets a 304."""
    token = credential(headers.get("authorization", ""))
    accept = headers.get("accept", "")
    return f'W/"{hashlib.sha256(b"".join((token.encode(), accept.encode(), body))).hexdigest()}"'


def _is_known(answer: Answer, scope: Scope) -> bool:
    """Say whether a read asks for what the caller has already (RFC 9110 section 13.2.2: a tag goes before a date)."""
    if scope.get("method") != "GET" or answer.status != 200 or "etag" not in answer.headers:
        return False
    headers = Headers.from_scope(scope)
    tags, since = headers.get("if-none-match"), headers.get("if-modified-since")
    if tags is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in known or answer.headers["etag"].removeprefix("W/") in known
    modified = answer.headers.get("last-modified")
    if since is None or modified is None:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except ValueError:
        return False


async def _send(answer: Answer, send: Send) -> None:
    if answer.status in (204, 304):
        answer.headers.pop("content-length", None)
        answer.headers.pop("content-type", None)
    else:
        answer.headers["content-length"] = str(len(answer.body))
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
