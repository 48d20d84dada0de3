"""`followthrough token create` on a real database."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from domain.access.tokens import TokenCheck
from sandbox.postgres import psql
from tests.cli.commands import followthrough, server_settings


async def test_token_alone_is_on_standard_output_and_is_good(fresh_database: str, redis_url: str) -> None:
    arguments = ["token", "create", "--name", "ci", "--scope", "write", "--scope", "read", "--scope", "read"]
    done = followthrough(*arguments, settings=server_settings(fresh_database, redis_url))
    assert done.returncode == 0
    token = done.stdout.removesuffix("\n")
    assert token.startswith("ft_")
    assert token.split() == [token]
    assert token not in done.stderr
    assert "'ci' (read, write), good until it is revoked" in done.stderr
    async with asyncpg.create_pool(fresh_database, min_size=0) as pool:
        caller = await TokenCheck(pool, bootstrap_token=None).caller(token)
    assert caller is not None
    assert (caller.name, sorted(caller.scopes)) == ("ci", ["read", "write"])
    assert psql(fresh_database, "SELECT actor_name, action, subject_kind FROM activities").strip() == "command line|created|token"


def test_token_expires_after_the_days_given(fresh_database: str, redis_url: str) -> None:
    arguments = ["token", "create", "--name", "short", "--scope", "read", "--expires-in-days", "7"]
    assert followthrough(*arguments, settings=server_settings(fresh_database, redis_url)).returncode == 0
    expires_at = datetime.fromisoformat(psql(fresh_database, "SELECT expires_at AT TIME ZONE 'UTC' FROM api_tokens").strip())
    assert abs(expires_at.replace(tzinfo=UTC) - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=2)


def test_token_in_a_database_without_tables_says_to_migrate(fresh_database: str, redis_url: str) -> None:
    psql(fresh_database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    arguments = ["token", "create", "--name", "early", "--scope", "admin"]
    done = followthrough(*arguments, settings=server_settings(fresh_database, redis_url))
    assert (done.returncode, done.stdout) == (1, "")
    assert "run `followthrough migrate`" in done.stderr


@pytest.mark.parametrize("wrong", [("--name", " "), ("--name", "x" * 201), ("--scope", "root"), ("--expires-in-days", "0")])
def test_wrong_wish_is_a_mistake_of_usage(wrong: tuple[str, str]) -> None:
    done = followthrough("token", "create", "--name", "ci", "--scope", "read", *wrong)
    assert done.returncode == 2
    assert wrong[0] in done.stderr
