"""How many creations an hour a tracker is asked for: less after it said that we are too fast, and slowly more again."""

from datetime import datetime, timedelta

from domain.trackers.contract import Pacing
from domain.trackers.table import Tracker

RECOVERY = timedelta(hours=4)
# Calls that were in flight together are refused together: that is one sign of having been too fast, not eight.
SAME_LIMIT = timedelta(seconds=60)


def creations_an_hour(tracker: Tracker, pacing: Pacing, *, at: datetime) -> float:
    """Gives the ceiling at an instant: what the tracker was left at when it last refused, growing back to the most within four hours.

    It is reckoned from the tracker's row alone, so that it outlives whatever Redis forgets.
    """
    most = pacing.most_creations
    if tracker.limited_at is None or tracker.limited_creations is None:
        return most
    left_at = min(most, max(pacing.fewest_creations, tracker.limited_creations))
    recovered = min(1.0, max(0.0, (at - tracker.limited_at) / RECOVERY))
    return left_at + (most - left_at) * recovered


def halved(tracker: Tracker, pacing: Pacing, at: datetime) -> float:
    """Gives what to leave the tracker at when it says that we are too fast, never under the fewest.

    It is to be stored as `limited_creations` together with `limited_at`; within a minute of the last time it stays as it is.
    """
    now = creations_an_hour(tracker, pacing, at=at)
    if tracker.limited_at is not None and at - tracker.limited_at < SAME_LIMIT:
        return now
    return max(pacing.fewest_creations, now / 2)
