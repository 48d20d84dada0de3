"""What the sync has still to do, as figures: read from the database from time to time, not at each change."""

import json
from typing import Any
from uuid import UUID

from domain.database import Database
from domain.metrics import CONFLICTS_OPEN, INBOX_AGE, LINKS, SYNC_OLDEST_DUE, SYNC_WAITING, TRACKER_QUOTA_REMAINING
from domain.sync.desk import Desk
from domain.trackers.link import LinkState

# A link that waits for a person, or whose tracker a person has paused, isn't late.
_DUE = """
SELECT coalesce(json_agg(json_build_object('id', id, 'name', name, 'links', links, 'age', age)), '[]') FROM (
    SELECT trackers.id, trackers.name, count(due.id) AS links,
        CASE WHEN trackers.state = 'paused' THEN 0 ELSE coalesce(extract(epoch FROM now() - min(due.due_at)), 0) END AS age
    FROM trackers
    LEFT JOIN tracker_projects ON tracker_projects.tracker_id = trackers.id
    LEFT JOIN issue_links AS due ON due.tracker_project_id = tracker_projects.id
        AND due.due_at <= now() AND due.state NOT IN ('gone', 'detached', 'needs_attention')
    GROUP BY trackers.id
) AS counted
"""
_LINKS = (
    "SELECT coalesce(json_object_agg(state, links), '{}') FROM (SELECT state, count(*) AS links FROM issue_links GROUP BY state) AS counted"
)
_OPEN = """
SELECT
    (SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 FROM webhook_inbox WHERE processed_at IS NULL),
    (SELECT count(*) FROM sync_conflicts WHERE resolved_at IS NULL)
"""


async def measure(desk: Desk) -> None:
    """Sets the figures of what waits, what is open and which quota is left; three statements, no call to a tracker."""
    trackers: list[dict[str, Any]] = json.loads(await desk.database.pool.fetchval(_DUE))
    await _measure_links(desk.database)
    inbox_age, conflicts = await desk.database.pool.fetchrow(_OPEN)
    INBOX_AGE.set(inbox_age)
    CONFLICTS_OPEN.set(conflicts)
    _show_trackers(trackers)
    _show_quotas(desk, {UUID(tracker["id"]): tracker["name"] for tracker in trackers})


async def _measure_links(database: Database) -> None:
    links: dict[str, int] = json.loads(await database.pool.fetchval(_LINKS))
    for state in LinkState:
        LINKS.labels(state).set(links.get(state, 0))


def _show_trackers(trackers: list[dict[str, Any]]) -> None:
    # A tracker may have been renamed or deleted since the last time.
    SYNC_OLDEST_DUE.clear()
    SYNC_WAITING.clear()
    for tracker in trackers:
        SYNC_OLDEST_DUE.labels(tracker["name"]).set(tracker["age"])
        SYNC_WAITING.labels(tracker["name"]).set(tracker["links"])


def _show_quotas(desk: Desk, names: dict[UUID, str]) -> None:
    TRACKER_QUOTA_REMAINING.clear()
    for tracker_id, adapter in desk.open_adapters():
        if adapter.quota is not None and tracker_id in names:
            TRACKER_QUOTA_REMAINING.labels(names[tracker_id]).set(adapter.quota.remaining)
