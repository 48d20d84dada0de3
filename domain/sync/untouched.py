"""A link that nobody else writes while it is worked on: its journal is one statement, its outcome two, all without the ORM.

`xmin` is the transaction that wrote a row last: while it is what was read, the row is what was read. Where it isn't any more (an edit
came in, somebody else has the link), nothing is written, and whoever asked goes the long way, which locks and reads both rows again.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from domain.database import Database
from domain.sync.bare_rows import BareRows
from domain.sync.table import SyncAttempt
from domain.tasks.table import Task
from domain.trackers.contract import Receipt
from domain.trackers.link import IssueLink

LINKS = BareRows(IssueLink)
TASKS = BareRows(Task, without=("search", "imported"))
_ATTEMPTS = BareRows(SyncAttempt)

# What stays as it is in the row, or is changed by those alone who edit the task or its comments, or claim the link.
_KEPT = {"id", "created_at", "task_id", "tracker_project_id", "marker", "label_prefix", "fence", "desired_version"}
_COMMENTS = {"comments_due", "comments_seen", "comments_seen_at"}
_WRITTEN = [name for name in LINKS.names if name not in _KEPT | _COMMENTS]
_SETS = ", ".join(f"{name} = ${number}" for number, name in enumerate(_WRITTEN, 4))
_AFTER = len(_WRITTEN) + 4
_ATTEMPT_VALUES = ", ".join(f"${number}" for number in range(_AFTER + 2, _AFTER + 2 + len(_ATTEMPTS.names)))

# The task is locked before the link, as everywhere: the link is only written where the task was found to be the same.
_JOURNAL = f"""
WITH task AS MATERIALIZED (
    SELECT id FROM tasks WHERE id = ${_AFTER} AND xmin = ${_AFTER + 1} FOR NO KEY UPDATE
), link AS (
    UPDATE issue_links SET {_SETS} FROM task
    WHERE issue_links.id = $1 AND issue_links.fence = $2 AND issue_links.xmin = $3 AND task.id = issue_links.task_id
    RETURNING issue_links.xmin
), attempt AS (
    INSERT INTO sync_attempts ({", ".join(_ATTEMPTS.names)}) SELECT {_ATTEMPT_VALUES} FROM link
)
SELECT xmin FROM link
"""  # noqa: S608 - names of columns and numbers of parameters

_OUTCOME = f"""
UPDATE issue_links SET {_SETS} WHERE id = $1 AND fence = $2 AND xmin = $3 AND NOT comments_due RETURNING id
"""  # noqa: S608 - names of columns and numbers of parameters

# A statement of its own, so that it sees webhooks of which the one before has waited for the lock on the link.
_ATTEMPT_OUTCOME = """
WITH attempt AS (
    UPDATE sync_attempts SET outcome = 'ok', finished_at = $2, calls = $3, remote_request_id = $4 WHERE id = $1
)
UPDATE issue_links AS link SET due_at = $2
FROM tracker_projects AS project
WHERE link.id = $5 AND project.id = link.tracker_project_id AND EXISTS (
    SELECT FROM webhook_inbox AS entry
    WHERE entry.tracker_id = project.tracker_id AND entry.project_remote_id = project.remote_id
        AND entry.remote_id = link.remote_id AND entry.processed_at IS NULL
)
RETURNING link.due_at
"""


@dataclass(frozen=True, slots=True)
class Untouched:
    """A claimed link and its task as they were read, outside of any session, with the `xmin` of both rows."""

    link: IssueLink
    link_xmin: int
    task: Task
    task_xmin: int


async def journal_untouched(database: Database, before: Untouched, link: IssueLink, attempt: SyncAttempt) -> Untouched | None:
    """Writes a link and an attempt down, committed; None, and nothing written, where the link or its task was written meanwhile."""
    row = await database.pool.fetchrow(
        _JOURNAL,
        *(link.id, link.fence, before.link_xmin),
        *LINKS.write(link, _WRITTEN),
        *(before.task.id, before.task_xmin),
        *_ATTEMPTS.write(attempt, _ATTEMPTS.names),
    )
    return None if row is None else replace(before, link=link, link_xmin=row[0])


@asynccontextmanager
async def outcome_untouched(
    database: Database, before: Untouched, link: IssueLink, attempt: SyncAttempt, receipt: Receipt, *, at: datetime
) -> AsyncIterator[bool]:
    """Writes a link and the success of its attempt, commits at the end, and says whether; not where the link was written meanwhile.

    A link of whose issue a webhook waits is due at once.
    """
    async with database.pool.transaction() as connection:
        values = (link.id, link.fence, before.link_xmin, *LINKS.write(link, _WRITTEN))
        written = await connection.fetchrow(_OUTCOME, *values) is not None
        if written:
            ended = (attempt.id, at, receipt.calls, receipt.request_id, link.id)
            waiting = await connection.fetchrow(_ATTEMPT_OUTCOME, *ended)
            link.due_at = at if waiting else link.due_at
        yield written
