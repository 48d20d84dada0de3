"""The data of a benchmark: tasks of several teams and owners, each with a link, the same in every run."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from domain.access.table import Scope
from domain.access.tokens import issue_token
from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.columns import new_id
from domain.database import open_database, transaction

OWNERS, TEAMS = 200, 20
NOW = datetime(2026, 8, 10, 12, tzinfo=UTC)
_VERBS = ("Add", "Alert on", "Document", "Limit", "Rehearse", "Remove", "Split", "Test")
_THINGS = ("the failover of", "the retry budget of", "the runbook of", "dashboards for", "a canary for", "the quota of", "backups of")
_PLACES = ("the payment queue", "the login service", "the primary database", "the edge cache", "the build cluster", "the mail relay")
_SENTENCES = (
    "During the incident nobody noticed for eleven minutes, because the alert waited for three failed probes in a row.",
    "The on-call engineer had to read the code to find out which of the two replicas was writable.",
    "Done when the change has run in staging for a week and the graph shows that latency stays below 200 ms.",
    "Retries without a limit tripled the traffic to a service that was already slow.",
    "See the timeline of the postmortem: 10:42 first errors, 10:53 page, 11:20 rollback, 11:31 all clear.",
)


async def seed(url: str, tasks: int) -> tuple[str, list[str]]:
    """Fills an empty, migrated database, and gives the text of a token with the scope `write` and some tasks' ids."""
    connection = await asyncpg.connect(url)
    try:
        ids = await _fill(connection, tasks)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return await _make_token(url), [str(task_id) for task_id in random.Random(1).sample(ids, 200)]  # noqa: S311 - no secret


async def _fill(connection: Any, tasks: int) -> list[UUID]:
    owners = [(new_id(), f"person{n}@example.com", f"Person {n}", *_AGES) for n in range(OWNERS)]
    teams = [(new_id(), f"team-{n}", f"Team {n}", _ZONES[n % len(_ZONES)], *_AGES) for n in range(TEAMS)]
    tracker, project = new_id(), new_id()
    rows = list(_tasks(tasks, [owner[0] for owner in owners], [team[0] for team in teams]))
    await _copy(connection, "people", owners, ("id", "email", "name"))
    await _copy(connection, "teams", teams, ("id", "slug", "name", "timezone"))
    tracker_columns = ("id", "kind", "name", "base_url", "credentials", "webhook_secret", "state", "state_reason", "failures")
    await _copy(
        connection, "trackers", [(tracker, "github", "GitHub", "https://api.github.com", b"", b"", "ok", "", 0, *_AGES)], tracker_columns
    )
    project_row = (project, tracker, "1", "example/service", "https://github.com/example/service", "{}", *_AGES)
    await _copy(connection, "tracker_projects", [project_row], ("id", "tracker_id", "remote_id", "key", "url", "details"))
    await _copy(connection, "tasks", rows, _TASK_COLUMNS)
    await _copy(connection, "issue_links", _links([row[0] for row in rows], project), _LINK_COLUMNS)
    return [row[0] for row in rows]


_AGES = (1, NOW, NOW)
_AGE_COLUMNS = ("version", "created_at", "updated_at")
_ZONES = ("UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo")
_TASK_COLUMNS = (
    *("id", "title", "description", "kind", "priority", "status", "reason", "owner_id", "team_id", "due_on", "first_due_on", "slips"),
    *("labels", "source_url", "source_line", "closed_at"),
)
_LINK_COLUMNS = (
    *("id", "task_id", "tracker_project_id", "label_prefix", "marker", "state", "remote_id", "remote_key", "url", "base", "notes"),
    *("desired_version", "pushed_version", "attempts", "probes", "fence", "error_count"),
    *("background", "local", "flips", "comments_due", "comments_seen", "bystanders"),
)


async def _copy(connection: Any, table: str, records: Any, columns: tuple[str, ...]) -> None:
    await connection.copy_records_to_table(table, records=records, columns=[*columns, *_AGE_COLUMNS])


def _tasks(count: int, owners: list[UUID], teams: list[UUID]) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(0)  # noqa: S311 - no secret
    for n in range(count):
        title = f"{chance.choice(_VERBS)} {chance.choice(_THINGS)} {chance.choice(_PLACES)}"
        description = "\n\n".join(chance.sample(_SENTENCES, 3))
        kind = chance.choice(("mitigate", "prevent", "detect", "process"))
        closed = n % 4 == 0
        due_on = date(2026, 8, 10) + timedelta(days=chance.randrange(-60, 60))
        source = (f"https://example.com/postmortems/{n // 5}", chance.randrange(20, 120))
        standing = (kind, f"P{n % 5}", "done" if closed else "open", "", chance.choice(owners), chance.choice(teams), due_on, due_on, 0)
        yield (new_id(), title, description, *standing, ["reliability", kind], *source, NOW if closed else None, *_AGES)


def _links(task_ids: list[UUID], project: UUID) -> Iterator[tuple[Any, ...]]:
    for n, task_id in enumerate(task_ids, 1):
        issue = (str(n), f"example/service#{n}", f"https://github.com/example/service/issues/{n}")
        yield (
            new_id(),
            task_id,
            project,
            "ft/",
            uuid4(),
            "linked",
            *issue,
            "{}",
            "{}",
            1,
            1,
            0,
            0,
            0,
            0,
            False,
            "{}",
            "[]",
            False,
            0,
            "[]",
            *_AGES,
        )


async def _make_token(url: str) -> str:
    database = await open_database(url, pool_size=1)
    try:
        async with transaction(database) as session:
            act = Act(ActorKind.SYSTEM, "benchmark", NOW)
            return issue_token(session, act, name="benchmark", scopes=[Scope.WRITE])[1]
    finally:
        await database.close()
