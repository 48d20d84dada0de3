"""The claim of a link in the case of nearly all: it is due, nobody has it, and its tracker can be called. One statement, no ORM."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.database import Database
from domain.sync.bare_rows import BareRows
from domain.sync.breaker import FAILURES
from domain.sync.untouched import LINKS, TASKS, Untouched
from domain.trackers.link import IssueLink
from domain.trackers.table import Tracker, TrackerProject

_TRACKERS = BareRows(Tracker)
_PROJECTS = BareRows(TrackerProject)

# What it doesn't find is left to `claim_link`, which tells why. $4 are trackers for which there are no tokens to make an issue.
_CLAIM = f"""
UPDATE issue_links AS link SET fence = link.fence + 1, lease_until = $3
FROM tracker_projects AS project, trackers AS tracker, tasks AS task
WHERE link.id = (
        SELECT id FROM issue_links
        WHERE id = $1 AND due_at <= $2 AND lease_until IS NULL AND state IN ('pending', 'linked')
        FOR NO KEY UPDATE SKIP LOCKED
    )
    AND project.id = link.tracker_project_id AND tracker.id = project.tracker_id AND task.id = link.task_id
    AND tracker.state IN ('ok', 'degraded') AND tracker.failures < {FAILURES}
    AND (tracker.blocked_until IS NULL OR tracker.blocked_until <= $2)
    AND NOT (link.state = 'pending' AND tracker.id = ANY($4::uuid[]))
RETURNING link.xmin, task.xmin, link.state = 'linked' AND EXISTS (
        SELECT FROM webhook_inbox AS entry
        WHERE entry.tracker_id = tracker.id AND entry.project_remote_id = project.remote_id
            AND entry.remote_id = link.remote_id AND entry.processed_at IS NULL
    ),
    {LINKS.columns("link")}, {_TRACKERS.columns("tracker")}, {_PROJECTS.columns("project")}, {TASKS.columns("task")}
"""  # noqa: S608 - names of columns

_LINK_AT = 3
_TRACKER_AT = _LINK_AT + len(LINKS.names)
_PROJECT_AT = _TRACKER_AT + len(_TRACKERS.names)
_TASK_AT = _PROJECT_AT + len(_PROJECTS.names)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A link that is claimed, with the rows around it; `waiting` tells that webhooks of its issue wait."""

    link: IssueLink
    tracker: Tracker
    project: TrackerProject
    untouched: Untouched
    waiting: bool


async def claim_untroubled(database: Database, link_id: UUID, *, at: datetime, lease: timedelta, closed: list[UUID]) -> Claimed | None:
    """Claims a link that nothing speaks against, committed; None where anything does, or may."""
    row = await database.pool.fetchrow(_CLAIM, link_id, at, at + lease, closed)
    if row is None:
        return None
    values = tuple(row)
    link = LINKS.read(values[_LINK_AT:_TRACKER_AT])
    untouched = Untouched(link, values[0], TASKS.read(values[_TASK_AT:]), values[1])
    tracker, project = _TRACKERS.read(values[_TRACKER_AT:_PROJECT_AT]), _PROJECTS.read(values[_PROJECT_AT:_TASK_AT])
    return Claimed(link, tracker, project, untouched, values[2])
