"""The embedded Valkey keeps what it should, forgets what it may, and comes back at the same address."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from arq.connections import RedisSettings, create_pool
from redis import Redis

from sandbox.launch import ServerFailedError
from sandbox.migrations import ROOT
from sandbox.valkey import DATABASES, start_valkey

START_AND_WAIT = """
import sys, time
from pathlib import Path
from sandbox.migrations import ROOT
from sandbox.valkey import start_valkey
print(start_valkey(Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


async def test_arq_finds_the_server_and_its_database() -> None:
    with start_valkey(None) as server:
        pool = await create_pool(RedisSettings.from_dsn(server.dsn(DATABASES - 1)))
        assert await pool.enqueue_job("ring", _job_id="one")
        assert await pool.zcard("arq:queue") == 1
        await pool.aclose()
        with Redis.from_url(server.url) as client:
            assert client.dbsize() == 0
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_data_survive_a_crash_when_a_folder_is_given(tmp_path: Path) -> None:
    with start_valkey(tmp_path / "valkey") as server:
        address = server.url
        with Redis.from_url(address) as client:
            client.set("kept", "yes")
        server.stop()
        server.start()
        server.kill()
        server.start()
        assert server.url == address
        with Redis.from_url(address) as client:
            assert client.get("kept") == b"yes"


def test_server_without_a_folder_starts_empty_again() -> None:
    with start_valkey(None) as server:
        with Redis.from_url(server.url) as client:
            client.set("kept", "no")
        server.kill()
        server.start()
        with Redis.from_url(server.url) as client:
            assert client.get("kept") is None
    assert not server.socket_dir.exists()


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    with start_valkey(tmp_path / "valkey"), pytest.raises(ServerFailedError, match="in use by another running sandbox"):
        start_valkey(tmp_path / "valkey")


def test_next_start_works_after_the_parent_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START_AND_WAIT, str(tmp_path / "valkey")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    with start_valkey(tmp_path / "valkey") as server, Redis.from_url(server.url) as client:
        assert server.pid != pid
        assert client.ping()
