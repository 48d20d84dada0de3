"""An API that answers imports as a test tells it to, over a real socket, and keeps what it was sent."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Reply:
    """One answer; a body that is no text is sent as JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedApi:
    """Gives its replies in order, and the last one again and again; activity it answers by `changing`."""

    replies: list[Reply]
    changing: bool = True
    url: str = ""
    imports: list[Received] = field(default_factory=list)
    others: list[Received] = field(default_factory=list)

    def answer(self, request: Received) -> Reply:
        if request.path == "/v1/activity":
            self.others.append(request)
            return Reply(200, {"items": [{"request_id": "request-1" if self.changing else "earlier"}], "next_cursor": None})
        self.imports.append(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def serve(*replies: Reply, changing: bool = True) -> Iterator[ScriptedApi]:
    """Runs an API with these replies until the block ends."""
    api = ScriptedApi(list(replies), changing)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(api: ScriptedApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def _do(self) -> None:
            address = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            reply = api.answer(Received(self.command, address.path, dict(parse_qsl(address.query)), headers, body))
            content = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"X-Request-Id": "request-1", "Content-Length": str(len(content)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's own word
            """Keeps the tests' output clean."""

    return Handler


def imported(status: int = 201, *, title: str = "Checkout was down", warnings: int = 1) -> Reply:
    """What the API answers to a document with one improvement and two tasks."""
    return Reply(
        status,
        {
            "postmortem": {"id": "0193", "title": title, "status": "draft"},
            "improvements": [{"id": "0194", "title": "Fewer surprises"}],
            "tasks": [{"key": "FT-1", "title": "Add an alert"}, {"key": "FT-2", "title": "Write a runbook"}],
            "warnings": [{"line": 12 + n, "text": "The date is missing."} for n in range(warnings)],
        },
    )


def problem(status: int, title: str, detail: str, **more: Any) -> Reply:
    """A problem document, and headers by `headers`."""
    headers = {"Content-Type": "application/problem+json", **more.pop("headers", {})}
    return Reply(status, {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}, headers)
