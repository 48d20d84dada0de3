"""Runs `followthrough` as people do: as a process with an environment of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parents[2]
KEY = Fernet.generate_key().decode()
SECONDS = 60


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: these settings, and none that the tests were started with."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    return {**kept, "COLUMNS": "120", **settings}


def server_settings(database_url: str, redis_url: str) -> dict[str, str]:
    """The settings that have no default."""
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "FOLLOWTHROUGH_SECRET_KEY": KEY}


def followthrough(
    *arguments: str | Path, settings: Mapping[str, str] | None = None, stdin: bytes = b""
) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end, and gives its exit code and all that it printed.

    Warnings are errors in the command itself; a server that it becomes has libraries that warn at their own code.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "cli", *map(str, arguments)],
        env=environment(settings or {}),
        input=stdin,
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
