"""Who calls, and whether they may: one guard for each scope."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.house import house_of
from domain.access.table import Scope
from domain.access.tokens import Caller
from domain.errors import ForbiddenError, UnauthenticatedError

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]
LONGEST_TOKEN = 500

NEEDED_SCOPE: dict[Guard, Scope] = {}


async def _authenticate(connection: Connection) -> Caller:
    scheme, _, token = (sent_header(connection, b"authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("Send your token in the header `Authorization: Bearer ft_…`.")
    caller = await house_of(connection).tokens.caller(token.strip()) if len(token) <= LONGEST_TOKEN else None
    if caller is None:
        raise UnauthenticatedError("This token is unknown, expired or revoked.")
    return caller


def sent_header(connection: Connection, name: bytes) -> str | None:
    """Finds one header (its name in small letters), without making a mapping of them all."""
    for sent, value in connection.scope["headers"]:
        if sent == name:
            return value.decode("latin-1")
    return None


def _needs(scope: Scope) -> Guard:
    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        caller = await _authenticate(connection)
        if scope not in caller.scopes:
            raise ForbiddenError(f"This needs a token with the scope `{scope}`; yours has {_listed(caller)}.")
        connection.scope["user"] = caller

    NEEDED_SCOPE[guard] = scope
    return guard


def _listed(caller: Caller) -> str:
    return ", ".join(f"`{scope}`" for scope in sorted(caller.scopes))


can_read = _needs(Scope.READ)
can_write = _needs(Scope.WRITE)
can_sync = _needs(Scope.SYNC)
can_admin = _needs(Scope.ADMIN)
