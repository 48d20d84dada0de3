"""The decorator of handlers that read, at the least cost for each request."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler


class _Reading(HTTPRouteHandler):
    """Shows guards the handler itself, where Litestar makes a copy of it for each guard at each request."""

    async def authorize_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Runs the guards in their order; each raises where the caller may not go on."""
        for guard in self.resolve_guards():
            await guard(connection, self)  # type: ignore[misc]


def get(path: str | None = None, **options: Any) -> _Reading:
    """Decorates a handler of GET; the options are those of Litestar's `get`."""
    return _Reading(path, http_method=HttpMethod.GET, **options)
