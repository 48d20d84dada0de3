"""The embedded PostgreSQL starts, crashes, comes back and leaves nothing behind, wherever it is put."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from sandbox.launch import ServerFailedError, wait_until
from sandbox.migrations import ROOT
from sandbox.postgres import RunningPostgres, start_postgres

START_AND_WAIT = """
import sys, time
from pathlib import Path
from sandbox.postgres import start_postgres
print(start_postgres(Path(sys.argv[1]), durable=True).pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder below one that only we may enter, as a checkout in a home folder is."""
    private = tmp_path_factory.mktemp("private")
    private.chmod(0o700)
    return private / "postgres"


@pytest.fixture
def server(data_dir: Path) -> Iterator[RunningPostgres]:
    with start_postgres(data_dir, durable=True) as running:
        yield running


async def test_url_leads_to_the_database(server: RunningPostgres) -> None:
    engine = create_async_engine(server.url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        row = (await connection.execute(text("SELECT current_database(), upper('ä'), version()"))).one()
    await engine.dispose()
    assert row[:2] == ("followthrough", "Ä")
    assert row[2].startswith("PostgreSQL 18")


async def test_another_database_has_an_address_too(server: RunningPostgres) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    assert await connection.fetchval("SELECT current_database()") == "postgres"
    await connection.close()


def test_data_survive_stop_crash_and_restart_at_the_same_address(server: RunningPostgres) -> None:
    address = server.url
    server.psql("followthrough", "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    server.stop()
    server.start()
    server.psql("followthrough", "INSERT INTO kept VALUES (2)")
    server.kill()
    server.start()
    assert server.url == address
    assert server.psql("followthrough", "SELECT n FROM kept ORDER BY n; DROP TABLE kept") == "1\n2\n"


def test_stopped_server_can_be_stopped_again_and_leaves_no_socket(server: RunningPostgres) -> None:
    server.stop()
    server.stop()
    assert not server.socket_dir.exists()
    with pytest.raises(ServerFailedError, match="not running"):
        _ = server.pid


def test_only_we_can_reach_the_server(server: RunningPostgres) -> None:
    for folder in (server.socket_dir, server.data_dir, server.data_dir.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert server.psql("postgres", "SHOW listen_addresses").strip() == ""


def test_throw_away_server_does_not_wait_for_the_disk(tmp_path: Path, server: RunningPostgres) -> None:
    with start_postgres(tmp_path / "throw-away", durable=False) as fast:
        assert fast.psql("postgres", "SHOW fsync") == "off\n"
    assert server.psql("postgres", "SHOW fsync") == "on\n"


def test_folder_in_use_is_refused(server: RunningPostgres) -> None:
    with pytest.raises(ServerFailedError, match="in use by another running sandbox"):
        start_postgres(server.data_dir, durable=True)
    assert server.psql("postgres", "SELECT 1") == "1\n"


def test_unfinished_folder_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.unfinished" / "base").mkdir(parents=True)
    with start_postgres(tmp_path / "postgres", durable=False) as server:
        assert server.psql("followthrough", "SELECT 1") == "1\n"


def test_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "postgres" / "letter.txt"
    theirs.parent.mkdir()
    theirs.write_text("dear")
    with pytest.raises(ServerFailedError, match="is not empty"):
        start_postgres(tmp_path / "postgres", durable=False)
    assert theirs.read_text() == "dear"


def test_pid_file_that_names_a_stranger_is_no_obstacle(data_dir: Path) -> None:
    with start_postgres(data_dir, durable=True) as server:
        pid_file = data_dir / "postmaster.pid"
        left_behind = pid_file.read_text().splitlines()
        server.kill()
        left_behind[0] = str(os.getppid())
        pid_file.write_text("\n".join(left_behind) + "\n")
        server.start()
        assert server.psql("followthrough", "SELECT 1") == "1\n"


def test_server_ends_with_its_killed_parent_and_the_next_start_works(data_dir: Path) -> None:
    with start_postgres(data_dir, durable=True):
        pass
    command = [sys.executable, "-c", START_AND_WAIT, str(data_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    with start_postgres(data_dir, durable=True) as server:
        assert server.pid != pid
        assert wait_until(lambda: not _is_alive(pid), seconds=10)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
