"""Runs the migrations, over the same driver as the product, against DATABASE_URL."""

import asyncio
import os
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from domain.columns import TextEnum
from domain.database import load_tables, open_engine
from domain.settings import SettingsError

# Only one process migrates at a time; the others wait for it and then find nothing to do.
MIGRATION_LOCK = 7_346_001


def _render_plainly(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Writes types of ours and of SQLModel as the columns that they are: an old migration never imports the code of today."""
    if kind == "type" and isinstance(item, TextEnum):
        return "sa.Text()"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String({item.impl_instance.length or ''})"  # type: ignore[attr-defined]
    return False


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_item=_render_plainly)
    with context.begin_transaction():
        context.run_migrations()


async def _run() -> None:
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise SettingsError("DATABASE_URL is not set: it names the database to migrate, postgresql://user@host/name")
    engine = open_engine(url.replace("postgresql+asyncpg://", "postgresql://", 1), statement_timeout_ms=0)
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
        await connection.commit()
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


load_tables()
asyncio.run(_run())
