"""Writes the OpenAPI document to openapi/openapi.json; with --check it only tells whether that file is as it should be."""

import argparse
import difflib
import sys
from itertools import islice
from pathlib import Path

from cryptography.fernet import Fernet

from api.app import create_app
from api.document import document_bytes, document_of
from domain.settings import Settings

TARGET = Path(__file__).parent.parent / "openapi" / "openapi.json"
MOST_LINES = 40


def main(arguments: list[str] | None = None) -> int:
    """Gives the exit code: 1 when --check finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m api.export_openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the file has drifted")
    parser.add_argument("--target", type=Path, default=TARGET, help="the file (openapi/openapi.json)")
    options = parser.parse_args(arguments)
    if options.check:
        return _check(options.target)
    options.target.parent.mkdir(exist_ok=True)
    options.target.write_bytes(exported())
    return 0


def exported() -> bytes:
    """The document of an application that needs no environment and opens no connection."""
    # Built without the environment, and without the checks that would read it.
    settings = Settings.model_construct(
        database_url="postgresql://localhost/none",
        redis_url="redis://localhost",
        secret_keys=(Fernet.generate_key().decode(),),
    )
    return document_bytes(document_of(create_app(settings)))


def _check(target: Path) -> int:
    committed = target.read_text(encoding="utf-8") if target.exists() else ""
    made = exported().decode()
    if committed == made:
        return 0
    lines = difflib.unified_diff(committed.splitlines(), made.splitlines(), str(target), "the code", n=2, lineterm="")
    sys.stdout.writelines(f"{line}\n" for line in islice(lines, MOST_LINES))
    sys.stdout.write("The OpenAPI document has drifted: run `make openapi`, and commit it.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
