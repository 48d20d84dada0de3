"""`check`: says what works, what is missing, and what to do about it."""

import asyncio
from argparse import Namespace
from dataclasses import dataclass
from enum import StrEnum

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from cli.addresses import without_secrets
from cli.failure import FAILED, FINE, CommandFailedError
from cli.postgres import explain_database_errors
from cli.revisions import Revisions, read_revisions
from domain.database import load_tables, open_engine
from domain.errors import UnavailableError
from domain.settings import Settings, SettingsError, load_settings
from domain.trackers.credentials import Vault
from domain.trackers.table import Tracker, TrackerState

OLDEST_POSTGRES = 15
OLDEST_REDIS = (6, 2)
REDIS_SECONDS = 5


class Level(StrEnum):
    """How good or bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    level: Level
    about: str
    text: str


def run(arguments: Namespace) -> int:
    """Prints a line for each finding; the exit code says whether one of them is a fail."""
    findings = _look()
    for finding in findings:
        print(f"{finding.level:<5} {finding.about:<11} {finding.text}")
    return FAILED if any(finding.level is Level.FAIL for finding in findings) else FINE


def _look() -> list[Finding]:
    try:
        settings = load_settings()
    except SettingsError as error:
        wrong = [line.strip() for line in str(error).splitlines()[1:]]
        advice = Finding(Level.WARN, "servers", "not looked at; put the settings right first, see .env.example")
        return [*(Finding(Level.FAIL, "settings", line) for line in wrong), advice]
    complete = Finding(Level.OK, "settings", f"complete; the API is reached at {settings.public_url}")
    return [complete, *_look_at_database(settings), *_look_at_redis(settings)]


def _look_at_database(settings: Settings) -> list[Finding]:
    try:
        with explain_database_errors(settings.database_url):
            return asyncio.run(_ask_database(settings))
    except CommandFailedError as error:
        return [Finding(Level.FAIL, "PostgreSQL", f"{error}; start it, or correct DATABASE_URL")]


async def _ask_database(settings: Settings) -> list[Finding]:
    engine = open_engine(settings.database_url, pool_size=1)
    try:
        version = await _postgres_version(engine, where=without_secrets(settings.database_url))
        revisions = await read_revisions(engine)
        if not revisions.current:
            return [version, _behind(revisions)]
        migrated = Finding(Level.OK, "tables", f"up to date, at revision {revisions.newest}")
        return [version, migrated, *await _trackers(engine, Vault(settings.secret_keys))]
    finally:
        await engine.dispose()


async def _postgres_version(engine: AsyncEngine, *, where: str) -> Finding:
    async with engine.connect() as connection:
        number = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    major, minor = divmod(number, 10_000)
    if major < OLDEST_POSTGRES:
        return Finding(Level.FAIL, "PostgreSQL", f"{major}.{minor} at {where} is too old; {OLDEST_POSTGRES} or newer is needed")
    return Finding(Level.OK, "PostgreSQL", f"{major}.{minor} at {where}")


def _behind(revisions: Revisions) -> Finding:
    if not revisions.known:
        advice = f"at revision {revisions.stored}, which this version doesn't know; run the newer one that migrated it"
    else:
        advice = f"at {revisions.stored or 'nothing'}, not at revision {revisions.newest}; run `followthrough migrate`"
    return Finding(Level.FAIL, "tables", advice)


async def _trackers(engine: AsyncEngine, vault: Vault) -> list[Finding]:
    load_tables()
    async with AsyncSession(engine) as session:
        trackers = (await session.exec(select(Tracker).order_by(col(Tracker.name)))).all()
    if not trackers:
        return [Finding(Level.WARN, "trackers", "there is none, so no task becomes an issue; POST /v1/trackers adds one")]
    return [_tracker(tracker, vault) for tracker in trackers]


def _tracker(tracker: Tracker, vault: Vault) -> Finding:
    name = f"{tracker.name} ({tracker.kind}, {without_secrets(tracker.base_url)})"
    try:
        for sealed in (tracker.credentials, tracker.webhook_secret):
            vault.open(sealed)
    except UnavailableError:
        advice = "its credentials can't be decrypted; add the key that encrypted them to FOLLOWTHROUGH_SECRET_KEY, or store them anew"
        return Finding(Level.FAIL, "tracker", f"{name}: {advice}")
    if tracker.state is not TrackerState.OK:
        return Finding(Level.WARN, "tracker", f"{name}: {tracker.state}{': ' if tracker.state_reason else ''}{tracker.state_reason}")
    return Finding(Level.OK, "tracker", f"{name}: its credentials can be decrypted")


def _look_at_redis(settings: Settings) -> list[Finding]:
    where = without_secrets(settings.redis_url)
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS) as redis:
            redis.ping()
            found = {**redis.info("server"), **redis.info("memory")}
    except (RedisError, OSError) as error:
        return [Finding(Level.FAIL, "Redis", f"{where}: {error}; start it, or correct REDIS_URL")]
    except ValueError as error:
        return [Finding(Level.FAIL, "Redis", f"{where}: REDIS_URL can't be used ({type(error).__name__})")]
    return [_redis_version(found, where=where), *_redis_policy(str(found.get("maxmemory_policy", "")))]


def _redis_version(found: dict[str, object], *, where: str) -> Finding:
    # Valkey gives the version of Redis that it is compatible with under Redis' name, and its own besides.
    spoken = str(found.get("redis_version", "0"))
    shown = f"Valkey {found['valkey_version']}" if "valkey_version" in found else f"Redis {spoken}"
    if tuple(int(part) for part in spoken.split(".")[:2] if part.isdecimal()) < OLDEST_REDIS:
        return Finding(Level.FAIL, "Redis", f"{shown} at {where} is too old; {'.'.join(map(str, OLDEST_REDIS))} or newer is needed")
    return Finding(Level.OK, "Redis", f"{shown} at {where}")


def _redis_policy(policy: str) -> list[Finding]:
    if policy in {"noeviction", ""}:
        return []
    return [Finding(Level.WARN, "Redis", f"maxmemory-policy is {policy}: jobs may vanish; set it to noeviction")]
