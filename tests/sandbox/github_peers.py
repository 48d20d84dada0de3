"""The two that talk with the sandbox GitHub in its tests: PyGithub, and a receiver of webhooks."""

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import github

from sandbox.github_process import RunningGithub

SECRET = "a shared secret"


def connect(running: RunningGithub, *, auth: github.Auth.Auth | None = None, base_url: str = "") -> github.Github:
    """Return a PyGithub client as the product uses it: no retries, no pauses, nothing fetched unasked."""
    return github.Github(
        base_url=base_url or running.base_url,
        auth=auth or github.Auth.Token(running.token),
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
        timeout=10,
        lazy=True,
    )


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    raw: bytes

    @property
    def payload(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))

    @property
    def name(self) -> str:
        return f"{self.headers['x-github-event']}.{self.payload.get('action', '')}"

    def is_signed_with(self, secret: str) -> bool:
        expected = hmac.new(secret.encode(), self.raw, hashlib.sha256).hexdigest()
        return hmac.compare_digest(self.headers["x-hub-signature-256"], f"sha256={expected}")


class WebhookReceiver:
    """A real HTTP server on loopback that keeps what it gets and answers with `status`."""

    def __init__(self) -> None:
        self.status = 202
        self.received: queue.Queue[Received] = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                receiver.received.put(Received({name.lower(): value for name, value in self.headers.items()}, raw))
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def take(self, count: int) -> dict[str, Received]:
        """Return the next `count` requests by event and action; two alike get a number."""
        found: dict[str, Received] = {}
        for _ in range(count):
            received = self.received.get(timeout=5)
            alike = sum(name.split(" ")[0] == received.name for name in found)
            found[f"{received.name} {alike + 1}" if alike else received.name] = received
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def receiving() -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver()
    try:
        yield receiver
    finally:
        receiver.close()
