"""Random faults of the sandbox GitHub, drawn by a seed: answers that are lost or fail, webhooks that go astray."""

import random
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

CallFate = Literal["fine", "lost_after_commit", "error_before_commit", "error_after_commit"]
WebhookFate = Literal["fine", "dropped", "doubled", "late"]


@dataclass(frozen=True)
class ChaosRates:
    """How likely each fault is, from 0 to 1; late webhooks come after `late_seconds`, and so out of order."""

    seed: int = 0
    lost_after_commit: float = 0.0
    server_error: float = 0.0
    webhooks_dropped: float = 0.0
    webhooks_doubled: float = 0.0
    webhooks_late: float = 0.0
    late_seconds: float = 2.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} is a number from 0")
        calls = self.lost_after_commit + self.server_error
        if max(calls, self.webhooks_dropped + self.webhooks_doubled + self.webhooks_late) > 1:
            raise ValueError("the rates of the calls, and those of the webhooks, add up to 1 at most")


@dataclass
class Chaos:
    """Draws the fate of each call and each webhook; quiet until rates are set."""

    rates: ChaosRates | None = None
    done: Counter[str] = field(default_factory=Counter)
    _random: random.Random = field(default_factory=random.Random)

    def start(self, rates: ChaosRates) -> None:
        """Begin to do harm, and to count it from zero."""
        self.rates, self._random = rates, random.Random(rates.seed)  # noqa: S311 - a seed that gives the same faults again
        self.done.clear()

    def stop(self) -> None:
        """Let everything go well again; the counts stay."""
        self.rates = None

    def call_fate(self) -> CallFate:
        """Draw what becomes of a call."""
        if self.rates is None:
            return "fine"
        fates: tuple[CallFate, ...] = ("error_before_commit", "error_after_commit", "lost_after_commit", "fine")
        half, lost = self.rates.server_error / 2, self.rates.lost_after_commit
        (fate,) = self._random.choices(fates, (half, half, lost, 1 - 2 * half - lost))
        self.done[f"calls_{fate}"] += 1
        return fate

    def webhook_fate(self) -> WebhookFate:
        """Draw what becomes of a webhook."""
        if self.rates is None:
            return "fine"
        fates: tuple[WebhookFate, ...] = ("dropped", "doubled", "late", "fine")
        likely = (self.rates.webhooks_dropped, self.rates.webhooks_doubled, self.rates.webhooks_late)
        (fate,) = self._random.choices(fates, (*likely, 1 - sum(likely)))
        self.done[f"webhooks_{fate}"] += 1
        return fate

    def document(self) -> dict[str, Any]:
        """Show the rates, or null while all is quiet, and what was done."""
        return {"rates": asdict(self.rates) if self.rates else None, "done": dict(sorted(self.done.items()))}
