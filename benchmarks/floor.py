"""The floor: the same answers from bare ASGI, asyncpg and msgspec, by hand and without a framework, authentication or logs.

`python -m benchmarks.floor PORT` serves under uvicorn as the product does; the database is at DATABASE_URL.
"""

import os
import sys
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import uuid_utils.compat
import uvicorn

_COLUMNS = """
    t.id, 'FT-' || t.number, t.title, t.description, t.kind, t.priority, t.status, t.reason, p.email, g.slug, t.due_on, t.first_due_on,
    t.slips, t.closed_at IS NULL AND t.due_on IS NOT NULL AND t.due_on < (now() AT TIME ZONE coalesce(g.timezone, 'UTC'))::date,
    t.postmortem_id, t.improvement_id, t.evidence_url, t.labels,
    array_to_json(ARRAY(SELECT row_to_json(shown_link) FROM issue_links l
        CROSS JOIN LATERAL (SELECT l.id, l.state, l.remote_key AS key, l.url) shown_link WHERE l.task_id = t.id ORDER BY l.id)),
    t.version, t.created_at, t.updated_at, t.closed_at, t.source_url, t.source_line
"""
_JOINS = "LEFT JOIN people p ON p.id = t.owner_id LEFT JOIN teams g ON g.id = t.team_id"
LIST = f"SELECT {_COLUMNS} FROM tasks t {_JOINS} WHERE t.deleted_at IS NULL ORDER BY t.id DESC LIMIT {{}}"  # noqa: S608 - constants
ONE = f"SELECT {_COLUMNS} FROM tasks t {_JOINS} WHERE t.id = $1 AND t.deleted_at IS NULL"  # noqa: S608 - constants
CREATE = f"""
WITH t AS (
    INSERT INTO tasks
        (id, title, description, priority, due_on, first_due_on, labels, status, reason, slips, version, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5, $6, 'open', '', 0, 1, now(), now())
    RETURNING *
)
SELECT {_COLUMNS} FROM t {_JOINS}
"""  # noqa: S608 - constants


class Source(msgspec.Struct):
    """Where a task came from."""

    url: str | None
    line: int | None


class Task(msgspec.Struct):
    """A task as it is answered; `links` comes as JSON from PostgreSQL and is passed on."""

    id: UUID
    key: str
    title: str
    description: str
    kind: str | None
    priority: str
    status: str
    reason: str
    owner: str | None
    team: str | None
    due_on: date | None
    first_due_on: date | None
    slips: int
    overdue: bool
    postmortem_id: UUID | None
    improvement_id: UUID | None
    evidence_url: str | None
    labels: list[str]
    links: msgspec.Raw
    version: int
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    source: Source


class TaskPage(msgspec.Struct):
    """A page of tasks."""

    items: list[Task]
    next_cursor: str | None


class TaskCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A new task."""

    title: str
    description: str = ""
    priority: str = "P2"
    due_on: date | None = None
    labels: list[str] = []


_encoder = msgspec.json.Encoder()
_new_task = msgspec.json.Decoder(TaskCreate)


def _task(row: Any) -> Task:
    values = list(row)
    values[18] = msgspec.Raw(values[18])
    values[23:] = [Source(values[23], values[24])]
    return Task(*values)


class Floor:
    """The ASGI application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers the three calls that are measured, and `/` with next to nothing."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/":
            await _answer(send, 200, b"{}")
        elif scope["method"] == "POST":
            await _answer(send, 201, await self._create(await _body(receive)))
        elif scope["path"] == "/v1/tasks":
            await _answer(send, 200, await self._list(int(scope["query_string"].removeprefix(b"limit="))))
        else:
            task = await self._one(UUID(scope["path"].removeprefix("/v1/tasks/")))
            await _answer(send, 404 if task is None else 200, task or b"{}")

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        # The product's pool runs single SELECTs only and skips asyncpg's reset in the same way.
        self._pool = await asyncpg.create_pool(
            os.environ["DATABASE_URL"], min_size=0, max_size=10, reset=_no_reset, server_settings={"timezone": "UTC", "jit": "off"}
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _list(self, limit: int) -> bytes:
        # The number stands in the text: behind a parameter the planner would not know it, and would plan anew each time.
        rows = await self._pool.fetch(LIST.format(limit + 1))
        items = [_task(row) for row in rows[:limit]]
        return _encoder.encode(TaskPage(items, str(items[-1].id) if len(rows) > limit else None))

    async def _one(self, task_id: UUID) -> bytes | None:
        row = await self._pool.fetchrow(ONE, task_id)
        return None if row is None else _encoder.encode(_task(row))

    async def _create(self, body: bytes) -> bytes:
        new = _new_task.decode(body)
        values = (new.title, new.description, new.priority, new.due_on, new.labels)
        return _encoder.encode(_task(await self._pool.fetchrow(CREATE, uuid_utils.compat.uuid7(), *values)))


async def _no_reset(connection: Any) -> None:
    pass


async def _body(receive: Any) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serves until SIGINT or SIGTERM."""
    uvicorn.run(
        Floor(),
        port=int(sys.argv[1]),
        loop="auto",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
