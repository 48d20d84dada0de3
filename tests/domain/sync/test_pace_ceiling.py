"""The ceiling of creations, which needs no server."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.sync.pace_ceiling import creations_an_hour, halved
from domain.trackers.contract import Pacing
from tests.domain.sync.paced import some_tracker

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PACING = Pacing((), 8, 150, 450, 20)


def test_starts_at_the_most() -> None:
    assert creations_an_hour(some_tracker(), PACING, at=NOON) == 450


def test_ceiling_grows_back_evenly_within_four_hours() -> None:
    tracker = some_tracker(limited_at=NOON, limited_creations=250)
    hours = [creations_an_hour(tracker, PACING, at=NOON + timedelta(hours=hour)) for hour in (-1, 0, 1, 2, 4, 5)]
    assert hours == [250, 250, 300, 350, 450, 450]


def test_limit_halves_the_ceiling_down_to_the_fewest() -> None:
    tracker, at, left = some_tracker(), NOON, []
    for _ in range(3):
        tracker.limited_creations = halved(tracker, PACING, at)
        tracker.limited_at = at
        left.append(tracker.limited_creations)
        at += timedelta(minutes=2)
    assert left[0] == 225
    assert left[1:] == [150, 150]


def test_calls_that_are_refused_together_halve_it_once() -> None:
    tracker = some_tracker(limited_at=NOON, limited_creations=225)
    assert 225 <= halved(tracker, PACING, NOON + timedelta(seconds=3)) < 226


@given(left_at=st.floats(0, 1000), minutes=st.integers(-100, 1000), more=st.integers(0, 500))
def test_ceiling_stays_in_bounds_and_never_falls_by_itself(left_at: float, minutes: int, more: int) -> None:
    tracker = some_tracker(limited_at=NOON, limited_creations=left_at)
    early, late = (creations_an_hour(tracker, PACING, at=NOON + timedelta(minutes=minutes + m)) for m in (0, more))
    assert 150 <= early <= late + 1e-9 <= 450 + 1e-8
