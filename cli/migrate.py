"""`migrate`: brings the database's tables up to date; may be run by several at once, and again."""

import asyncio
import os
from argparse import Namespace

from alembic import command

from cli.failure import FINE, CommandFailedError
from cli.postgres import explain_database_errors
from cli.revisions import Revisions, alembic_config, read_revisions
from domain.database import open_engine
from domain.settings import load_settings


def run(arguments: Namespace) -> int:
    """Says from which revision to which it went."""
    url = load_settings().database_url
    with explain_database_errors(url):
        before = asyncio.run(_revisions(url))
        if not before.known:
            raise CommandFailedError(
                f"The database is at revision {before.stored}, which this version doesn't know: a newer one has migrated it. "
                "Run that one; nothing was changed."
            )
        os.environ["DATABASE_URL"] = url  # migrations/env.py reads it there, as it also runs under Alembic's own command
        command.upgrade(alembic_config(), "head")
    print(_told(before))
    return FINE


async def _revisions(url: str) -> Revisions:
    engine = open_engine(url, pool_size=1)
    try:
        return await read_revisions(engine)
    finally:
        await engine.dispose()


def _told(before: Revisions) -> str:
    if before.current:
        return f"The database is at revision {before.newest} already; there was nothing to do."
    return f"Migrated the database from {before.stored or 'nothing'} to revision {before.newest}."
