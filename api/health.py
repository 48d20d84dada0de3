"""Whether the service lives, whether it can work, and its figures."""

import asyncio
from typing import Any

import prometheus_client
from litestar import Controller, Request, Response, get
from msgspec import Struct
from redis.exceptions import RedisError

from api.house import House, house_of

CHECK_SECONDS = 2


class Health(Struct):
    """What was found: `ok` or what is wrong, by part."""

    status: str
    checks: dict[str, str] = {}


class HealthController(Controller):
    """Health and metrics; open to everybody who reaches the port."""

    tags = ["Operation"]

    @get("/health/live", operation_id="check_live", summary="Is the process alive?", sync_to_thread=False)
    def live(self) -> Health:
        """Answers as long as the process runs."""
        return Health("ok")

    @get("/health/ready", operation_id="check_ready", summary="Can requests be served?", opt={"answers": {200: (), 503: ()}})
    async def ready(self, request: Request[Any, Any, Any]) -> Response[Health]:
        """Answers 200 while PostgreSQL does; Redis away is shown, but writes still succeed without it."""
        database, redis = await asyncio.gather(_database(house_of(request)), _redis(house_of(request)))
        health = Health("ok" if database == "ok" else "unavailable", {"database": database, "redis": redis})
        return Response(health, status_code=200 if database == "ok" else 503)

    @get("/metrics", operation_id="read_metrics", summary="Figures for Prometheus", media_type="text/plain", sync_to_thread=False)
    def metrics(self) -> Response[str]:
        """Answers in Prometheus' text format."""
        content = prometheus_client.generate_latest().decode()
        return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _database(house: House) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await house.database.pool.fetchval("SELECT 1")
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is that it is away
        return f"away ({type(error).__name__})"
    return "ok"


async def _redis(house: House) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await house.bell.redis.ping()
    except (RedisError, OSError, TimeoutError) as error:
        return f"away ({type(error).__name__})"
    return "ok"
