"""Status that goes back and forth: when two robots disagree, somebody must look, instead of notifying everybody again and again."""

from datetime import datetime, timedelta

MOST_FLIPS = 3
WINDOW = timedelta(minutes=10)
CODE = "status_flapping"
TEXT = "The status changed back and forth more than 3 times in 10 minutes, so the sync stopped: find out what changes it, then retry."


def recent_flips(flips: list[str], *, at: datetime) -> list[str]:
    """Leaves the changes of status (RFC 3339) that are not older than ten minutes."""
    return [flip for flip in flips if at - datetime.fromisoformat(flip) < WINDOW]


def flaps(flips: list[str], *, at: datetime) -> bool:
    """Tells whether another change of status would be one too many."""
    return len(recent_flips(flips, at=at)) >= MOST_FLIPS


def with_flip(flips: list[str], *, at: datetime) -> list[str]:
    """Adds a change of status that was carried over."""
    return [*recent_flips(flips, at=at), at.isoformat()]
