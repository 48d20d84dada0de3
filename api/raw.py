"""Answers whose JSON was written by PostgreSQL: the bytes go out unread, typed as what they show."""

from typing import Any

from litestar import Response


def raw_json(body: str | bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[Any]:
    """An answer with ready JSON."""
    content: Any = body.encode() if isinstance(body, str) else body
    return Response(content, status_code=status, media_type="application/json", headers=headers)
