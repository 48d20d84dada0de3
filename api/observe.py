"""What is seen of every request: its id in and out, one log line, and its figures."""

import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import structlog
import uuid_utils
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from domain.metrics import HTTP_REQUESTS, HTTP_SECONDS

_GOOD_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})

log = structlog.get_logger("api")


class Observe:
    """ASGI middleware; the cost a request is two metrics and a line."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and notes how it was answered."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        header = (b"x-request-id", request_id.encode())
        status = 500
        start = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], header]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            _note(scope, status, time.perf_counter() - start)
            structlog.contextvars.unbind_contextvars("request_id")


def _request_id(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GOOD_ID.fullmatch(given := value.decode("latin-1")):
            return str(given)
    return str(uuid_utils.uuid7())


def _note(scope: Any, status: int, seconds: float) -> None:
    route = scope.get("path_template") or "unmatched"
    count, observe = _figures(scope["method"], route, status)
    count()
    observe(seconds)
    if scope["path"] not in _QUIET:
        log.info("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 2))


@lru_cache(1000)
def _figures(method: str, route: str, status: int) -> tuple[Callable[[], None], Callable[[float], None]]:
    """Gives what counts an answer and what takes its time, looked up once for each kind of answer."""
    return HTTP_REQUESTS.labels(method, route, status).inc, HTTP_SECONDS.labels(method, route).observe
