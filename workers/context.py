"""What a worker's jobs share: opened when the worker starts, closed when it ends."""

from typing import Any, cast

from domain.bell import Bell
from domain.database import open_database
from domain.settings import Settings
from domain.sync.desk import Desk
from domain.trackers.credentials import Vault

DATABASE_CONNECTIONS = 20


async def open_desk(settings: Settings) -> Desk:
    """Opens the database and the bell; nothing is called at a tracker yet."""
    database = await open_database(settings.database_url, pool_size=DATABASE_CONNECTIONS)
    bell = Bell(settings.redis_url, queue_name=settings.queue_name)
    return Desk(settings, database, bell, Vault(settings.secret_keys))


async def close_desk(desk: Desk) -> None:
    """Closes everything that `open_desk` and the jobs opened."""
    await desk.close()
    await desk.bell.close()
    await desk.database.close()


def desk_of(context: dict[Any, Any]) -> Desk:
    """Finds the desk in arq's context."""
    return cast(Desk, context["desk"])
