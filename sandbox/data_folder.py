"""The data folder of a checkout: only its owner's, used by one run at a time, with the secrets of the first start."""

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from sandbox.launch import ServerFailedError

LOCK, SECRETS, TOKEN = "run.lock", "secrets.json", "token"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the first start made: the key that encrypts credentials in the database, and an admin token."""

    secret_key: str
    token: str


@contextlib.contextmanager
def occupied(folder: Path) -> Iterator[bool]:
    """Makes the folder, private, and holds it; gives whether the run before was killed, so that its servers may still be ending.

    Raises ServerFailedError with a sentence where it can't be used, or another run holds it.
    """
    _make_private(folder)
    with (folder / LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServerFailedError(
                f"{folder} is in use by another `make run`: stop that one first, or choose another folder with FOLLOWTHROUGH_DATA"
            ) from error
        lock.seek(0)
        killed = lock.read() != ""
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        try:
            yield killed
        finally:
            lock.truncate(0)


def _make_private(folder: Path) -> None:
    choose = "choose another folder with FOLLOWTHROUGH_DATA"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never take a folder away from others, such as a home folder or /tmp, that was named by mistake.
        if any(folder.iterdir()) and not any((folder / name).exists() for name in (LOCK, SECRETS)):
            raise ServerFailedError(f"{folder} holds other things than the data of `make run`: {choose}")
        folder.chmod(0o700)
    except FileExistsError as error:
        raise ServerFailedError(f"{folder} is a file, but the data need a folder: move it away, or {choose}") from error
    except OSError as error:
        raise ServerFailedError(f"{folder} can't hold the data ({error.strerror}): {choose}") from error


def read_secrets(folder: Path) -> Secrets:
    """Reads the secrets of this folder, which are made when there are none; raises ServerFailedError when they are damaged."""
    path = folder / SECRETS
    if not path.exists():
        made = Secrets(Fernet.generate_key().decode(), f"ft_{secrets.token_urlsafe(32)}")
        _write_private(path, json.dumps(asdict(made)))
    try:
        kept = Secrets(**json.loads(path.read_text()))
        Fernet(kept.secret_key)
        if not isinstance(kept.token, str):
            raise TypeError(kept.token)
    except (ValueError, TypeError) as error:
        raise ServerFailedError(
            f"{path} is damaged: put a copy of it back, or remove it, and the next start makes new secrets. Removing it loses the "
            "admin token, and the key to the credentials and webhook secrets of trackers that the database holds."
        ) from error
    return kept


def keep_token(folder: Path, token: str) -> Path:
    """Gives the file that holds the admin token, for the shell to read."""
    path = folder / TOKEN
    if not path.exists() or path.read_text() != token:
        _write_private(path, token)
    return path


def _write_private(path: Path, text: str) -> None:
    """Writes the whole of it or nothing: a start can be interrupted at any moment."""
    number, unfinished = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
