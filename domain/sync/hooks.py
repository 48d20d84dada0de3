"""The tracker's webhook is looked at every hour: deliveries that failed are asked for again, since no tracker does so by itself."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.columns import now_utc
from domain.database import transaction
from domain.metrics import SYNC_CALLS, WEBHOOKS_REDELIVERED
from domain.sync.desk import Desk
from domain.sync.visit import Visit, background_read, has_issues, own_project, visit
from domain.trackers.contract import Cost, FailedDelivery, Failure, HookReport, TrackerError
from domain.trackers.table import TrackerProject

MOST_REDELIVERED = 50


async def check_hook(desk: Desk, project_id: UUID) -> None:
    """Looks at the project's webhook if it is time for it, and has failed deliveries made again, each once a check."""
    interval = timedelta(seconds=desk.settings.hook_check_seconds)

    def is_due(project: TrackerProject) -> bool:
        return project.hook_checked_at is None or now_utc() - project.hook_checked_at >= interval

    await visit(desk, project_id, _check, is_due=is_due)


async def _check(desk: Desk, visit: Visit) -> None:
    async with transaction(desk.database) as session:
        if not await has_issues(session, visit.project):
            return
    url = f"{desk.settings.public_url}/webhooks/{visit.tracker.id}"
    report: HookReport | None = None
    error: TrackerError | None = None
    redelivered = 0
    try:
        async with background_read(desk, visit, "hook"):
            report = await visit.adapter.inspect_hook(visit.place, url)
        for delivery in _to_redeliver(report):
            await _redeliver(desk, visit, report, delivery)
            redelivered += 1
    except TrackerError as failed:
        error = failed
    await _keep(desk, visit, _shown(report, redelivered=redelivered, error=error))
    if error is not None and error.failure not in {Failure.DEFINITE, Failure.GONE}:
        raise error


def _to_redeliver(report: HookReport) -> list[FailedDelivery]:
    return sorted(report.failed, key=lambda delivery: delivery.at)[:MOST_REDELIVERED]


async def _redeliver(desk: Desk, visit: Visit, report: HookReport, delivery: FailedDelivery) -> None:
    async with transaction(desk.database) as session:
        await own_project(session, desk, visit)
    async with desk.pacer.turn(visit.tracker, visit.adapter.capabilities.pacing, Cost.WRITE, background=True):
        SYNC_CALLS.labels(visit.tracker.kind, "redeliver").inc()
        await visit.adapter.redeliver(visit.place, str(report.id), delivery.id)
    WEBHOOKS_REDELIVERED.labels(visit.tracker.kind).inc()


def _shown(report: HookReport | None, *, redelivered: int, error: TrackerError | None) -> dict[str, Any]:
    """Gives what the project shows of its webhook, as JSON."""
    return {
        "id": report.id if report else None,
        "active": report is not None and report.active,
        "events": list(report.events) if report else [],
        "failed": [_failed(delivery) for delivery in _to_redeliver(report)] if report else [],
        "redelivered": redelivered,
        "error": error.text if error else None,
        "last_delivery_at": _instant(report.last_delivery_at) if report else None,
    }


def _failed(delivery: FailedDelivery) -> dict[str, Any]:
    return {"guid": delivery.guid, "event": delivery.event, "status": delivery.status, "at": _instant(delivery.at)}


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


async def _keep(desk: Desk, visit: Visit, hook: dict[str, Any]) -> None:
    async with transaction(desk.database) as session:
        project = await own_project(session, desk, visit)
        project.hook, project.hook_checked_at = hook, now_utc()
