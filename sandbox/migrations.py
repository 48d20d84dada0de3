"""Migrations are checked against the code, undone, and written, each time on a throw-away server."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sandbox.postgres import RunningPostgres, start_postgres

ROOT = Path(__file__).parent.parent
_LEFT_OVER = r"""
SELECT string_agg(relname, ', ') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic\_version%'
"""


def run_alembic(url: str, *arguments: str) -> None:
    """Run one command of Alembic on the database at `url`; raises CalledProcessError after Alembic has said why."""
    subprocess.run([sys.executable, "-m", "alembic", *arguments], cwd=ROOT, env=os.environ | {"DATABASE_URL": url}, check=True)


def main() -> None:
    """Do what the command line says on a throw-away server; ends the process with what is wrong."""
    with (
        tempfile.TemporaryDirectory() as folder,
        start_postgres(Path(folder) / "postgres", durable=False) as server,
    ):
        try:
            _follow(sys.argv[1:], server)
        except subprocess.CalledProcessError as error:
            sys.exit(f"failed: {' '.join(error.cmd[1:])}")


def _follow(arguments: list[str], server: RunningPostgres) -> None:
    match arguments:
        case ["check"]:
            _go_up_and_down(server)
        case ["new", what] if what:
            run_alembic(server.url, "upgrade", "head")
            run_alembic(server.url, "revision", "--autogenerate", "-m", what)
        case _:
            sys.exit("usage: python -m sandbox.migrations check | new WHAT_CHANGES")


def _go_up_and_down(server: RunningPostgres) -> None:
    run_alembic(server.url, "upgrade", "head")
    run_alembic(server.url, "check")
    run_alembic(server.url, "downgrade", "base")
    if left_over := server.psql("followthrough", _LEFT_OVER).strip():
        sys.exit(f"downgrading to base leaves behind: {left_over}")
    run_alembic(server.url, "upgrade", "head")


if __name__ == "__main__":
    main()
