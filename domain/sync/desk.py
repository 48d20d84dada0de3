"""What the sync works with: the database, the adapters that are open, the pace at which they are called, and the settings."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.bell import Bell
from domain.columns import now_utc
from domain.database import Database
from domain.settings import Settings
from domain.sync.pace import Pacer
from domain.trackers.address import check_address
from domain.trackers.connect import connect
from domain.trackers.contract import Adapter
from domain.trackers.credentials import Vault
from domain.trackers.table import Tracker


@dataclass(slots=True)
class Desk:
    """Opened once by a worker. Adapters are kept while their tracker's address and credentials stay the same."""

    settings: Settings
    database: Database
    bell: Bell
    vault: Vault
    pacer: Pacer = field(init=False)
    _adapters: dict[UUID, tuple[tuple[str, bytes], Adapter]] = field(default_factory=dict)
    _opening: dict[UUID, asyncio.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pacer = Pacer(self.bell.redis, self.database, factor=self.settings.pace_factor, slot_seconds=self.settings.lease_seconds)

    async def adapter(self, tracker: Tracker) -> Adapter:
        """Gives the open adapter of a tracker; raises InvalidError where its address is not allowed (any more)."""
        if (known := self._known(tracker)) is not None:
            return known
        # To look a host up takes a while: whoever comes meanwhile waits for the same adapter.
        async with self._opening.setdefault(tracker.id, asyncio.Lock()):
            if (known := self._known(tracker)) is not None:
                return known
            await check_address(tracker.base_url, allow_private=self.settings.private_trackers)
            adapter = connect(tracker, self.vault, self.settings)
            self.seat(tracker, adapter)
            return adapter

    def _known(self, tracker: Tracker) -> Adapter | None:
        known = self._adapters.get(tracker.id)
        return known[1] if known is not None and known[0] == (tracker.base_url, tracker.credentials) else None

    def seat(self, tracker: Tracker, adapter: Adapter) -> None:
        """Uses this adapter for the tracker from now on; one that was open is closed, and its calls under way come to their end."""
        known = self._adapters.get(tracker.id)
        if known is not None:
            known[1].close()
        self._adapters[tracker.id] = ((tracker.base_url, tracker.credentials), adapter)

    def open_adapters(self) -> Iterator[tuple[UUID, Adapter]]:
        """Gives the adapters that are open, with their trackers' ids."""
        yield from ((tracker_id, adapter) for tracker_id, (_, adapter) in self._adapters.items())

    async def close(self) -> None:
        """Closes all adapters."""
        for _, adapter in self._adapters.values():
            adapter.close()


def act_for(tracker: Tracker, *, by: str | None = None, request_id: str | None = None) -> Act:
    """Says that a change comes from the tracker, through whom, now."""
    name = f"{tracker.name}: {by}" if by else tracker.name
    return Act(ActorKind.TRACKER, name, now_utc(), id=tracker.id, request_id=request_id)
