"""Which migrations the database has had, and which there are; works from a wheel too, where no pyproject.toml is."""

from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations


@dataclass(frozen=True, slots=True)
class Revisions:
    """The database's revision (None where it was never migrated) and the newest one of this program."""

    stored: str | None
    newest: str | None
    known: bool
    """Whether this program knows the stored revision; if not, a newer program has migrated the database."""

    @property
    def current(self) -> bool:
        return self.stored == self.newest


def alembic_config() -> Config:
    """Makes the configuration that pyproject.toml gives in a checkout."""
    config = Config()
    folder = Path(migrations.__path__[0])
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


async def read_revisions(engine: AsyncEngine) -> Revisions:
    """Asks the database; raises what its driver raises."""
    async with engine.connect() as connection:
        stored = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    scripts = ScriptDirectory.from_config(alembic_config())
    return Revisions(stored, scripts.get_current_head(), stored is None or _knows(scripts, stored))


def _knows(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        return scripts.get_revision(revision) is not None
    except CommandError:
        return False
