"""A server of the sandbox runs as a child process in a folder that is its alone, and dies with its parent."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from sandbox import become

SOCKET_FOLDER_PREFIX = "followthrough-"
LONGEST_SOCKET_PATH = 107  # bytes: sun_path in unix(7), less its terminating zero
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")


class ServerFailedError(RuntimeError):
    """An embedded server did not start or does not answer; the text says why and what to do."""


def launch(command: Sequence[str | Path], log: Path, *, owns: Sequence[Path], root_allowed: bool) -> subprocess.Popen[bytes]:
    """Start `command`, its output appended to `log`, in a session of its own: Ctrl-C is for us, who stop in order.

    `owns` are folders that the process must own; they change owner where it may not run as root and no user namespace
    can be had. Call it from a thread that lives as long as the server should: Linux ties the end of one to the other.
    """
    identity = "root" if root_allowed else "not-root"
    through = [sys.executable, "-I", "-S", become.__file__, str(os.getpid()), identity, os.pathsep.join(map(str, owns))]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*through, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=plain_environment(),
            start_new_session=True,
        )


def plain_environment() -> dict[str, str]:
    """Return the environment without what would steer PostgreSQL's programs (PGDATA, PGPORT, …) or translate them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def wait_until(ready: Callable[[], bool], *, seconds: float) -> bool:
    """Ask `ready` every few milliseconds and return whether it came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.004)
    return True


def end(process: subprocess.Popen[bytes], *signals: signal.Signals, seconds: float) -> None:
    """Send each signal in turn until the process is gone, giving it so many seconds after each."""
    for number in signals:
        if process.poll() is None:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a launched process and its children, if it still runs: for one that heeds signals late, and whose work may be lost."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(log: Path) -> str:
    """Return the last lines of a server's log, for an error message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.exists() else ""


def claim(folder: Path, socket_dir: Path) -> IO[bytes]:
    """Lock `folder` until the answer is closed or this process ends, so that a server found in it is an orphan.

    The lock file says where the socket is: what a killed run left there is removed. Raises ServerFailedError when
    another living process holds the folder.
    """
    lock = folder.with_name(f"{folder.name}.lock").open("a+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise ServerFailedError(f"{folder} is in use by another running sandbox: stop that one first") from error
    lock.seek(0)
    left_behind = Path(os.fsdecode(lock.read()))
    if left_behind != socket_dir:
        drop_socket_folder(left_behind)
    lock.truncate(0)
    lock.write(os.fsencode(socket_dir))
    lock.flush()
    return lock


def end_orphan(pid_file: Path, *, program: str) -> None:
    """End the server that a dead parent left behind, and remove its pid file, whose number may be another's by now."""
    if not pid_file.exists():
        return
    first_line = pid_file.read_text().partition("\n")[0].strip()
    pid = int(first_line) if first_line.isdigit() else 0
    if pid not in {0, os.getpid(), os.getppid()} and _runs(pid, program):
        _end_foreign(pid, program)
    pid_file.unlink(missing_ok=True)


def _end_foreign(pid: int, program: str) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if wait_until(lambda: not _runs(pid, program), seconds=10):
            return
    raise ServerFailedError(f"process {pid} ({program}) was left behind by an earlier run and cannot be ended")


def _runs(pid: int, program: str) -> bool:
    """Say whether process `pid` is alive and its command line names `program`; a zombie has no command line."""
    command = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        return command.exists() and program.encode() in command.read_bytes()
    answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)  # noqa: S607
    return program.encode() in answer.stdout


def new_socket_folder() -> Path:
    """Make a private folder whose path is short enough for a Unix socket within."""
    folder = Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX))
    if len(os.fsencode(folder)) + LONGEST_SOCKET_NAME > LONGEST_SOCKET_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX, dir="/tmp"))
    return folder


def drop_socket_folder(folder: Path) -> None:
    """Remove a folder that `new_socket_folder` made; anything else is left alone."""
    if folder.name.startswith(SOCKET_FOLDER_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
