"""The servers of a test run: one PostgreSQL and one Valkey for all test processes, a migrated database for each."""

import contextlib
import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from sandbox.migrations import run_alembic
from sandbox.postgres import RunningPostgres, binary, psql, start_postgres
from sandbox.valkey import RunningValkey, start_valkey

_WORKERINPUT = "followthrough_servers"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class SharedPostgres:
    """The run's PostgreSQL, as any of its test processes sees it; never stop it, see `own_postgres`."""

    url: str
    prefix: str
    """The names of all databases of this run start with it, so that runs can share a server."""

    def dsn(self, database: str) -> str:
        """Return the address of another database of the server, in the form of `url`."""
        server, _, options = self.url.partition("?")
        scheme, _, rest = server.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}/{database}?{options}".rstrip("?")

    def create_database(self, name: str) -> str:
        """Create an empty but migrated database of this test process and return its address."""
        psql(self.url, f'CREATE DATABASE "{self._own(name)}" TEMPLATE "{self.prefix}template"')
        return self.dsn(self._own(name))

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        psql(self.url, f'DROP DATABASE IF EXISTS "{self._own(name)}" WITH (FORCE)')

    def _own(self, name: str) -> str:
        """Tell the databases of parallel test processes apart."""
        return f"{self.prefix}{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{name}"


@dataclass(frozen=True, slots=True)
class SharedValkey:
    """The run's Valkey or Redis, as any of its test processes sees it; never stop it, see `own_valkey`."""

    url: str

    def dsn(self, database: int) -> str:
        """Return the address of the database with that number."""
        return f"{self.url.partition('?')[0]}?db={database}"


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers of the run; plain text, so that they can be handed to another process."""

    postgres: SharedPostgres
    valkey: SharedValkey


_SERVERS = pytest.StashKey[Servers]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of a parallel run, which pytest-xdist is about to start, where the servers are."""
    node.workerinput[_WORKERINPUT] = asdict(_servers_of(node.config))


def _servers_of(config: pytest.Config) -> Servers:
    handed_over = getattr(config, "workerinput", {}).get(_WORKERINPUT)
    if handed_over is not None:
        return Servers(SharedPostgres(**handed_over["postgres"]), SharedValkey(**handed_over["valkey"]))
    if _SERVERS not in config.stash:
        stack = contextlib.ExitStack()
        config.add_cleanup(stack.close)
        config.stash[_SERVERS] = _open_servers(stack)
    return config.stash[_SERVERS]


def _open_servers(stack: contextlib.ExitStack) -> Servers:
    """Start what the environment doesn't give, and migrate the template of all databases, once for the run."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tests-of-followthrough-")))
    postgres_url = os.environ.get("TEST_DATABASE_URL", "").replace("postgresql+asyncpg://", "postgresql://")
    if not postgres_url:
        postgres_url = stack.enter_context(start_postgres(folder / "postgres", durable=False)).url
    redis_url = os.environ.get("TEST_REDIS_URL") or stack.enter_context(start_valkey(None)).url
    postgres = SharedPostgres(postgres_url, prefix=f"test_{os.getpid()}_")
    stack.callback(psql, postgres.url, f'DROP DATABASE IF EXISTS "{postgres.prefix}template" WITH (FORCE)')
    psql(postgres.url, f'CREATE DATABASE "{postgres.prefix}template" TEMPLATE template0')
    run_alembic(postgres.dsn(f"{postgres.prefix}template"), "upgrade", "head")
    return Servers(postgres, SharedValkey(redis_url))


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> SharedPostgres:
    """The PostgreSQL that all tests share."""
    return _servers_of(pytestconfig).postgres


@pytest.fixture(scope="session")
def valkey(pytestconfig: pytest.Config) -> SharedValkey:
    """The Valkey that all tests share."""
    return _servers_of(pytestconfig).valkey


@pytest.fixture(scope="session")
def database_url(postgres: SharedPostgres) -> Iterator[str]:
    """The address of this test process's own database, migrated and empty when the first test asks for it."""
    yield postgres.create_database("shared")
    postgres.drop_database("shared")


@pytest.fixture(scope="session")
def redis_url(valkey: SharedValkey) -> str:
    """The address of this test process's own database in Valkey, empty when the first test asks for it."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    with Redis.from_url(valkey.dsn(number)) as client:
        client.flushdb()
    return valkey.dsn(number)


@pytest.fixture
def fresh_database(postgres: SharedPostgres) -> Iterator[str]:
    """The address of a migrated database of this test alone, for tests that run whole processes."""
    name = str(next(_numbers))
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def migrated_schema(postgres: SharedPostgres) -> str:
    """What the migrations made, as SQL: quicker on another server than the migrations."""
    command: list[str | Path] = [binary("pg_dump"), "-d", postgres.dsn(f"{postgres.prefix}template")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def own_postgres(tmp_path: Path, migrated_schema: str) -> Iterator[RunningPostgres]:
    """A PostgreSQL with a migrated database of this test alone, which may stop it, kill it and start it again."""
    with start_postgres(tmp_path / "postgres", durable=False) as server:
        server.psql("followthrough", migrated_schema)
        yield server


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[RunningValkey]:
    """A Valkey of this test alone that keeps its data, which may stop it, kill it and start it again."""
    with start_valkey(tmp_path / "valkey") as server:
        yield server
