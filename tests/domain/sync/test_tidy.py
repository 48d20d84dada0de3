"""The inbox keeps what was read for a month, and what was not for as long as it takes."""

from datetime import UTC, datetime, timedelta

from sqlmodel import select

from domain.columns import new_id, now_utc
from domain.database import transaction
from domain.sync.table import InboxEntry
from domain.sync.tidy import first_id, tidy
from tests.domain.sync.conftest import Scene


async def test_only_what_was_read_over_a_month_ago_is_deleted(scene: Scene) -> None:
    now = now_utc()
    old, young = now - timedelta(days=31), now - timedelta(days=29)
    kept = {"old, not read": (old, None), "young, read": (young, young)}
    async with transaction(scene.desk.database) as session:
        for name, (received_at, processed_at) in {"old, read": (old, old), **kept}.items():
            entry_id = first_id(received_at)
            entry_id = entry_id if name != "old, not read" else type(entry_id)(int=entry_id.int + 1)
            session.add(
                InboxEntry(
                    id=entry_id,
                    tracker_id=scene.tracker.id,
                    delivery_id=name,
                    event="issues",
                    payload={},
                    received_at=received_at,
                    processed_at=processed_at,
                )
            )
    await tidy(scene.desk)
    async with transaction(scene.desk.database) as session:
        assert set((await session.exec(select(InboxEntry.delivery_id))).all()) == set(kept)


def test_first_id_of_an_instant_stands_between_the_ids_before_and_after() -> None:
    before = new_id()
    assert first_id(now_utc() + timedelta(milliseconds=2)) > before
    assert first_id(now_utc() - timedelta(seconds=1)) < before
    assert first_id(datetime(2026, 8, 10, tzinfo=UTC)).version == 7
