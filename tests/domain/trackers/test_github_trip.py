"""One thread watches over all requests of an adapter."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from urllib3.connection import HTTPConnection

from domain.trackers.github_trip import Watchdog


def watchers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "github-watchdog"}


def cut_after(watchdog: Watchdog) -> float:
    """Return after how many seconds a silent peer was cut off."""
    ours, theirs = socket.socketpair()
    with ours, theirs, watchdog.watched() as trip:
        trip.connection = HTTPConnection("127.0.0.1")
        trip.connection.sock = ours
        started_at = time.monotonic()
        assert ours.recv(1) == b""
        assert trip.cut_off
        return time.monotonic() - started_at


def test_each_of_many_requests_is_cut_off_in_its_own_time_by_one_thread() -> None:
    watchdog = Watchdog(0.3)
    before = watchers()
    with ThreadPoolExecutor(8) as threads:
        running = []
        for _ in range(8):
            running.append(threads.submit(cut_after, watchdog))
            time.sleep(0.04)
        assert len(watchers() - before) == 1
        waits = [each.result() for each in running]
    assert all(0.25 < wait < 0.8 for wait in waits)


def test_thread_ends_when_nothing_happens_and_comes_back() -> None:
    watchdog = Watchdog(0.1)
    before = watchers()
    with watchdog.watched() as trip:
        pass
    time.sleep(0.3)
    assert not watchers() - before
    assert not trip.cut_off
    assert cut_after(watchdog) < 0.5
