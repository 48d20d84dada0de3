"""The servers of a benchmark: a migrated PostgreSQL with empty databases and an empty Valkey, which are gone at its end."""

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from sandbox.migrations import run_alembic
from sandbox.postgres import DATABASE, RunningPostgres, start_postgres
from sandbox.valkey import start_valkey


@dataclass(frozen=True, slots=True)
class Servers:
    """Where an empty database and Valkey are; `postgres_pid` is the process that all others of PostgreSQL descend from."""

    database_url: str
    redis_url: str
    secret_key: str
    postgres_pid: int

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead there."""
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url, "FOLLOWTHROUGH_SECRET_KEY": self.secret_key}


def start_servers(stack: contextlib.ExitStack, *, databases: int = 1) -> list[Servers]:
    """Starts both, and gives so many databases on them; they end when `stack` is closed."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="followthrough-bench-")))
    postgres = stack.enter_context(start_postgres(folder / "postgres", durable=False))
    valkey = stack.enter_context(start_valkey(None))
    run_alembic(postgres.url, "upgrade", "head")
    urls = [postgres.url, *(_copy(postgres, f"copy_{number}") for number in range(1, databases))]
    return [Servers(url, valkey.url, Fernet.generate_key().decode(), postgres.pid) for url in urls]


def _copy(postgres: RunningPostgres, name: str) -> str:
    postgres.psql("postgres", f"CREATE DATABASE {name} TEMPLATE {DATABASE};")
    return postgres.dsn(name)
