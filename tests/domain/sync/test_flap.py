"""Status that goes back and forth."""

from datetime import UTC, datetime, timedelta

from domain.sync.flap import flaps, with_flip

NOON = datetime(2026, 8, 10, 12, tzinfo=UTC)


def test_fourth_change_within_ten_minutes_is_one_too_many() -> None:
    flips: list[str] = []
    for minute in range(3):
        assert not flaps(flips, at=NOON + timedelta(minutes=minute))
        flips = with_flip(flips, at=NOON + timedelta(minutes=minute))
    assert flaps(flips, at=NOON + timedelta(minutes=9))
    assert not flaps(flips, at=NOON + timedelta(minutes=10))


def test_old_changes_are_forgotten() -> None:
    flips = with_flip(with_flip([], at=NOON), at=NOON + timedelta(hours=1))
    assert flips == [(NOON + timedelta(hours=1)).isoformat()]
