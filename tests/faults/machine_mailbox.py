"""A mailbox for the sandbox's webhooks: it takes in the signed bytes, and nothing reaches the product until a test hands it on."""

import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx

PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A webhook as it was sent: header names are lower case."""

    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Mailbox:
    """Everything that the sandbox sent, in its order; the sandbox keeps back what is new until `collect`."""

    page_url: str
    letters: list[Letter] = field(default_factory=list)
    _server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        letters = self.letters

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
        self._steer("pause")

    @property
    def url(self) -> str:
        """Where the sandbox's hooks are to point."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def collect(self) -> list[Letter]:
        """Has the sandbox send what it kept back, and gives all letters so far."""
        kept = httpx.get(f"{self.page_url}/_sandbox/webhooks", trust_env=False).json()["kept"]
        if kept:
            wanted = len(self.letters) + kept
            self._steer("release")
            self._wait_for(wanted)
            self._steer("pause")
        return self.letters

    def empty(self) -> None:
        """Throws away what has come, and what the sandbox still keeps back."""
        self._steer("drop")
        self._steer("pause")
        self.letters.clear()

    def _steer(self, action: str) -> None:
        httpx.post(f"{self.page_url}/_sandbox/webhooks", json={"action": action}, trust_env=False).raise_for_status()

    def _wait_for(self, wanted: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.letters) < wanted:
            assert time.monotonic() < deadline, f"{len(self.letters)} of {wanted} webhooks came"
            time.sleep(0.002)

    def close(self) -> None:
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
