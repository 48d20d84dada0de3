"""`followthrough migrate` on real databases."""

from collections.abc import Iterator

import pytest

from sandbox.postgres import psql
from tests.cli.commands import followthrough, server_settings
from tests.servers import SharedPostgres


@pytest.fixture
def empty_database(postgres: SharedPostgres) -> Iterator[str]:
    name = f"{postgres.prefix}empty"
    psql(postgres.url, f'CREATE DATABASE "{name}" TEMPLATE template0')
    yield postgres.dsn(name)
    postgres.drop_database("empty")


def test_migrate_makes_the_tables_and_says_so_once(empty_database: str, redis_url: str) -> None:
    settings = server_settings(empty_database, redis_url)
    first = followthrough("migrate", settings=settings)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("Migrated the database from nothing to revision ")
    assert psql(empty_database, "SELECT count(*) FROM tasks").strip() == "0"
    again = followthrough("migrate", settings=settings)
    assert again.returncode == 0
    assert again.stdout.endswith("already; there was nothing to do.\n")


def test_database_of_a_newer_version_is_left_alone(fresh_database: str, redis_url: str) -> None:
    psql(fresh_database, "UPDATE alembic_version SET version_num = 'from_the_future'")
    done = followthrough("migrate", settings=server_settings(fresh_database, redis_url))
    assert done.returncode == 1
    assert "from_the_future" in done.stderr
    assert psql(fresh_database, "SELECT version_num FROM alembic_version").strip() == "from_the_future"


def test_server_that_is_away_is_named_without_its_password(redis_url: str) -> None:
    done = followthrough("migrate", settings=server_settings("postgresql://ana:hushhush@127.0.0.1:1/followthrough", redis_url))
    assert (done.returncode, done.stdout) == (1, "")
    assert "PostgreSQL at postgresql://127.0.0.1:1/followthrough: not to be reached" in done.stderr
    assert "hushhush" not in done.stderr


def test_address_that_cannot_be_read_is_not_quoted(redis_url: str) -> None:
    done = followthrough("migrate", settings=server_settings("postgresql://ana:hushhush@db:port/followthrough", redis_url))
    assert done.returncode == 1
    assert "DATABASE_URL can't be used" in done.stderr
    assert "hushhush" not in done.stderr
