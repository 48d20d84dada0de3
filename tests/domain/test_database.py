"""One transaction at the edge: all of it or nothing, the bell only after it, and errors that show no values."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.database import Database, open_database, transaction

INSERT = """INSERT INTO teams (id, slug, name, timezone, version, created_at, updated_at)
    VALUES (gen_random_uuid(), 'rung', 'R', 'UTC', 1, now(), now())"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url, pool_size=2)
    yield opened
    await opened.close()


async def test_error_shows_the_statement_but_none_of_its_values(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with transaction(database) as session:
            await session.exec(text("SELECT CAST(:secret AS uuid) FROM people").bindparams(secret="hush"))  # type: ignore[call-overload]
    assert "CAST" in str(caught.value)
    assert "parameters: " not in str(caught.value)


async def test_bell_rings_after_the_commit_and_not_after_a_rollback(database: Database) -> None:
    rung: list[int] = []

    async def ring(session: AsyncSession) -> None:
        async with database.sessions() as other:
            rung.append((await other.exec(text("SELECT count(*) FROM teams WHERE slug = 'rung'"))).one()[0])  # type: ignore[call-overload]

    async def write(*, then: str = "SELECT 1") -> None:
        async with transaction(database, ring) as session:
            await session.exec(text(INSERT))  # type: ignore[call-overload]
            await session.exec(text(then))  # type: ignore[call-overload]

    with pytest.raises(DBAPIError):
        await write(then="SELECT 1 / 0")
    assert rung == []
    await write()
    assert rung == [1]
    async with transaction(database) as session:
        await session.exec(text("DELETE FROM teams WHERE slug = 'rung'"))  # type: ignore[call-overload]


async def test_both_ways_in_speak_utc(database: Database) -> None:
    assert await database.pool.fetchval("SHOW timezone") == "UTC"
    async with transaction(database) as session:
        assert (await session.exec(text("SHOW timezone"))).one()[0] == "UTC"  # type: ignore[call-overload]
