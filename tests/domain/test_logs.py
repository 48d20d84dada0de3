"""The last net: a value whose name speaks of a secret never reaches a line, nor do the words of an error."""

import json
import subprocess
import sys
from typing import Any

from sandbox.migrations import ROOT

SECRETS = """
log.info("made", token="hush", webhook_secret="hush", Authorization="hush", token_id="shown", credentials={"a": "hush"})
log.debug("unseen")
logging.getLogger("other").warning("plain %s", "text", extra={"password": "hush"})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed", private_key="hush")
"""

REFUSED = """
import asyncio, asyncpg
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from domain.database import open_database

async def refuse():
    database = await open_database(sys.argv[1], pool_size=1)
    try:
        async with database.engine.begin() as connection:
            await connection.execute(text("CREATE TEMP TABLE notes (words text CONSTRAINT polite CHECK (words NOT LIKE 'hush%'))"))
            await connection.execute(text("INSERT INTO notes VALUES (:words)"), {"words": "hush"})
    finally:
        await database.close()

def grouped():
    try:
        asyncio.run(refuse())
    except IntegrityError as error:
        raise ExceptionGroup("hush", [ValueError("hush"), error]) from KeyError("hush")

try:
    grouped()
except ExceptionGroup as error:
    log.exception("by structlog", error=error, inner={"of": [error]})
    other.exception("by logging: %s", error)
    other.exception(error)
    other.error("by name %(error)s", {"error": error.exceptions[1]}, exc_info=error)
"""

ASYNCIO = """
import asyncio, gc

async def forget():
    async def fail():
        raise ValueError("hush")
    task = asyncio.create_task(fail())
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    def call(word):
        raise ValueError(word)
    asyncio.get_running_loop().call_soon(call, "hush")
    await asyncio.sleep(0.01)

asyncio.run(forget())
"""

OWN = """
from domain.errors import InvalidError
from domain.trackers.contract import Failure, TrackerError
try:
    try:
        raise TrackerError(Failure.AUTH, "GitHub refuses the token.", code="bad_credentials")
    except TrackerError as error:
        raise InvalidError("The tracker can't be used.") from error
except InvalidError:
    log.exception("failed")
"""


def _run(script: str, *arguments: str, status: int = 0) -> tuple[list[dict[str, Any]], str]:
    begin = 'import logging, structlog, sys\nfrom domain.logs import set_up_logs\nset_up_logs("INFO")\nlog = structlog.get_logger("t")\n'
    begin += 'other = logging.getLogger("other")\nstructlog.contextvars.bind_contextvars(request_id="r1")\n'
    answer = subprocess.run([sys.executable, "-c", begin + script, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == status, answer.stderr
    return [json.loads(line) for line in answer.stderr.splitlines()], answer.stderr


def test_secrets_are_hidden_and_every_line_is_json() -> None:
    lines, written = _run(SECRETS)
    assert [line["event"] for line in lines] == ["made", "plain text", "failed"]
    assert "hush" not in written
    assert lines[0]["token_id"] == "shown"
    assert lines[0]["token"] == "[hidden]"
    assert {line["request_id"] for line in lines} == {"r1"}
    assert lines[2]["exception"].startswith("ZeroDivisionError\n  <string>:")


def test_error_of_the_database_shows_names_but_no_words(database_url: str) -> None:
    lines, written = _run(REFUSED, database_url)
    assert "hush" not in written
    for line in lines:
        assert "asyncpg.exceptions.CheckViolationError sqlstate=23514 constraint_name=polite table_name=notes" in line["exception"]
        assert {"sqlalchemy.exc.IntegrityError", "ValueError", "KeyError"} <= {word.strip() for word in line["exception"].splitlines()}
        assert " in refuse\n" in line["exception"]
    assert [line["event"] for line in lines][:2] == ["by structlog", "by logging: ExceptionGroup"]
    assert lines[0]["error"] == "ExceptionGroup"


def test_lines_of_asyncio_say_what_happened_but_not_with_what() -> None:
    lines, written = _run(ASYNCIO)
    assert "hush" not in written
    assert [line["event"] for line in lines] == ["Task exception was never retrieved", "Exception in callback forget.<locals>.call"]
    assert all("ValueError\n  " in line["exception"] for line in lines)


def test_errors_that_are_written_for_people_keep_their_words() -> None:
    lines, _ = _run(OWN)
    told = lines[0]["exception"]
    assert "domain.trackers.contract.TrackerError: GitHub refuses the token.\n" in told
    assert "\nwhich caused:\ndomain.errors.InvalidError: The tracker can't be used.\n" in told


def test_crash_is_a_line_without_words() -> None:
    lines, written = _run('int("hush")', status=1)
    assert "hush" not in written
    assert [line["event"] for line in lines] == ["crashed"]
    assert lines[0]["exception"].startswith("ValueError\n")
