"""`token create`: makes an API token through the domain, for the first ones and for scripts."""

import asyncio
import sys
from argparse import Namespace
from datetime import datetime, timedelta

from cli.failure import FINE
from cli.postgres import explain_database_errors
from domain.access.table import Scope
from domain.access.tokens import issue_token
from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.columns import now_utc
from domain.database import open_database, transaction
from domain.settings import load_settings


def run(arguments: Namespace) -> int:
    """Prints nothing but the token on standard output, so that it can be captured."""
    url = load_settings().database_url
    scopes = sorted({Scope(scope) for scope in arguments.scopes})
    now = now_utc()
    expires_at = now + timedelta(days=arguments.expires_in_days) if arguments.expires_in_days else None
    with explain_database_errors(url):
        text = asyncio.run(_create(url, now, name=arguments.name, scopes=scopes, expires_at=expires_at))
    until = f"until {expires_at:%Y-%m-%d %H:%M} UTC" if expires_at else "until it is revoked"
    print(f"Made the token {arguments.name!r} ({', '.join(scopes)}), good {until}. It is not shown again:", file=sys.stderr, flush=True)
    print(text)
    return FINE


async def _create(url: str, now: datetime, *, name: str, scopes: list[Scope], expires_at: datetime | None) -> str:
    database = await open_database(url, pool_size=1)
    try:
        async with transaction(database) as session:
            act = Act(ActorKind.SYSTEM, "command line", now)
            return issue_token(session, act, name=name, scopes=scopes, expires_at=expires_at)[1]
    finally:
        await database.close()
