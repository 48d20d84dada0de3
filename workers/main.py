"""All jobs and all schedules, in one place."""

import asyncio
from typing import Any, cast

import uvloop
from arq import cron, func
from arq.cron import CronJob
from arq.worker import Worker
from prometheus_client import start_http_server

from domain.bell import RECONCILE_LINK, SWEEP_PROJECT, deserialize, redis_settings, serialize
from domain.logs import set_up_logs
from domain.settings import Settings
from workers.context import close_desk, desk_of, open_desk
from workers.projects import keep_measuring, ring_for_due_projects, sweep_project, tidy_inbox
from workers.sync import reconcile_link, ring_for_due_links

STOP_SECONDS = 20


def make_worker(settings: Settings) -> Worker:
    """Makes the worker; the figures are measured (see docs/sync.md). A job that fails is not repeated: its row stays due."""

    async def start(context: dict[Any, Any]) -> None:
        context["desk"] = await open_desk(settings)
        # Each worker shows the figures of all, and so measures by itself: a job would go to any of them.
        context["measuring"] = asyncio.create_task(keep_measuring(desk_of(context)))

    async def stop(context: dict[Any, Any]) -> None:
        context["measuring"].cancel()
        await close_desk(desk_of(context))

    return Worker(
        functions=[func(cast(Any, reconcile_link), name=RECONCILE_LINK), func(cast(Any, sweep_project), name=SWEEP_PROJECT)],
        cron_jobs=_schedules(settings),
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


def _schedules(settings: Settings) -> list[CronJob]:
    poll = _every(settings.poll_seconds)
    return [
        cron(cast(Any, ring_for_due_links), second=poll, unique=True, run_at_startup=True),
        cron(cast(Any, ring_for_due_projects), second=poll, unique=True, run_at_startup=True),
        cron(cast(Any, tidy_inbox), hour=3, minute=17, second=0, unique=True),
    ]


def _every(seconds: float) -> set[int]:
    return set(range(0, 60, min(60, max(1, round(seconds)))))


def run(settings: Settings) -> None:
    """Works until the process is told to stop; jobs under way get 20 s to end."""
    set_up_logs(settings.log_level)
    if settings.worker_metrics_port is not None:
        start_http_server(settings.worker_metrics_port, addr=settings.host)
    uvloop.install()
    make_worker(settings).run()
