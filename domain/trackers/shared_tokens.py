"""Tokens that workers share through Redis: whoever gets one first gives it to all, sealed; without Redis each gets its own."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from domain.errors import UnavailableError
from domain.trackers.credentials import Vault

TIMEOUT_SECONDS = 0.3
_FORGET = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class SharedToken:
    """A token and the instant at which it ends."""

    token: str
    expires_at: datetime


class SharedTokens:
    """Keeps tokens by the names of what they are for. ETags are bound to the token, so one for all keeps unchanged reads free.

    No method raises: Redis away, or a token sealed with a key that we lack, is as if nothing was stored.
    """

    def __init__(self, redis: Redis, vault: Vault) -> None:
        """Connects to nothing yet; `redis` should have short timeouts, see `open_shared_tokens`."""
        self._redis = redis
        self._vault = vault

    def get(self, name: str) -> SharedToken | None:
        """Returns the token that the workers share; None where there is none."""
        try:
            sealed = self._redis.get(_key(name))
        except RedisError:
            return None
        return self._open(sealed)

    def put_if_absent(self, name: str, mine: SharedToken, *, renewed_before: timedelta) -> SharedToken:
        """Shares a token until so long before its end, unless another came first; returns the one to use."""
        lasts = mine.expires_at - renewed_before - datetime.now(UTC)
        sealed = self._vault.seal(json.dumps([mine.token, mine.expires_at.isoformat()]))
        try:
            if lasts <= timedelta() or self._redis.set(_key(name), sealed, nx=True, px=lasts):
                return mine
        except RedisError:
            return mine
        return self.get(name) or mine

    def forget(self, name: str, token: str) -> None:
        """Removes the token, if it is still this one."""
        try:
            sealed: Any = self._redis.get(_key(name))
            known = self._open(sealed)
            if known is not None and known.token == token:
                self._redis.eval(_FORGET, 1, _key(name), sealed)
        except RedisError:
            return

    def _open(self, sealed: object) -> SharedToken | None:
        if not isinstance(sealed, bytes):
            return None
        try:
            token, expires_at = json.loads(self._vault.open(sealed))
        except UnavailableError:
            return None
        return SharedToken(token, datetime.fromisoformat(expires_at))

    def close(self) -> None:
        """Closes the connections."""
        self._redis.close()


def open_shared_tokens(redis_url: str, vault: Vault) -> SharedTokens:
    """Returns tokens shared at an address of Redis; a Redis that is away costs a third of a second, once for each new token."""
    redis = Redis.from_url(
        redis_url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
    )
    return SharedTokens(redis, vault)


def _key(name: str) -> str:
    return f"followthrough:token:{hashlib.sha256(name.encode()).hexdigest()}"
