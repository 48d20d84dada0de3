"""What the embedded servers have in common: one process, the claim on its folder, and their end."""

import signal
import subprocess
from pathlib import Path
from typing import IO, ClassVar, Self

from sandbox.launch import ServerFailedError, drop_socket_folder, end


class RunningServer:
    """A server that can be stopped, killed and started again at the same address; the kinds say how it is started."""

    NAME: ClassVar[str]
    STOP_SIGNALS: ClassVar[tuple[signal.Signals, ...]]
    STOP_SECONDS: ClassVar[float]

    def __init__(self, socket_dir: Path) -> None:
        self.socket_dir = socket_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._claim: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise ServerFailedError(f"{self.NAME} is not running")
        return self._process.pid

    def stop(self) -> None:
        """Shut down in order, data on disk, and remove the socket; harmless when already stopped."""
        self._end(*self.STOP_SIGNALS)
        drop_socket_folder(self.socket_dir)

    def kill(self) -> None:
        """End the server as a crash would: SIGKILL, without a word to its clients."""
        self._end(signal.SIGKILL)

    def _end(self, *signals: signal.Signals) -> None:
        if self._process is not None:
            end(self._process, *signals, seconds=self.STOP_SECONDS)
            self._process = None
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None
