"""The jobs around a project: its sweep, its audit and a look at its webhook; and what is done once for all."""

import asyncio
from typing import Any
from uuid import UUID

import structlog

from domain.bell import SWEEP_PROJECT, Job
from domain.sync.audit import audit
from domain.sync.desk import Desk
from domain.sync.hooks import check_hook
from domain.sync.measure import measure
from domain.sync.sweep import due_projects, sweep
from domain.sync.tidy import tidy
from workers.context import desk_of
from workers.sync import left_due

MOST_AT_ONCE = 200
MEASURE_SECONDS = 15


async def sweep_project(context: dict[Any, Any], project_id: str, *, request_id: str | None = None) -> None:
    """Finds what changed in one project, then audits it and looks at its webhook where it is time for that; may run twice."""
    desk = desk_of(context)
    with structlog.contextvars.bound_contextvars(request_id=request_id, job=SWEEP_PROJECT), left_due():
        await sweep(desk, UUID(project_id))
        await audit(desk, UUID(project_id))
        await check_hook(desk, UUID(project_id))


async def ring_for_due_projects(context: dict[Any, Any]) -> None:
    """Rings for every project that is due."""
    desk = desk_of(context)
    with left_due():
        projects = await due_projects(desk, most=MOST_AT_ONCE)
        jobs: list[Job] = [(SWEEP_PROJECT, (str(project_id),), None) for project_id in projects]
        await desk.bell.wake(jobs, once_in_seconds=desk.settings.lease_seconds)


async def tidy_inbox(context: dict[Any, Any]) -> None:
    """Deletes what the inbox need not keep any more."""
    with left_due():
        await tidy(desk_of(context))


async def keep_measuring(desk: Desk) -> None:
    """Sets the figures that are read from the database, again and again until it is cancelled."""
    while True:
        with left_due():
            await measure(desk)
        await asyncio.sleep(MEASURE_SECONDS)
