"""The database: its two ways in (SQLAlchemy sessions to write, bare asyncpg to read) and the one transaction of a request or job."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import configure_mappers
from sqlmodel.ext.asyncio.session import AsyncSession

STATEMENT_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_SECONDS = 5
# Something between us and the server may have forgotten a connection that was silent for longer.
LONGEST_IDLE_SECONDS = 300


def _server_settings(statement_timeout_ms: int = STATEMENT_TIMEOUT_MS) -> dict[str, str]:
    return {
        "timezone": "UTC",
        "application_name": "followthrough",
        "statement_timeout": str(statement_timeout_ms),
        # Lists are short and rendering them is cheap: compiling a plan costs more than running it.
        "jit": "off",
    }


AfterCommit = Callable[[AsyncSession], Awaitable[None]]


class ReadPool:
    """Connections for single statements, one at a time on each, which leave nothing behind that would have to be undone.

    A connection goes from one read straight to the next: the steps by which asyncpg's own pool hands one over and takes it back cost as
    much as all else that asyncpg does for a short read. What the sync writes for every link goes here too.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], *, size: int) -> None:
        self._connect = connect
        self._size = size
        self._turns = asyncio.Semaphore(size)
        self._idle: list[tuple[Any, float]] = []
        self._closed = False

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Runs a statement and gives its first row, or None; waits for its turn where all connections are in use."""
        async with self._turns:
            connection = await self._take()
            try:
                # A statement that is cancelled here ends in the background; asyncpg has the next one wait for that.
                return await connection.fetchrow(query, *args)
            finally:
                self._idle.append((connection, time.monotonic()))

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Runs a statement and gives the first value of its first row, or None."""
        row = await self.fetchrow(query, *args)
        return None if row is None else row[0]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Gives a connection in a transaction, which commits at the end; any error rolls all of it back."""
        async with self._turns:
            connection = await self._take()
            try:
                async with connection.transaction():
                    yield connection
            finally:
                if connection.is_in_transaction():  # cancelled before it could be rolled back
                    connection.terminate()
                self._idle.append((connection, time.monotonic()))

    async def _take(self) -> Any:
        if self._closed:
            raise asyncpg.InterfaceError("the pool is closed")
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_closed():
                continue
            if time.monotonic() - since < LONGEST_IDLE_SECONDS:
                return connection
            connection.terminate()
        return await self._connect()

    async def close(self) -> None:
        """Waits for the reads that run, and closes every connection; a later read is an InterfaceError."""
        self._closed = True
        for _ in range(self._size):
            await self._turns.acquire()
        for connection, _ in self._idle:
            await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)
        for _ in range(self._size):
            self._turns.release()


@dataclass(frozen=True, slots=True)
class Database:
    """An open database: `sessions` for writes, `pool` for reads that PostgreSQL renders itself."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    pool: ReadPool

    async def close(self) -> None:
        """Closes every connection; waits at most a few seconds for those in use."""
        await self.pool.close()
        await self.engine.dispose()


def load_tables() -> None:
    """Imports every `domain/*/table.py`: foreign keys are strings, so a flush needs all tables to be known."""
    for path in sorted(Path(__file__).parent.glob("*/table.py")):
        import_module(f"domain.{path.parent.name}.table")
    import_module("domain.trackers.link")
    import_module("domain.trackers.route")
    # Rows are also made without a session (see `domain.sync.bare_rows`), which would come too early for the mappers otherwise.
    configure_mappers()


def sqlalchemy_url(url: str) -> str:
    """Turns `postgresql://…` into the form that selects SQLAlchemy's asyncpg dialect."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


def open_engine(url: str, *, pool_size: int = 10, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS) -> AsyncEngine:
    """Makes an engine whose sessions run in UTC (a timeout of 0 is none); nothing is connected until it is used.

    Its errors don't show the values of a statement: they end up in logs.
    """
    connect_args = {"server_settings": _server_settings(statement_timeout_ms), "timeout": CONNECT_TIMEOUT_SECONDS}
    return create_async_engine(sqlalchemy_url(url), pool_size=pool_size, max_overflow=5, connect_args=connect_args, hide_parameters=True)


async def open_database(url: str, *, pool_size: int = 10) -> Database:
    """Opens the database without connecting yet, so that a server that is away at start is an error of a request, not of the start."""
    load_tables()
    engine = open_engine(url, pool_size=pool_size)
    sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
    connect = partial(asyncpg.connect, url, timeout=CONNECT_TIMEOUT_SECONDS, server_settings=_server_settings())
    return Database(engine, sessions, ReadPool(connect, size=pool_size))


@asynccontextmanager
async def transaction(database: Database, after_commit: AfterCommit | None = None) -> AsyncIterator[AsyncSession]:
    """Opens one transaction: commits at the end and then calls `after_commit`; any error rolls all of it back."""
    async with database.sessions() as session:
        async with session.begin():
            yield session
        if after_commit is not None:
            await after_commit(session)


async def reader(session: AsyncSession) -> Any:
    """Flushes the session and gives its bare asyncpg connection, so that a read sees what the transaction wrote."""
    await session.flush()
    connection = await session.connection()
    return (await connection.get_raw_connection()).driver_connection


def is_away(error: BaseException | None) -> bool:
    """Tells whether an error means that the database can't be reached, is starting, stopping or full."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or is_away(error.orig) or is_away(error.__cause__)
    if isinstance(error, BaseExceptionGroup):
        return any(is_away(inner) for inner in error.exceptions)
    # A value that asyncpg can't send is an InterfaceError too, but a ValueError besides.
    away = isinstance(error, _AWAY) and not isinstance(error, ValueError)
    return away or (error is not None and is_away(error.__cause__))


_AWAY = (
    OSError,
    TimeoutError,
    PoolTimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection says that breaks in the middle of an answer
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
