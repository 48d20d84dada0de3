"""All jobs and all schedules, in one place."""

from typing import Any, cast

import uvloop
from arq import cron, func
from arq.worker import Worker
from prometheus_client import start_http_server

from domain.bell import RECONCILE_LINK, deserialize, redis_settings, serialize
from domain.logs import set_up_logs
from domain.settings import Settings
from workers.context import close_desk, desk_of, open_desk
from workers.sync import reconcile_link, ring_for_due_links

STOP_SECONDS = 20


def make_worker(settings: Settings) -> Worker:
    """Makes the worker; the figures are measured (see docs/sync.md). A job that fails is not repeated: its row stays due."""

    async def start(context: dict[Any, Any]) -> None:
        context["desk"] = await open_desk(settings)

    async def stop(context: dict[Any, Any]) -> None:
        await close_desk(desk_of(context))

    return Worker(
        functions=[func(cast(Any, reconcile_link), name=RECONCILE_LINK)],
        cron_jobs=[cron(cast(Any, ring_for_due_links), second=_every(settings.poll_seconds), unique=True, run_at_startup=True)],
        redis_settings=redis_settings(settings.redis_url),
        queue_name=settings.queue_name,
        on_startup=cast(Any, start),
        on_shutdown=cast(Any, stop),
        job_serializer=serialize,
        job_deserializer=deserialize,
        job_timeout=settings.job_timeout_seconds,
        job_completion_wait=STOP_SECONDS,
        max_tries=1,
        max_jobs=50,
        keep_result=0,
        poll_delay=0.05,
        health_check_interval=10,
        log_results=False,
    )


def _every(seconds: float) -> set[int]:
    return set(range(0, 60, min(60, max(1, round(seconds)))))


def run(settings: Settings) -> None:
    """Works until the process is told to stop; jobs under way get 20 s to end."""
    set_up_logs(settings.log_level)
    if settings.worker_metrics_port is not None:
        start_http_server(settings.worker_metrics_port, addr=settings.host)
    uvloop.install()
    make_worker(settings).run()
