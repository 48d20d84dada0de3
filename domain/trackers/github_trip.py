"""Watches over one HTTP request of a thread: it is bounded as a whole, and known to have left or not."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_thread = threading.local()


class Trip:
    """One request on its way: the connection that carries it, and whether any byte of it may have left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = False
        self.connection: HTTPConnection | None = None
        self.sent = False
        self.cut_off = False

    def end(self) -> None:
        """Lets the connection go, so that it can carry the next request."""
        with self._lock:
            self._over = True

    def cut(self) -> None:
        """Ends a request that takes too long, from another thread: whoever reads its socket finds it closed."""
        with self._lock:
            if self._over:
                return
            self.cut_off = True
            sock = self.connection.sock if self.connection is not None else None
            if sock is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not TLS's own, which would wait for the other side


class _Connection(HTTPConnection):
    """Tells the trip of its thread when a connection is used and when bytes leave."""

    def connect(self) -> None:
        self._trip().connection = self
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._trip().connection = self
        super().request(*args, **kwargs)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        trip = self._trip()
        if trip.cut_off and not trip.sent:
            raise TimeoutError("connected too late")
        trip.sent = True
        super().send(data)

    def _trip(self) -> Trip:
        trip = getattr(_thread, "trip", None)
        return trip if isinstance(trip, Trip) else Trip()


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TLSPool}
"""The pools of connections that report to the trip, by scheme, for urllib3's PoolManager."""


@contextlib.contextmanager
def watched(seconds: float) -> Iterator[Trip]:
    """Watches over the request of the block: sockets' own timeouts count from byte to byte, and a dripping server has time."""
    trip = Trip()
    timer = threading.Timer(seconds, trip.cut)
    timer.daemon = True
    timer.start()
    _thread.trip = trip
    try:
        yield trip
    finally:
        trip.end()
        timer.cancel()
        _thread.trip = None
