"""What `followthrough check` finds."""

from cryptography.fernet import Fernet
from redis import Redis

from domain.trackers.credentials import Vault
from sandbox.postgres import psql
from sandbox.valkey import RunningValkey
from tests.cli.commands import KEY, followthrough, server_settings


def _add_tracker(database_url: str, name: str, key: str, *, state: str = "ok") -> None:
    sealed = Vault((key,)).seal_json({"token": "hushhush"}).hex()
    psql(
        database_url,
        "INSERT INTO trackers "
        "(id, created_at, version, updated_at, kind, name, base_url, credentials, webhook_secret, state, state_reason, failures) "
        f"VALUES (gen_random_uuid(), now(), 1, now(), 'github', '{name}', 'https://api.github.com', '\\x{sealed}', '\\x{sealed}', "
        f"'{state}', 'the token was revoked', 0)",
    )


def _levels(printed: str) -> list[tuple[str, str]]:
    return [(words[0], words[1]) for words in (line.split() for line in printed.splitlines())]


def test_all_that_works_is_said_so(fresh_database: str, redis_url: str) -> None:
    _add_tracker(fresh_database, "GitHub", KEY)
    done = followthrough("check", settings=server_settings(fresh_database, redis_url))
    assert (done.returncode, done.stderr) == (0, "")
    assert _levels(done.stdout) == [("ok", "settings"), ("ok", "PostgreSQL"), ("ok", "tables"), ("ok", "tracker"), ("ok", "Redis")]


def test_wrong_settings_are_each_a_fail(fresh_database: str) -> None:
    done = followthrough("check", settings={"DATABASE_URL": fresh_database, "REDIS_URL": "http://nowhere"})
    assert done.returncode == 1
    fails = [line for line in done.stdout.splitlines() if line.startswith("fail")]
    assert ["REDIS_URL" in fails[0], "FOLLOWTHROUGH_SECRET_KEY" in fails[1], len(fails)] == [True, True, 2]


def test_servers_that_are_away_are_named_without_passwords() -> None:
    settings = server_settings("postgresql://ana:hushhush@127.0.0.1:1/x", "redis://:hushhush@127.0.0.1:1/0")
    done = followthrough("check", settings=settings)
    assert done.returncode == 1
    assert _levels(done.stdout) == [("ok", "settings"), ("fail", "PostgreSQL"), ("fail", "Redis")]
    assert "hushhush" not in done.stdout + done.stderr


def test_tables_that_are_behind_say_to_migrate(fresh_database: str, redis_url: str) -> None:
    psql(fresh_database, "DELETE FROM alembic_version")
    done = followthrough("check", settings=server_settings(fresh_database, redis_url))
    assert done.returncode == 1
    assert "run `followthrough migrate`" in done.stdout


def test_tracker_whose_key_is_gone_is_a_fail(fresh_database: str, redis_url: str) -> None:
    _add_tracker(fresh_database, "Lost", Fernet.generate_key().decode())
    _add_tracker(fresh_database, "Refused", KEY, state="auth_failed")
    done = followthrough("check", settings=server_settings(fresh_database, redis_url))
    assert done.returncode == 1
    lost, refused = (line for line in done.stdout.splitlines() if " tracker " in line)
    assert lost.startswith("fail")
    assert "FOLLOWTHROUGH_SECRET_KEY" in lost
    assert refused.startswith("warn")
    assert "auth_failed: the token was revoked" in refused
    assert "hushhush" not in done.stdout


def test_redis_that_may_forget_jobs_is_a_warning(fresh_database: str, own_valkey: RunningValkey) -> None:
    with Redis.from_url(own_valkey.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    done = followthrough("check", settings=server_settings(fresh_database, own_valkey.url))
    assert done.returncode == 0
    assert "maxmemory-policy is allkeys-lru" in done.stdout
    assert "there is none, so no task becomes an issue" in done.stdout
