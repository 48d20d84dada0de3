"""API tokens: made once, shown once, known by their hash."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.access.table import ApiToken, Scope
from domain.activity.record import Act, record
from domain.reading import Executor

PREFIX = "ft_"
BOOTSTRAP_NAME = "bootstrap"
# A token that was looked up is trusted for this long, so a revocation takes effect everywhere within a second.
TRUST_SECONDS = 0.9
CACHE_SIZE = 10_000

_IMPLIED = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.WRITE: frozenset({Scope.READ, Scope.WRITE}),
    Scope.SYNC: frozenset({Scope.READ, Scope.SYNC}),
    Scope.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the token's id and name, and all scopes that it implies."""

    token_id: UUID | None
    name: str
    scopes: frozenset[Scope]


def imply(scopes: list[Scope]) -> frozenset[Scope]:
    """Adds to the scopes of a token those that they include."""
    return frozenset().union(*(_IMPLIED[Scope(scope)] for scope in scopes))


def hash_token(token: str) -> bytes:
    """Hashes a token with SHA-256: it holds 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode()).digest()


def issue_token(
    session: AsyncSession, act: Act, *, name: str, scopes: list[Scope], expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Adds a token and gives it with its text, which is never to be had again."""
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(name=name, hash=hash_token(text), hint=text[-4:], scopes=sorted(scopes), expires_at=expires_at, created_at=act.at)
    session.add(token)
    record(session, act, "created", subject=token, changes={"scopes": (None, sorted(scopes))})
    return token, text


async def revoke_token(session: AsyncSession, act: Act, *, token_id: UUID) -> ApiToken | None:
    """Ends a token; doing so again changes nothing. None where there is no such token."""
    token = (await session.exec(select(ApiToken).where(ApiToken.id == token_id).with_for_update())).one_or_none()
    if token is not None and token.revoked_at is None:
        token.revoked_at = act.at
        record(session, act, "revoked", subject=token)
    return token


class TokenCheck:
    """Verifies tokens, with a look-up in the database at most about once a second for each."""

    def __init__(self, pool: Executor, *, bootstrap_token: str | None) -> None:
        self._pool = pool
        self._bootstrap = hash_token(bootstrap_token) if bootstrap_token else None
        self._known: dict[bytes, tuple[float, Caller | None]] = {}

    async def caller(self, text: str) -> Caller | None:
        """Gives the caller with this token; None when it is unknown, expired or revoked."""
        digest = hash_token(text)
        known = self._known.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        caller = await self._look_up(digest)
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        self._known[digest] = (time.monotonic() + TRUST_SECONDS, caller)
        return caller

    async def _look_up(self, digest: bytes) -> Caller | None:
        if self._bootstrap is not None and hmac.compare_digest(digest, self._bootstrap):
            return Caller(None, BOOTSTRAP_NAME, frozenset(Scope))
        row = await self._pool.fetchrow(_FIND, digest)
        if row is None:
            return None
        if row["stale"]:
            await self._pool.fetchrow(_USED, row["id"], timedelta(minutes=1))
        return Caller(row["id"], row["name"], imply([Scope(scope) for scope in row["scopes"]]))


# The look-up is by the hash of the text: an attacker can't steer how much of a hash agrees, so its timing tells nothing.
_FIND = """
SELECT id, name, scopes, last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS stale
FROM api_tokens
WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""
_USED = "UPDATE api_tokens SET last_used_at = now() WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - $2::interval)"
