"""How many calls each caller has made in the hour; the sandbox counts them and refuses nobody."""

import time
from dataclasses import dataclass
from typing import Any

CALLS_AN_HOUR = 5_000
HOUR_SECONDS = 3_600


@dataclass
class Window:
    """One caller's hour: calls used, and its end in epoch seconds."""

    used: int
    reset: int

    def document(self) -> dict[str, Any]:
        left = max(CALLS_AN_HOUR - self.used, 0)
        return {"limit": CALLS_AN_HOUR, "remaining": left, "reset": self.reset, "used": self.used, "resource": "core"}


class RateMeter:
    """Counts calls by caller."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}

    def window(self, caller: str) -> Window:
        """Return the hour in which a caller is."""
        now = int(time.time())
        window = self._windows.get(caller)
        if window is None or window.reset <= now:
            window = self._windows[caller] = Window(0, now + HOUR_SECONDS)
        return window

    def headers(self, caller: str) -> dict[str, str]:
        """Return the headers that tell a caller how much is left."""
        return {f"x-ratelimit-{name}": str(value) for name, value in self.window(caller).document().items()}
