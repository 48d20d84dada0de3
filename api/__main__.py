"""Runs the API: one process that serves on HOST and PORT until SIGINT or SIGTERM, and then lets running requests finish."""

import gc
import signal
import sys
from contextlib import suppress

import uvicorn

from api.app import create_app
from domain.logs import set_up_logs
from domain.settings import Settings, SettingsError, load_settings

# Less than the 30 seconds after which a container is killed.
FINISH_SECONDS = 20
NOT_STARTED = 3
# A request makes some hundred objects that references alone free; Python's own 700 would look for cycles every few requests.
COLLECT_AFTER = 10_000


def main() -> int:
    """Gives the exit code: 0 fine, 2 wrong settings, 3 not started (the log says why)."""
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    set_up_logs(settings.log_level)
    server = uvicorn.Server(_config(settings))
    _spare_the_collector()
    # After its shutdown uvicorn raises the signal that it got once more: this way being told to stop is no failure.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started else NOT_STARTED


def _spare_the_collector() -> None:
    """Keeps what was loaded at start, some 300,000 objects that live as long as the process, out of every later collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def _config(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="auto",  # uvloop, wherever it is to be had
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,  # the root's handler writes uvicorn's lines as JSON too
        access_log=False,  # api/observe.py writes one line for each request
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )


if __name__ == "__main__":
    sys.exit(main())
