"""Which buckets of tokens a call takes from, and how fast each fills again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.sync.pace_ceiling import creations_an_hour
from domain.trackers.contract import Budget, Cost, Pacing
from domain.trackers.table import Tracker

CEILING: Final = "creation_ceiling"
IN_FLIGHT: Final = "in_flight"
HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket as a call sees it: it takes `points`, which come back at `rate` a second up to `burst`.

    In any span of time no more than burst + rate × span are taken. `write_points` and `create_points` are what the calls in the ledger
    took of it within `span_seconds`, the time that its limit looks at; reads are in no ledger, so `counts_reads` tells that more may be
    gone than the ledger knows.
    """

    name: str
    points: float
    rate: float
    burst: float
    span_seconds: float
    write_points: float
    create_points: float
    counts_reads: bool

    def needed(self, *, background: bool) -> float:
        """Tells how full it must be: what nobody waits for leaves half of it to what a person waits for."""
        return max(self.points, self.burst / 2) if background else self.points


def buckets_of(tracker: Tracker, pacing: Pacing, cost: Cost, *, factor: float, at: datetime) -> list[Bucket]:
    """Gives the buckets that a call of this cost takes from, all of them or none; `factor` multiplies rates and bursts."""
    buckets = [_bucket(budget, cost, factor=factor) for budget in pacing.budgets if budget.costs.get(cost, 0) > 0]
    if cost is Cost.CREATE:
        an_hour = creations_an_hour(tracker, pacing, at=at)
        ceiling = Budget(CEILING, an_hour, HOUR_SECONDS, {Cost.CREATE: 1}, pacing.creation_burst)
        buckets.append(_bucket(ceiling, cost, factor=factor))
    return buckets


def _bucket(budget: Budget, cost: Cost, *, factor: float) -> Bucket:
    points = budget.costs[cost]
    return Bucket(
        name=budget.name,
        points=points,
        rate=budget.points / budget.seconds * factor,
        # A bucket that could never hold one call's points would never let it pass.
        burst=max(points, budget.burst * factor),
        span_seconds=budget.seconds,
        write_points=budget.costs.get(Cost.WRITE, 0),
        create_points=budget.costs.get(Cost.CREATE, 0),
        counts_reads=budget.costs.get(Cost.READ, 0) > 0,
    )
