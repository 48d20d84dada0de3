"""Answers whose JSON was written by PostgreSQL: the bytes go out unread, typed as what they show."""

from typing import Any

from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send


class _ReadyResponse(Response[Any]):
    """Goes out as it is: there is nothing to render, and no cookie, task or default header to add."""

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Makes what sends it."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.content))]
        return _sender(self.status_code or 200, headers, self.content)


def _sender(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> ASGIApp:
    async def send_all(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return send_all


def raw_json(body: str | bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[Any]:
    """An answer with ready JSON."""
    content: Any = body.encode() if isinstance(body, str) else body
    return _ReadyResponse(content, status_code=status, media_type="application/json", headers=headers)
