"""The bell: the one place that enqueues jobs. A lost ring costs seconds, never work: the rows in PostgreSQL are the queue."""

import asyncio
import json
import time
from typing import Any, TypeAlias, cast
from uuid import UUID

import structlog
from arq.connections import ArqRedis, RedisSettings
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlmodel.ext.asyncio.session import AsyncSession

RECONCILE_LINK = "reconcile_link"
SWEEP_PROJECT = "sweep_project"

RING_TIMEOUT_SECONDS = 0.5
SILENCE_SECONDS = 1.0
# Many jobs are sent by a few at once, and have a little more time each.
RINGERS = 4
SECONDS_FOR_EACH = 0.01
_PENDING = "bell"

log = structlog.get_logger(__name__)

# A job's name, its arguments, and the id of the request that asked for it.
Job: TypeAlias = tuple[str, tuple[str, ...], str | None]


def serialize(job: dict[str, Any]) -> bytes:
    """Writes a job as JSON: with pickle, whoever can write to Redis could run code here."""
    return json.dumps(job, default=str).encode()


def deserialize(raw: bytes) -> dict[str, Any]:
    """Reads a job that `serialize` wrote."""
    return cast(dict[str, Any], json.loads(raw))


def redis_settings(url: str) -> RedisSettings:
    """arq's settings for a worker that outlives a restart of Redis (its defaults end the worker)."""
    settings = RedisSettings.from_dsn(url)
    settings.retry = Retry(ExponentialBackoff(cap=1, base=0.05), 50)
    settings.retry_on_error = [RedisConnectionError, RedisTimeoutError, OSError]
    settings.conn_retries = 60
    return settings


class Bell:
    """Wakes workers up. With Redis away it keeps silent for a second at a time, so that writes don't wait for it."""

    def __init__(self, redis_url: str, *, queue_name: str) -> None:
        pool = ConnectionPool.from_url(redis_url, socket_timeout=RING_TIMEOUT_SECONDS, socket_connect_timeout=RING_TIMEOUT_SECONDS)
        self.redis = ArqRedis(pool, job_serializer=serialize, job_deserializer=deserialize, default_queue_name=queue_name)
        self._silent_until = 0.0

    async def ring(self, session: AsyncSession) -> None:
        """Sends the jobs noted on the session; called once its transaction has committed. Never raises."""
        await self.wake(session.info.pop(_PENDING, []))

    async def wake(self, jobs: list[Job], *, once_in_seconds: float | None = None) -> None:
        """Enqueues jobs; with `once_in_seconds` each at most once in such a span, while it is queued or running. Never raises.

        The span ends because a job whose process was killed keeps its place in Redis for long. A ring after a commit is never merged
        with a running job: that job may have looked before the commit.
        """
        if not jobs or time.monotonic() < self._silent_until:
            return
        queue = iter(dict.fromkeys(jobs))

        async def ring_on() -> None:
            for job in queue:
                await self._enqueue(job, once_in_seconds)

        try:
            async with asyncio.timeout(RING_TIMEOUT_SECONDS + len(jobs) * SECONDS_FOR_EACH):
                await asyncio.gather(*(ring_on() for _ in range(min(RINGERS, len(jobs)))))
        except (RedisError, OSError, TimeoutError) as error:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            log.warning("bell_unheard", jobs=len(jobs), error=type(error).__name__)

    async def _enqueue(self, job: Job, once_in_seconds: float | None) -> None:
        name, arguments, request_id = job
        job_id = None if once_in_seconds is None else ":".join((name, *arguments, str(int(time.time() // once_in_seconds))))
        await self.redis.enqueue_job(name, *arguments, _job_id=job_id, request_id=request_id)

    async def close(self) -> None:
        """Closes the connections to Redis."""
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()


def forget(session: AsyncSession) -> None:
    """Drops the jobs noted on the session; called where a transaction ends well without having stored anything."""
    session.info.pop(_PENDING, None)


def after_commit(session: AsyncSession, name: str, *ids: UUID) -> None:
    """Notes a job to be sent once the session's transaction has committed; an error before that drops it."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    session.info.setdefault(_PENDING, []).append((name, tuple(map(str, ids)), request_id))
