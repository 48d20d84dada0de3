"""The edge of the sandbox GitHub's API: each call is logged, counted, tagged, answered or made to fail."""

import asyncio
import hashlib
import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import msgspec
from litestar.datastructures import Headers
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.github_access import authenticate, credential
from sandbox.github_calls import Sandbox
from sandbox.github_documents import API_PATH
from sandbox.github_errors import GithubError, error_body
from sandbox.github_faults import DROP_AFTER_COMMIT, HANG, HANG_AFTER_COMMIT, Faults, operation_of

CALLS_KEPT = 100_000
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope.get("path", "").startswith(f"{API_PATH}/"):
            await self._app(scope, receive, send)
            return
        call = self._log(scope)
        body = await _read(receive)
        if body is None:
            return
        answer = await self._answer(scope, body, receive, call=call)
        if answer is None:
            scope["state"][ABORT]()
            await receive()  # returns once the connection is seen to be gone: until then an answer is expected of us
            return
        answer = self._finish(answer, scope, call)
        call.status = answer.status
        await _send(answer, send)

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
        answer = await self._handled(scope, body)
        if fault is not None and fault.action == HANG_AFTER_COMMIT:
            await _gone(receive, within_seconds=fault.seconds)
        return None if fault is not None and fault.action in (DROP_AFTER_COMMIT, HANG_AFTER_COMMIT) else answer

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
        return answer

    def _finish(self, answer: Answer, scope: Scope, call: ApiCall) -> Answer:
        """Add the headers that GitHub adds, and leave the body out where the caller has it already."""
        headers = Headers.from_scope(scope)
        answer.headers |= {
            "access-control-expose-headers": "ETag, Link, Location, X-GitHub-Request-Id, X-RateLimit-Remaining",
            "x-github-api-version-selected": "2022-11-28",
            "x-github-media-type": "github.v3; format=json",
            "x-github-request-id": secrets.token_hex(16).upper(),
        }
        if answer.body:
            answer.headers["content-type"] = "application/json; charset=utf-8"
        if call.method == "GET" and answer.status == 200:
            answer.headers["etag"] = _etag(answer.body, headers)
            answer.headers["cache-control"] = "private, max-age=60, s-maxage=60"
            answer.headers["vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP"
            if _is_known(answer, headers):
                answer.status, answer.body = 304, b""
        self._count(answer, call)
        return answer

    def _count(self, answer: Answer, call: ApiCall) -> None:
        """Count the call; an answer of 304 and asking for the limit itself are free."""
        caller = call.login or "anonymous"
        if answer.status != 304 and call.path != f"{API_PATH}/rate_limit":
            self._sandbox.rate.window(caller).used += 1
        answer.headers |= self._sandbox.rate.headers(caller)


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


def _etag(body: bytes, headers: Headers) -> str:
    """Return GitHub's kind of tag: it changes with the token too, so another token never gets a 304."""
    token = credential(headers.get("authorization", ""))
    accept = headers.get("accept", "")
    return f'W/"{hashlib.sha256(b"".join((token.encode(), accept.encode(), body))).hexdigest()}"'


def _is_known(answer: Answer, headers: Headers) -> bool:
    """Say whether the caller has this very state (RFC 9110 section 13.2.2: a tag goes before a date)."""
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
