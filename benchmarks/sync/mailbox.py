"""A mailbox on loopback where the sandbox's webhooks arrive as they were signed."""

import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A webhook as it was sent: header names are lower case."""

    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Mailbox:
    """What came in and was not taken out yet."""

    _letters: list[Letter] = field(default_factory=list)
    _server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        letters = self._letters

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                letters.append(Letter({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        """Where hooks are to point."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def take(self, count: int, about: str) -> list[Letter]:
        """Waits for so many webhooks that hold a text, gives them and empties the mailbox; raises TimeoutError where they don't come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(taken := [letter for letter in self._letters if about.encode() in letter.body]) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(taken)} webhooks came instead of {count}")
            time.sleep(0.02)
        self._letters.clear()
        return taken

    def close(self) -> None:
        """Takes in nothing more."""
        self._server.shutdown()
        self._server.server_close()
