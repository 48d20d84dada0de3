"""API tokens over HTTP: the text of a token is shown once, when it is made."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_admin
from api.conditional import answer_one
from api.guarded import get
from api.paging import answer_page, reads
from api.session import act_of
from api.texts import Name
from domain.access.search import TOKENS
from domain.access.table import Scope
from domain.access.tokens import issue_token, revoke_token
from domain.errors import InvalidError, NotFoundError, pointer


class TokenRead(Struct):
    """A token, without its text; `hint` is how the text ends."""

    id: UUID
    name: str
    hint: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class TokenPage(Struct):
    """A page of tokens."""

    items: list[TokenRead]
    next_cursor: str | None


class TokenCreate(Struct, forbid_unknown_fields=True):
    """A new token. `admin` includes every other scope, `write` and `sync` include `read`."""

    name: Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=4)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class TokenCreated(Struct):
    """A new token with its text: keep it, it is never shown again."""

    id: UUID
    name: str
    hint: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    token: str


class TokenController(Controller):
    """Tokens for tools that call this API."""

    path = "/v1/tokens"
    tags = ["Tokens"]

    @get(operation_id="list_tokens", summary="List tokens", guards=[can_admin], opt=reads(TOKENS))
    async def list_tokens(self, request: Request[Any, Any, Any]) -> Response[TokenPage]:
        """Gives tokens, without their texts."""
        return await answer_page(request, TOKENS)

    @get("/{token_id:uuid}", operation_id="get_token", summary="Read a token", guards=[can_admin])
    async def get_token(self, request: Request[Any, Any, Any], token_id: FromPath[UUID]) -> Response[TokenRead]:
        """Gives one token, without its text."""
        return await answer_one(request, TOKENS, token_id)

    @post(operation_id="create_token", summary="Make a token", guards=[can_admin], opt={"answers": {201: ("Location", "Cache-Control")}})
    async def create_token(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[TokenCreate]
    ) -> Response[TokenCreated]:
        """Makes a token and shows its text, this once."""
        act = act_of(request)
        if data.expires_at is not None and data.expires_at <= act.at:
            raise InvalidError("This token would have expired already.", pointer("/expires_at", "use an instant in the future"))
        scopes = sorted(set(data.scopes))
        token, text = issue_token(session, act, name=data.name.strip(), scopes=scopes, expires_at=data.expires_at)
        created = TokenCreated(token.id, token.name, token.hint, scopes, token.created_at, token.expires_at, text)
        headers = {"Location": f"/v1/tokens/{token.id}", "Cache-Control": "no-store"}
        return Response(created, status_code=201, headers=headers)

    @delete("/{token_id:uuid}", operation_id="revoke_token", summary="Revoke a token", guards=[can_admin])
    async def revoke_token(self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], token_id: FromPath[UUID]) -> None:
        """Ends a token everywhere within a second; doing so again changes nothing."""
        if await revoke_token(session, act_of(request), token_id=token_id) is None:
            raise NotFoundError(f"There is no token {token_id}.")
