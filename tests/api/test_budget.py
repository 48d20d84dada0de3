"""Each call's number of SQL statements, counted by the server itself: a loop that asks row by row can't creep in."""

from typing import Any

import httpx

from api.app import create_app
from sandbox.postgres import RunningPostgres
from tests.people_and_places import BOOTSTRAP_TOKEN, client_of, settings_for, started

SHORT = "# Cache outage\n\n### Tasks:\n" + "".join(f"{n}. Warm the cache number {n}\n" for n in range(1, 4))
_NOT_COUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "SELECT 1")


class Counter:
    """Reads the server's log, in which every statement stands."""

    def __init__(self, server: RunningPostgres) -> None:
        self.log = server.data_dir.with_name(f"{server.data_dir.name}.log")
        server.psql("followthrough", "ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf();")
        self.read = 0

    def statements(self) -> list[str]:
        """Gives the statements since the last call."""
        text = self.log.read_text()[self.read :]
        self.read += len(text)
        found = [line.partition("LOG:  ")[2] for line in text.splitlines() if "LOG:  " in line]
        texts = [line.partition(": ")[2] for line in found if line.startswith(("statement: ", "execute "))]
        return [one for one in texts if one and not one.startswith(_NOT_COUNTED)]


async def test_every_call_keeps_to_its_number_of_statements(own_postgres: RunningPostgres, redis_url: str) -> None:
    async with started(create_app(settings_for(own_postgres.url, redis_url))) as app:
        client = client_of(app, BOOTSTRAP_TOKEN)
        await _make_a_world(client)
        task = (await client.get("/v1/tasks?limit=1")).json()["items"][0]
        path = f"/v1/tasks/{task['id']}"
        calls: list[tuple[int, str, str, Any]] = [
            (1, "GET", "/v1/tasks?limit=50", None),
            (1, "GET", "/v1/tasks?limit=2&sort=due_on&status=open&team=ops", None),
            (1, "GET", path, None),
            (1, "GET", "/v1/postmortems", None),
            (1, "GET", "/v1/improvements", None),
            (1, "GET", "/v1/people", None),
            (1, "GET", "/v1/teams", None),
            (1, "GET", "/v1/activity", None),
            (1, "GET", f"{path}/links?limit=1", None),
            # The row and its activity are written, the routes are asked, and the answer is read.
            (4, "POST", "/v1/tasks", {"title": "a"}),
            # The row is locked, written with its activity, its links are marked, and the answer is read.
            (5, "PATCH", path, {"title": "{}"}),
            (2, "PATCH", path, {"title": "Warm the cache number 1"}),
        ]
        counter = Counter(own_postgres)
        for _, method, address, body in calls:  # asyncpg asks for types once
            await client.request(method, address, json=body)
        counter.statements()
        await client.patch(path, json={"title": "Warm the cache number 1"})
        for budget, method, address, body in calls:
            counter.statements()
            answer = await client.request(method, address, json=body)
            assert answer.status_code in {200, 201}
            statements = counter.statements()
            allowed = budget + (address.endswith("links?limit=1"))  # an empty list looks whether its task exists
            assert len(statements) == allowed, (method, address, statements)
            if (method, body) == ("PATCH", {"title": "{}"}):
                await client.patch(path, json={"title": "Warm the cache number 1"})


async def test_token_is_looked_up_once_for_many_calls(own_postgres: RunningPostgres, redis_url: str) -> None:
    async with started(create_app(settings_for(own_postgres.url, redis_url))) as app:
        made = await client_of(app, BOOTSTRAP_TOKEN).post("/v1/tokens", json={"name": "tool", "scopes": ["read"]})
        client = client_of(app, made.json()["token"])
        counter = Counter(own_postgres)
        await client.get("/v1/tasks")
        counter.statements()
        for _ in range(10):
            await client.get("/v1/tasks")
        assert len([one for one in counter.statements() if "api_tokens" in one]) <= 1


async def test_import_of_many_tasks_stays_near_a_few_statements_each(own_postgres: RunningPostgres, redis_url: str) -> None:
    document = "# Big\n\n### Tasks:\n" + "".join(f"{n}. Do the thing number {n}\n" for n in range(1, 101))
    async with started(create_app(settings_for(own_postgres.url, redis_url))) as app:
        client = client_of(app, BOOTSTRAP_TOKEN)
        counter = Counter(own_postgres)
        for most in (330, 12):
            counter.statements()
            await client.post("/v1/postmortems/import", content=document, headers={"Content-Type": "text/markdown"})
            assert len(counter.statements()) <= most


async def _make_a_world(client: httpx.AsyncClient) -> None:
    await client.post("/v1/teams", json={"slug": "ops", "name": "Operations", "members": ["ana@example.com", "bo@example.com"]})
    answer = await client.post("/v1/postmortems/import?team=ops", content=SHORT, headers={"Content-Type": "text/markdown"})
    assert answer.status_code == 201, answer.text
