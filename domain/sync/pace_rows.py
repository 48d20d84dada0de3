"""What the ledger in PostgreSQL says of how fast a tracker was called: it fills forgotten buckets, and paces while Redis is away."""

import time
from dataclasses import dataclass, field
from uuid import UUID

from domain.database import Database
from domain.sync.pace_buckets import IN_FLIGHT, Bucket
from domain.trackers.contract import Cost

SHORTEST_SPAN_SECONDS = 60
# With Redis away: how long a process leaves a tracker alone between two calls, and how soon to ask again while one is under way.
BETWEEN_READS_SECONDS = 0.2
BETWEEN_WRITES_SECONDS = 1.0
ASK_AGAIN_SECONDS = 0.05

# A bucket that was full before the span lacks, now, the most that was taken since any instant beyond what has come back since then.
_SPENT = """
SELECT greatest(max(spent - $2::float8 * age), 0), min(age) FILTER (WHERE points > 0) FROM (
    SELECT points, age, sum(points) OVER (ORDER BY started_at DESC) AS spent FROM (
        SELECT started_at,
            greatest(extract(epoch FROM clock_timestamp() - started_at), 0)::float8 AS age,
            CASE WHEN operation IN ('create', 'comment') THEN $3::float8 ELSE $4::float8 END AS points
        FROM sync_attempts
        WHERE tracker_id = $1 AND started_at > now() - make_interval(secs => $5::float8)
    ) AS recent
) AS summed
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """How many points a bucket lacks by the ledger, and how long ago the last were taken (None where there are none)."""

    lacking: float
    last_seconds: float | None


async def read_spent(database: Database, tracker_id: UUID, bucket: Bucket) -> Spent:
    """Reads from the ledger what the calls of all workers have left of a bucket."""
    span = max(bucket.span_seconds, SHORTEST_SPAN_SECONDS)
    row = await database.pool.fetchrow(_SPENT, tracker_id, bucket.rate, bucket.create_points, bucket.write_points, span)
    return Spent(*row)


async def read_level(database: Database, tracker_id: UUID, bucket: Bucket) -> float:
    """Gives how full a bucket is to be taken to be that Redis doesn't know, on first use or after a flush.

    The ledger's calls are replayed on a bucket that was full one span ago. So what was taken before and what is taken after conform
    to one bucket throughout, and no span in which the flush lies gets more than any other does: not a second burst. Where reads count,
    which are in no ledger, at least half of it is taken to be gone.
    """
    level = bucket.burst - (await read_spent(database, tracker_id, bucket)).lacking
    return max(0.0, min(level, bucket.burst / 2) if bucket.counts_reads else level)


@dataclass(slots=True)
class RowPace:
    """Paces one process by the ledger: one call to a tracker at a time, a pause between them, and all workers at half of each rate."""

    database: Database
    factor: float
    _under_way: dict[UUID, str] = field(default_factory=dict)
    _open_at: dict[UUID, float] = field(default_factory=dict)

    async def ask(self, tracker_id: UUID, buckets: list[Bucket], cost: Cost, *, holder: str) -> tuple[float, str]:
        """Lets a call pass (0.0 and its reason empty), or gives the seconds until it is worth to ask again and the bucket that is short."""
        if tracker_id in self._under_way:
            return ASK_AGAIN_SECONDS, IN_FLIGHT
        # Taken before the ledger is read, so that no two calls read the same of it.
        self._under_way[tracker_id] = holder
        granted = False
        try:
            wait, reason = await self.look(tracker_id, buckets)
            granted = wait <= 0
        finally:
            if not granted:
                self.give(tracker_id, holder)
        if granted:
            pause = BETWEEN_READS_SECONDS if cost is Cost.READ else BETWEEN_WRITES_SECONDS
            self._open_at[tracker_id] = time.monotonic() + pause / self.factor
        return wait, reason

    async def look(self, tracker_id: UUID, buckets: list[Bucket]) -> tuple[float, str]:
        """Tells how long a call would have to wait, and for what, without letting one pass."""
        pause = self._open_at.get(tracker_id, 0.0) - time.monotonic()
        if pause > 0:
            return pause, IN_FLIGHT
        waits = [(_wait(bucket, await read_spent(self.database, tracker_id, bucket)), bucket.name) for bucket in buckets]
        wait, name = max(waits, default=(0.0, ""))
        return (wait, name) if wait > 0 else (0.0, "")

    def give(self, tracker_id: UUID, holder: str) -> bool:
        """Notes that the call is over; False where it isn't one that was let pass here."""
        if self._under_way.get(tracker_id) != holder:
            return False
        del self._under_way[tracker_id]
        return True


def _wait(bucket: Bucket, spent: Spent) -> float:
    """Tells how long until the bucket has the points and, at half its rate, the last call lies far enough back."""
    until_filled = (bucket.points - (bucket.burst - spent.lacking)) / bucket.rate
    if spent.last_seconds is None:
        return until_filled
    return max(until_filled, 2 * bucket.points / bucket.rate - spent.last_seconds)
