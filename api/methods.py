"""HEAD wherever GET is, and an Allow that names every method of an address (RFC 9110, 9.3.2 and 10.2.1)."""

from collections.abc import Iterable

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from api.errors import METHOD_NOT_ALLOWED


class Methods:
    """ASGI middleware; `known` are the methods that each path template has handlers for."""

    def __init__(self, app: ASGIApp, known: dict[str, set[str]]) -> None:
        self.app = app
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes GET and its like on as they are."""
        if scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD":
            await self._answer_head(scope, receive, send)
        else:
            await self.app(scope, receive, self._with_allow(scope, send))

    async def _answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Has the request answered as a GET, and leaves the body out; its length stays."""
        # A copy, since the server looks at its own scope to tell whether a body has to follow.
        inner: Scope = {**scope, "method": "GET"}  # type: ignore[assignment]

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        try:
            await self.app(inner, receive, self._with_allow(inner, send_without_body))
        finally:
            if "path_template" in inner:
                scope["path_template"] = inner["path_template"]

    def _with_allow(self, scope: Scope, send: Send) -> Send:
        """Mends the header Allow of answers to OPTIONS and of refused methods: the framework forgets some methods, and HEAD."""

        async def send_mended(message: Message) -> None:
            if message["type"] == "http.response.start":
                if scope["type"] == ScopeType.HTTP and scope["method"] == "OPTIONS" and message["status"] < 300:
                    _allow(message, self._known.get(scope["path_template"], ()))
                elif message["status"] == METHOD_NOT_ALLOWED:
                    _allow(message, _allowed(message))
            await send(message)

        return send_mended


def _allowed(message: HTTPResponseStartEvent) -> list[str]:
    return [method for name, value in message["headers"] if name.lower() == b"allow" for method in value.decode().split(", ")]


def _allow(message: HTTPResponseStartEvent, methods: Iterable[str]) -> None:
    allowed = {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    kept = [header for header in message["headers"] if header[0].lower() != b"allow"]
    message["headers"] = [*kept, (b"allow", ", ".join(sorted(allowed)).encode())]
