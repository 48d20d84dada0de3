"""What the sandbox GitHub knows: records in memory, written through to one SQLite file that survives SIGKILL."""

import sqlite3
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar, cast

import msgspec

from sandbox.github_records import (
    AccessToken,
    Account,
    Catalog,
    Comment,
    Delivery,
    Departed,
    Hook,
    Issue,
    Label,
    Record,
    Repository,
    groups_of,
)

KINDS: tuple[type[Record], ...] = (Account, Repository, Label, Issue, Departed, Catalog, Comment, Hook, Delivery, AccessToken)
DEFAULT_LABELS = (("bug", "d73a4a"), ("documentation", "0075ca"), ("enhancement", "a2eeef"), ("question", "d876e3"))
FIRST_ID = 2_000_000_000  # ids of GitHub exceed 31 bits; a client that stores them in 32 is found out here

NUMBERED = (Label, Issue, Comment, Hook, Delivery)

R = TypeVar("R", Account, Repository, Label, Issue, Departed, Catalog, Comment, Hook, Delivery, AccessToken)


class State:
    """The records of one sandbox; not for several threads, nor for two processes on one file."""

    def __init__(self, path: Path | None) -> None:
        """Open the file at `path` (made where it is missing), or keep everything in memory alone."""
        self.skew_seconds = 0.0  # how far the clock that stamps records is ahead
        self._rows: dict[type[Record], dict[str, Record]] = {kind: {} for kind in KINDS}
        self._groups: dict[tuple[type[Record], str], dict[str, Record]] = {}
        self._groups_of: dict[tuple[type[Record], str], tuple[str, ...]] = {}
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._database.executescript(
            # The end of the process loses nothing; a power cut may.
            "PRAGMA journal_mode = wal; PRAGMA synchronous = off;"
            "CREATE TABLE IF NOT EXISTS records"
            " (kind TEXT, key TEXT, body BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;"
        )
        self._last_id: int = FIRST_ID + self._database.execute("PRAGMA user_version").fetchone()[0]
        self._load()

    def _load(self) -> None:
        """Take the records from the file, oldest first: their order within a group stands for their age."""
        kinds = {kind.__name__: kind for kind in KINDS}
        rows = self._database.execute("SELECT kind, body FROM records")
        records = [msgspec.json.decode(body, type=kinds[name]) for name, body in rows]
        for record in sorted(records, key=lambda record: getattr(record, "id", 0)):
            self._place(record)
        self._last_id = max([self._last_id, *(record.id for record in records if isinstance(record, NUMBERED))])

    def _place(self, record: Record) -> None:
        kind, key, groups = type(record), record.key, groups_of(record)
        self._rows[kind][key] = record
        self._leave(record, staying_in=groups)
        for group in groups:
            self._groups.setdefault((kind, group), {})[key] = record
        self._groups_of[kind, key] = groups

    def _leave(self, record: Record, *, staying_in: tuple[str, ...] = ()) -> None:
        kind, key = type(record), record.key
        for group in self._groups_of.pop((kind, key), ()):
            if group not in staying_in:
                del self._groups[kind, group][key]

    def all(self, kind: type[R]) -> list[R]:
        """Return every record of a kind."""
        return cast("list[R]", list(self._rows[kind].values()))

    def of(self, kind: type[R], group: str | int) -> list[R]:
        """Return the records of a group, oldest first; `groups_of` tells the groups."""
        return cast("list[R]", list(self._groups.get((kind, str(group)), {}).values()))

    def count(self, kind: type[R], group: str | int) -> int:
        """Return how many records a group has."""
        return len(self._groups.get((kind, str(group)), {}))

    def oldest(self, kind: type[R], group: str | int) -> R:
        """Return the oldest record of a group that is not empty."""
        return cast("R", next(iter(self._groups[kind, str(group)].values())))

    def find(self, kind: type[R], key: str | int) -> R | None:
        """Return the record of a kind by its key."""
        return cast("R | None", self._rows[kind].get(str(key)))

    def new_id(self) -> int:
        """Return a number that no record has or had."""
        self._last_id += 1
        return self._last_id

    def save(self, *records: Record) -> None:
        """Keep these records; they are on disk after `commit`."""
        for record in records:
            self._place(record)
            row = (type(record).__name__, record.key, msgspec.json.encode(record))
            self._database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", row)

    def remove(self, record: Record) -> None:
        """Forget a record."""
        del self._rows[type(record)][record.key]
        self._leave(record)
        row = (type(record).__name__, record.key)
        self._database.execute("DELETE FROM records WHERE kind = ? AND key = ?", row)

    def commit(self) -> None:
        """Make what was saved and removed last, all or nothing; the ids given out are remembered with it."""
        self._database.execute(f"PRAGMA user_version = {self._last_id - FIRST_ID}")
        self._database.commit()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def now(self) -> datetime:
        """Return the present by the sandbox's clock, which may be skewed."""
        return datetime.now(UTC) + timedelta(seconds=self.skew_seconds)

    def instant(self) -> str:
        """Return the present by the sandbox's clock as GitHub writes it."""
        return instant(self.now())

    def repository(self, owner: str, name: str) -> Repository | None:
        """Return the repository of that name, in any case."""
        return next(iter(self.of(Repository, f"name/{owner}/{name}".lower())), None)

    def renamed_repository(self, owner: str, name: str) -> Repository | None:
        """Return the repository that had that name before."""
        return next(iter(self.of(Repository, f"former/{owner}/{name}".lower())), None)

    def issue_by_id(self, issue_id: int) -> Issue | None:
        """Return the issue of an id."""
        return next(iter(self.of(Issue, f"id/{issue_id}")), None)

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
        at = state.instant()
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
        state.save(Account(id=_stable_id(login), login=login, type=type, created_at=state.instant()))
    state.commit()


def _stable_id(name: str) -> int:
    return 100_000_000 + zlib.crc32(name.lower().encode()) % 900_000_000


def instant(at: datetime) -> str:
    """Write an instant as GitHub does: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
