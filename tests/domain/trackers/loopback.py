"""A server on loopback that misbehaves as scripted, one connection after the other, and keeps what it was sent."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Behaviour: TypeAlias = Callable[[socket.socket], None]


class Loopback:
    """Answers each request with the next behaviour of its script, the last one for ever."""

    def __init__(self, *script: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self._script = list(script)
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), self._wrapped(connection) as talking:
                talking.settimeout(5)
                self.requests.append(_read_request(talking))
                behaviour = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                behaviour(talking)

    def _wrapped(self, connection: socket.socket) -> socket.socket:
        try:
            return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
        except OSError:
            connection.close()
            raise

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def _read_request(talking: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(talking)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += _some(talking)
    return head + b"\r\n\r\n" + body


def _some(talking: socket.socket) -> bytes:
    data = talking.recv(65_536)
    if not data:
        raise ConnectionError
    return data


@contextlib.contextmanager
def serving(*script: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    server = Loopback(*script, tls=tls)
    try:
        yield server
    finally:
        server.close()


def response(status: int, document: Any = None, *, length: int | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    body = b"" if document is None else json.dumps(document).encode()
    fields = {"content-type": "application/json; charset=utf-8", "content-length": str(length or len(body))}
    fields |= {name.replace("_", "-"): value for name, value in (headers or {}).items()} | {"connection": "close"}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answering(status: int, document: Any = None, **headers: str) -> Behaviour:
    return lambda talking: talking.sendall(response(status, document, headers=headers))


def saying_half(status: int, document: Any) -> Behaviour:
    return lambda talking: talking.sendall(response(status, document, length=10_000))


def hanging_up(talking: socket.socket) -> None:
    """Closes in order, without an answer."""


def resetting(talking: socket.socket) -> None:
    talking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(seconds: float) -> Behaviour:
    def wait(_: socket.socket) -> None:
        threading.Event().wait(seconds)

    return wait


def dripping(data: bytes, *, every_seconds: float) -> Behaviour:
    def drip(talking: socket.socket) -> None:
        for place in range(len(data)):
            talking.sendall(data[place : place + 1])
            threading.Event().wait(every_seconds)

    return drip
