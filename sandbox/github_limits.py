"""GitHub's documented limits of calls, kept for each login, and what has been counted of them.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import math
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

HOUR_SECONDS = 3_600
CALLS_AN_HOUR = 5_000
CONCURRENT = 100
WRITE_POINTS = 5
CONCURRENT_WAIT_SECONDS = 60  # what GitHub asks for where it knows no better
SLIDING = {"points": (900, 60), "creations_a_minute": (80, 60), "creations_an_hour": (500, HOUR_SECONDS)}


@dataclass
class Sliding:
    """What was spent within the last `seconds`, and in all."""

    allowed: float
    seconds: int
    total: int = 0
    peak: int = 0
    used: int = 0
    spent: deque[tuple[float, int]] = field(default_factory=deque)
    first_at: float = 0.0
    last_at: float = 0.0

    def wait(self, cost: int, now: float) -> float:
        """Return after how many seconds so much may be spent: 0 for now."""
        while self.spent and self.spent[0][0] <= now - self.seconds:
            self.used -= self.spent.popleft()[1]
        over = self.used + cost - self.allowed
        for at, amount in self.spent:
            if over <= 0:
                break
            over -= amount
            if over <= 0:
                return at + self.seconds - now
        return 0.0 if over <= 0 else float(self.seconds)

    def spend(self, cost: int, now: float) -> None:
        self.spent.append((now, cost))
        self.total, self.used = self.total + cost, self.used + cost
        self.peak = max(self.peak, self.used)
        self.first_at, self.last_at = self.first_at or now, now

    def document(self, now: float) -> dict[str, Any]:
        """Show it; `share` is of what the time from the first call to the last one allows, at least one window's worth."""
        self.wait(0, now)
        windows = max((self.last_at - self.first_at) / self.seconds, 1.0)
        return {
            "allowed": self.allowed,
            "window_seconds": self.seconds,
            "total": self.total,
            "used": self.used,
            "peak_share": round(self.peak / self.allowed, 4),
            "share": round(self.total / (self.allowed * windows), 4),
        }


@dataclass
class Meter:
    """One login's counts: of the fixed hour that ends at `reset` (epoch seconds), and of the sliding windows."""

    allowed: int
    reset: int
    sliding: dict[str, Sliding]
    used: int = 0
    total: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def document(self, skew_seconds: float = 0.0) -> dict[str, Any]:
        left = max(self.allowed - self.used, 0)
        reset = self.reset + int(skew_seconds)
        return {"limit": self.allowed, "remaining": left, "reset": reset, "used": self.used, "resource": "core"}


@dataclass(frozen=True)
class Refusal:
    """Why a call is refused: the limit's name and, for the secondary ones, how long to wait."""

    limit: str
    wait_seconds: int | None = None


class Limits:
    """Counts calls by login; refuses them only where `enforced`. Every count is multiplied by `factor`, no window is."""

    def __init__(self, factor: float | None = None) -> None:
        self.enforced, self.factor = factor is not None, factor or 1.0
        self._meters: dict[str, Meter] = {}

    def set(self, *, enforced: bool, factor: float) -> None:
        """Start to count anew under this rule."""
        self.enforced, self.factor = enforced, factor
        self._meters.clear()

    def meter(self, login: str) -> Meter:
        """Return the counts of a login, in the hour in which it is."""
        now = int(time.time())
        meter = self._meters.get(login)
        if meter is None:
            sliding = {name: Sliding(allowed * self.factor, seconds) for name, (allowed, seconds) in SLIDING.items()}
            meter = self._meters[login] = Meter(round(CALLS_AN_HOUR * self.factor), now + HOUR_SECONDS, sliding)
        if meter.reset <= now:
            meter.used, meter.reset = 0, now + HOUR_SECONDS
        return meter

    def admit(self, login: str, *, points: int, creates: bool, primary: int) -> Refusal | None:
        """Count a call, or say why it is refused and count that instead."""
        meter, now = self.meter(login), time.monotonic()
        costs = {"points": points, "creations_a_minute": int(creates), "creations_an_hour": int(creates)}
        refusal = _refusal(meter, costs, primary=primary, now=now) if self.enforced else None
        if refusal is not None:
            meter.refused[refusal.limit] += 1
            return refusal
        for name, cost in costs.items():
            if cost:
                meter.sliding[name].spend(cost, now)
        meter.used, meter.total = meter.used + primary, meter.total + primary
        return None

    def give_back(self, login: str, primary: int) -> None:
        """Take back what the primary limit counted: an answer of 304 is free there."""
        meter = self.meter(login)
        meter.used, meter.total = max(meter.used - primary, 0), max(meter.total - primary, 0)

    @contextmanager
    def in_flight(self, login: str) -> Iterator[None]:
        """Count a call as being under way."""
        meter = self.meter(login)
        meter.in_flight += 1
        meter.max_in_flight = max(meter.max_in_flight, meter.in_flight)
        try:
            yield
        finally:
            meter.in_flight -= 1

    def document(self) -> dict[str, Any]:
        """Show the rule and, by login, what was counted."""
        return {"enforced": self.enforced, "factor": self.factor, "logins": {name: _counts(self.meter(name)) for name in self._meters}}


def _refusal(meter: Meter, costs: dict[str, int], *, primary: int, now: float) -> Refusal | None:
    if meter.used + primary > meter.allowed:
        return Refusal("primary")
    if meter.in_flight >= CONCURRENT:
        return Refusal("concurrent", CONCURRENT_WAIT_SECONDS)
    wait, name = max((meter.sliding[name].wait(cost, now) if cost else 0.0, name) for name, cost in costs.items())
    return Refusal(name, max(math.ceil(wait), 1)) if wait > 0 else None


def _counts(meter: Meter) -> dict[str, Any]:
    now = time.monotonic()
    return {
        "requests": meter.total,
        "points": meter.sliding["points"].total,
        "creations": meter.sliding["creations_a_minute"].total,
        "max_concurrent": meter.max_in_flight,
        "refused": {name: meter.refused[name] for name in ("primary", "concurrent", *SLIDING)},
        "limits": {
            "primary": {"allowed": meter.allowed, "used": meter.used, "share": round(meter.used / max(meter.allowed, 1), 4)},
            **{name: window.document(now) for name, window in meter.sliding.items()},
        },
    }
