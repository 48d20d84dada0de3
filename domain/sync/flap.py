"""What goes back and forth: when two robots disagree, somebody must look, instead of notifying everybody again and again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.sync.merge import Merged, canon
from domain.trackers.contract import Field, Fields, FieldValue

MOST_FLIPS = 3
WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Swing:
    """Something that must not go back and forth for ever: its code, and what a person reads."""

    code: str
    text: str


STATUS = Swing(
    "status_flapping",
    "The status changed back and forth more than 3 times in 10 minutes, so the sync stopped: find out what changes it, then retry.",
)
REGION = Swing(
    "region_rewritten",
    "Something rewrote our part of the text more than 3 times in 10 minutes, so the sync stopped: find out what it is, then retry.",
)


def swinging(merged: Merged, *, base: Fields, remote: Fields) -> Swing | None:
    """Tells which of a merge's changes is a swing: another status on either side, or our region written over somebody's edit."""
    if Field.STATUS in merged.pull.keys() | merged.push.keys():
        return STATUS
    return REGION if Field.BODY in merged.push and is_meddled(base.get(Field.BODY), remote.get(Field.BODY)) else None


def is_meddled(base: FieldValue, region: FieldValue) -> bool:
    """Tells whether somebody wrote into our region."""
    return region is not None and canon(Field.BODY, region, title_limit=0) != base


def recent_flips(flips: list[str], *, at: datetime) -> list[str]:
    """Leaves the swings (RFC 3339) that are not older than ten minutes."""
    return [flip for flip in flips if at - datetime.fromisoformat(flip) < WINDOW]


def flaps(flips: list[str], *, at: datetime) -> bool:
    """Tells whether another swing would be one too many."""
    return len(recent_flips(flips, at=at)) >= MOST_FLIPS


def with_flip(flips: list[str], *, at: datetime) -> list[str]:
    """Adds a swing that was carried over."""
    return [*recent_flips(flips, at=at), at.isoformat()]
