"""Watches over one HTTP request of a thread: it is bounded as a whole, and known to have left or not."""

import contextlib
import socket
import threading
import time
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


class Watchdog:
    """Ends requests that take longer than `seconds`: sockets' own timeouts count from byte to byte, and a dripping server has time.

    All requests of an adapter share its one thread. It ends when nothing happened for that long, and starts again when needed. It
    never has to be woken, which would cost each request: since all have the same time, none that begins while it sleeps is due
    before it wakes.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._due: dict[Trip, float] = {}
        self._awake = False

    @contextlib.contextmanager
    def watched(self) -> Iterator[Trip]:
        """Watches over the request of the block."""
        trip = Trip()
        self._begin(trip)
        _thread.trip = trip
        try:
            yield trip
        finally:
            trip.end()
            with self._lock:
                self._due.pop(trip, None)
            _thread.trip = None

    def _begin(self, trip: Trip) -> None:
        with self._lock:
            self._due[trip] = time.monotonic() + self.seconds
            if not self._awake:
                self._awake = True
                threading.Thread(target=self._watch, name="github-watchdog", daemon=True).start()

    def _watch(self) -> None:
        pause: float | None = self.seconds
        while pause is not None:
            time.sleep(pause)
            overdue, pause = self._look()
            for trip in overdue:
                trip.cut()

    def _look(self) -> tuple[list[Trip], float | None]:
        """Returns the requests whose time is over, and how long to sleep; None once there is nothing to watch."""
        with self._lock:
            now = time.monotonic()
            overdue = [trip for trip, due in self._due.items() if due <= now]
            for trip in overdue:
                del self._due[trip]
            if not self._due:
                self._awake = bool(overdue)
                return overdue, self.seconds if overdue else None
            return overdue, min(self._due.values()) - now
