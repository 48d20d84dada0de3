"""Reads share a few connections: in turn, over cancelled reads and lost connections, until the pool is closed."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from domain.database import ReadPool


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[ReadPool]:
    """A pool of one connection."""
    pool = ReadPool(partial(asyncpg.connect, database_url), size=1)
    yield pool
    await pool.close()


async def _backend(pool: ReadPool) -> Any:
    return await pool.fetchval("SELECT pg_backend_pid()")


async def test_reads_wait_for_their_turn_on_the_same_connection(pool: ReadPool) -> None:
    assert len(set(await asyncio.gather(*(_backend(pool) for _ in range(5))))) == 1


async def test_no_row_is_none(pool: ReadPool) -> None:
    assert await pool.fetchrow("SELECT 1 WHERE false") is None
    assert await pool.fetchval("SELECT 1 WHERE false") is None


async def test_cancelled_read_does_not_hold_up_the_next(pool: ReadPool) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await pool.fetchrow("SELECT pg_sleep(30)")
    async with asyncio.timeout(5):
        assert await pool.fetchval("SELECT $1::int", 7) == 7


async def test_failed_read_leaves_a_connection_that_works(pool: ReadPool) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await pool.fetchval("SELECT 1 / 0")
    assert await pool.fetchval("SELECT 1") == 1


async def test_lost_connection_is_replaced(pool: ReadPool, database_url: str) -> None:
    before = await _backend(pool)
    other = await asyncpg.connect(database_url)
    await other.execute("SELECT pg_terminate_backend($1)", before)
    await other.close()
    await asyncio.sleep(0.1)
    assert await _backend(pool) != before


async def test_server_that_is_away_is_asked_again_at_the_next_read() -> None:
    pool = ReadPool(partial(asyncpg.connect, "postgresql://nobody@/none?host=/nowhere"), size=1)
    for _ in range(3):
        with pytest.raises(OSError, match=r"nowhere|No such file"):
            await pool.fetchval("SELECT 1")
    await pool.close()


async def test_closing_waits_for_the_reads_that_run(database_url: str) -> None:
    pool = ReadPool(partial(asyncpg.connect, database_url), size=2)
    running = asyncio.create_task(pool.fetchval("SELECT 'done' FROM pg_sleep(0.1)"))
    await asyncio.sleep(0.02)
    await pool.close()
    assert running.done()
    assert running.result() == "done"
    with pytest.raises(asyncpg.InterfaceError):
        await pool.fetchval("SELECT 1")
