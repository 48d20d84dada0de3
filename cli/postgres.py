"""Reaching PostgreSQL from the command line: what goes wrong becomes a sentence without secrets."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cli.addresses import without_secrets
from cli.failure import CommandFailedError


@contextmanager
def explain_database_errors(url: str) -> Iterator[None]:
    """Turns any error of the connection, the driver or SQLAlchemy into a CommandFailedError that names the server."""
    try:
        yield
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError) as error:
        raise CommandFailedError(f"PostgreSQL at {without_secrets(url)}: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    if isinstance(error, DBAPIError) and error.orig is not None:
        return _reason(error.orig.__cause__ or error.orig)
    match error:
        case asyncpg.UndefinedTableError():
            return "its tables are missing; run `followthrough migrate`"
        case asyncpg.PostgresError():
            return str(error.args[0]) if error.args else type(error).__name__
        case TimeoutError():
            return "no answer in time"
        case OSError():
            return f"not to be reached ({error.strerror or error})"
        case _:
            # Texts of other errors may quote the address, and with it the password.
            return f"DATABASE_URL can't be used ({type(error).__name__})"
