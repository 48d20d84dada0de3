"""What the sandbox GitHub knows: records in memory, written through to one SQLite file that survives SIGKILL."""

import sqlite3
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from sandbox.github_records import (
    AccessToken,
    Account,
    Comment,
    Delivery,
    Hook,
    Issue,
    Label,
    Record,
    Repository,
)

KINDS: tuple[type[Record], ...] = (Account, Repository, Label, Issue, Comment, Hook, Delivery, AccessToken)
DEFAULT_LABELS = (("bug", "d73a4a"), ("documentation", "0075ca"), ("enhancement", "a2eeef"), ("question", "d876e3"))
FIRST_ID = 2_000_000_000  # ids of GitHub exceed 31 bits; a client that stores them in 32 is found out here

R = TypeVar("R", Account, Repository, Label, Issue, Comment, Hook, Delivery, AccessToken)


class State:
    """The records of one sandbox; not for several threads, nor for two processes on one file."""

    def __init__(self, path: Path | None) -> None:
        """Open the file at `path` (made where it is missing), or keep everything in memory alone."""
        self._rows: dict[type[Record], dict[str, Record]] = {kind: {} for kind in KINDS}
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._database.executescript(
            # The end of the process loses nothing; a power cut may.
            "PRAGMA journal_mode = wal; PRAGMA synchronous = off;"
            "CREATE TABLE IF NOT EXISTS records"
            " (kind TEXT, key TEXT, body BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;"
        )
        self._load()
        self._last_id = max([FIRST_ID, *(row.id for row in self._numbered())])

    def _load(self) -> None:
        kinds = {kind.__name__: kind for kind in KINDS}
        for name, key, body in self._database.execute("SELECT kind, key, body FROM records"):
            self._rows[kinds[name]][key] = msgspec.json.decode(body, type=kinds[name])

    def _numbered(self) -> Iterator[Label | Issue | Comment | Hook | Delivery]:
        yield from self.all(Label)
        yield from self.all(Issue)
        yield from self.all(Comment)
        yield from self.all(Hook)
        yield from self.all(Delivery)

    def all(self, kind: type[R]) -> list[R]:
        """Return every record of a kind."""
        return [row for row in self._rows[kind].values() if isinstance(row, kind)]

    def find(self, kind: type[R], key: str | int) -> R | None:
        """Return the record of a kind by its key."""
        found = self._rows[kind].get(str(key))
        return found if isinstance(found, kind) else None

    def new_id(self) -> int:
        """Return a number that no record has."""
        self._last_id += 1
        return self._last_id

    def save(self, *records: Record) -> None:
        """Keep these records; they are on disk after `commit`."""
        for record in records:
            self._rows[type(record)][record.key] = record
            row = (type(record).__name__, record.key, msgspec.json.encode(record))
            self._database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", row)

    def remove(self, record: Record) -> None:
        """Forget a record."""
        del self._rows[type(record)][record.key]
        row = (type(record).__name__, record.key)
        self._database.execute("DELETE FROM records WHERE kind = ? AND key = ?", row)

    def commit(self) -> None:
        """Make what was saved and removed last, all or nothing."""
        self._database.commit()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def repository(self, owner: str, name: str) -> Repository | None:
        """Return the repository of that name, in any case."""
        wanted = f"{owner}/{name}".lower()
        return next((found for found in self.all(Repository) if found.full_name.lower() == wanted), None)

    def account(self, login: str) -> Account:
        """Return the account of a login that is known to exist."""
        found = self.find(Account, login.lower())
        if found is None:
            raise LookupError(f"no account {login}")
        return found


def seed_repository(state: State, full_name: str) -> None:
    """Add a repository, its owner and its default labels where they are missing; its id follows from its name alone."""
    owner, _, name = full_name.partition("/")
    if not name:
        raise ValueError(f"{full_name!r} is not of the form owner/name")
    if state.repository(owner, name) is None:
        at = instant()
        seed_account(state, owner, type="Organization")
        repository = Repository(id=_stable_id(full_name), owner=owner, name=name, created_at=at, updated_at=at)
        state.save(repository)
        for label, color in DEFAULT_LABELS:
            state.save(
                Label(id=state.new_id(), repository_id=repository.id, name=label, color=color, default=True),
            )
    state.commit()


def seed_account(state: State, login: str, *, type: Literal["User", "Organization", "Bot"] = "User") -> None:  # noqa: A002
    """Add an account where it is missing; its id follows from its login alone."""
    if state.find(Account, login.lower()) is None:
        state.save(Account(id=_stable_id(login), login=login, type=type, created_at=instant()))
    state.commit()


def _stable_id(name: str) -> int:
    return 100_000_000 + zlib.crc32(name.lower().encode()) % 900_000_000


def instant(at: datetime | None = None) -> str:
    """Write an instant as GitHub does: UTC, whole seconds; now where none is given."""
    return (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
