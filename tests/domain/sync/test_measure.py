"""The figures that are read from the database."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from domain.columns import now_utc
from domain.database import transaction
from domain.sync.measure import measure
from domain.sync.table import InboxEntry, Side, SyncConflict
from domain.trackers.contract import Quota
from domain.trackers.link import LinkState
from tests.domain.sync.conftest import Scene


def _figure(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"followthrough_{name}", labels)


async def test_due_links_show_the_age_of_the_oldest(scene: Scene) -> None:
    await scene.write(due_at=now_utc() - timedelta(seconds=90))
    await measure(scene.desk)
    assert _figure("sync_lag_seconds", tracker="GitHub") == pytest.approx(90, abs=5)
    assert _figure("sync_waiting", tracker="GitHub") == 1
    assert _figure("links", state="pending") == 1
    assert _figure("links", state="linked") == 0


async def test_link_that_waits_for_a_person_or_for_later_is_not_late(scene: Scene) -> None:
    await scene.write(state=LinkState.NEEDS_ATTENTION, due_at=now_utc() - timedelta(seconds=90))
    await measure(scene.desk)
    assert _figure("sync_lag_seconds", tracker="GitHub") == _figure("sync_waiting", tracker="GitHub") == 0
    await scene.write(state=LinkState.PENDING, due_at=now_utc() + timedelta(seconds=90))
    await measure(scene.desk)
    assert _figure("sync_lag_seconds", tracker="GitHub") == _figure("sync_waiting", tracker="GitHub") == 0


async def test_paused_tracker_has_links_that_wait_but_none_late(scene: Scene, sql: Any) -> None:
    await scene.write(due_at=now_utc() - timedelta(seconds=90))
    await sql.execute("UPDATE trackers SET state = 'paused'")
    await measure(scene.desk)
    assert (_figure("sync_lag_seconds", tracker="GitHub"), _figure("sync_waiting", tracker="GitHub")) == (0, 1)


async def test_renamed_tracker_leaves_no_figure_behind(scene: Scene, sql: Any) -> None:
    await measure(scene.desk)
    await sql.execute("UPDATE trackers SET name = 'Renamed'")
    await measure(scene.desk)
    assert _figure("sync_waiting", tracker="GitHub") is None
    assert _figure("sync_waiting", tracker="Renamed") is not None


async def test_inbox_and_conflicts_are_counted_while_open(scene: Scene) -> None:
    await measure(scene.desk)
    assert _figure("inbox_age_seconds") == _figure("conflicts_open") == 0
    entry: dict[str, Any] = {"tracker_id": scene.tracker.id, "event": "issues", "payload": {}}
    conflict: dict[str, Any] = {"link_id": scene.link.id, "field": "title", "winner": Side.LOCAL, "rule": "tests"}
    ended: dict[str, Any] = {"resolution": Side.REMOTE, "resolved_at": now_utc(), "resolved_by": "ada"}
    async with transaction(scene.desk.database) as session:
        session.add(InboxEntry(**entry, delivery_id="1", received_at=now_utc() - timedelta(seconds=40)))
        session.add(InboxEntry(**entry, delivery_id="2", received_at=now_utc() - timedelta(hours=1), processed_at=now_utc()))
        session.add_all([SyncConflict(**conflict), SyncConflict(**conflict, **ended)])
    await measure(scene.desk)
    assert _figure("inbox_age_seconds") == pytest.approx(40, abs=5)
    assert _figure("conflicts_open") == 1


@dataclass(slots=True)
class _Desk:
    """A desk with adapters that have heard of a quota, and one that hasn't."""

    database: Any
    quotas: dict[UUID, Quota | None]

    def open_adapters(self) -> Iterator[tuple[UUID, Any]]:
        yield from ((tracker_id, _Adapter(quota)) for tracker_id, quota in self.quotas.items())


@dataclass(slots=True)
class _Adapter:
    quota: Quota | None


async def test_quota_is_shown_as_last_heard(scene: Scene) -> None:
    quota = Quota(limit=5000, remaining=4321, reset_at=datetime(2026, 3, 1, tzinfo=UTC))
    desk: Any = _Desk(scene.desk.database, {scene.tracker.id: quota, uuid4(): quota})
    await measure(desk)
    assert _figure("tracker_quota_remaining", tracker="GitHub") == 4321
    desk.quotas[scene.tracker.id] = None
    await measure(desk)
    assert _figure("tracker_quota_remaining", tracker="GitHub") is None
