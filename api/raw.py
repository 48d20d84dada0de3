"""Answers whose JSON was written by PostgreSQL: the bytes go out unread, typed as what they show."""

from typing import Any, cast

from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send


class _ReadyResponse(Response[Any]):
    """Goes out as it is: there is nothing to render, and no cookie, task or default header to add."""

    def __init__(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        # Sets what others read of an answer, and leaves out the rest.
        self.content, self.status_code, self.headers, self.media_type = body, status, headers, "application/json"

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Makes what sends it."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.content))]
        return _sender(cast(int, self.status_code), headers, self.content)


def _sender(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> ASGIApp:
    async def send_all(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return send_all


def raw_json(body: str | bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[Any]:
    """An answer with ready JSON."""
    return _ReadyResponse(body.encode() if isinstance(body, str) else body, status, headers or {})
