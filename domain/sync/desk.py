"""What the sync works with: the database, the adapters that are open, and the settings."""

from dataclasses import dataclass, field
from uuid import UUID

from domain.activity.record import Act
from domain.activity.table import ActorKind
from domain.bell import Bell
from domain.columns import now_utc
from domain.database import Database
from domain.settings import Settings
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
    _adapters: dict[UUID, tuple[tuple[str, bytes], Adapter]] = field(default_factory=dict)

    async def adapter(self, tracker: Tracker) -> Adapter:
        """Gives the open adapter of a tracker; raises InvalidError where its address is not allowed (any more)."""
        known = self._adapters.get(tracker.id)
        access = (tracker.base_url, tracker.credentials)
        if known is not None and known[0] == access:
            return known[1]
        await check_address(tracker.base_url, allow_private=self.settings.private_trackers)
        adapter = connect(tracker, self.vault, self.settings)
        if known is not None:
            known[1].close()
        self._adapters[tracker.id] = (access, adapter)
        return adapter

    async def close(self) -> None:
        """Closes all adapters."""
        for _, adapter in self._adapters.values():
            adapter.close()


def act_for(tracker: Tracker, *, by: str | None = None, request_id: str | None = None) -> Act:
    """Says that a change comes from the tracker, through whom, now."""
    name = f"{tracker.name}: {by}" if by else tracker.name
    return Act(ActorKind.TRACKER, name, now_utc(), id=tracker.id, request_id=request_id)
