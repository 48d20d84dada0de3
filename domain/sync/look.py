"""The issue as it is now: from a waiting webhook where that is surely the latest, else by a conditional read."""

from dataclasses import dataclass, replace

import msgspec

from domain.metrics import SYNC_READS
from domain.sync.claim import Claim
from domain.sync.desk import Desk
from domain.sync.remote import FOUND, kept_remote
from domain.sync.table import InboxEntry
from domain.trackers.connect import WEBHOOK_READERS
from domain.trackers.contract import Cost, Failure, RemoteIssue, TrackerError


@dataclass(frozen=True, slots=True)
class Seen:
    """The issue as it was seen, and the webhooks that led there; `fresh` says that it was read just now."""

    issue: RemoteIssue
    entries: list[InboxEntry]
    fresh: bool


async def look(desk: Desk, claim: Claim) -> Seen:
    """Gives the issue as it is now. Webhooks that tell nothing new (an echo of our own write, an older state) cost no call."""
    link, entries = claim.link, claim.entries
    known = kept_remote(link)
    news = [entry for entry in entries if known is None or not _is_old(claim, entry, known)]
    if not claim.known_as_behind:
        if known is not None and entries and not news:
            return Seen(known, entries, fresh=False)
        if (hinted := _latest_hint(claim, news)) is not None:
            return Seen(hinted, entries, fresh=False)
    issue = await _read(desk, claim, known)
    return Seen(_with_actor(claim, issue, news), entries, fresh=True)


async def _read(desk: Desk, claim: Claim, known: RemoteIssue | None) -> RemoteIssue:
    etag = claim.link.remote_etag if known else None
    async with desk.pacer.turn(claim.tracker, claim.adapter.capabilities.pacing, Cost.READ, background=claim.link.background):
        fetched = await claim.adapter.fetch(claim.place, str(claim.link.remote_id), etag=etag)
    SYNC_READS.labels(claim.tracker.kind, "ok" if fetched else "not_modified").inc()
    issue = fetched or known
    if issue is None:
        raise TrackerError(Failure.DEFINITE, "The tracker says that nothing changed, but nothing is known yet.", code="unavailable")
    return issue


def _with_actor(claim: Claim, issue: RemoteIssue, news: list[InboxEntry]) -> RemoteIssue:
    """A read doesn't say who made the change; a webhook of the same instant does."""
    told = next((entry for entry in reversed(news) if entry.remote_version == issue.version), None)
    shown = _read_entry(claim, told) if told else None
    return replace(issue, actor=shown.actor) if shown else issue


def _is_old(claim: Claim, entry: InboxEntry, known: RemoteIssue) -> bool:
    """Tells whether a webhook shows an older state, or the very state that is known (the tracker counts in seconds)."""
    if entry.remote_version is None or claim.link.remote_version is None:
        return False
    if entry.remote_version != claim.link.remote_version:
        return entry.remote_version < claim.link.remote_version
    shown = _read_entry(claim, entry)
    return shown is not None and shown.fields == known.fields


def _latest_hint(claim: Claim, news: list[InboxEntry]) -> RemoteIssue | None:
    """Reads the newest webhook, if it is newer than what was seen and alone with its instant."""
    dated = sorted(((entry.remote_version, entry.id) for entry in news if entry.remote_version is not None), reverse=True)
    if not dated or len(dated) != len(news):
        return None
    newest, entry_id = dated[0]
    seen = claim.link.remote_version
    if (seen is not None and newest <= seen) or sum(version == newest for version, _ in dated) > 1:
        return None
    return _read_entry(claim, next(entry for entry in news if entry.id == entry_id))


def _read_entry(claim: Claim, entry: InboxEntry) -> RemoteIssue | None:
    if entry.event == FOUND:
        return msgspec.convert(entry.payload, RemoteIssue)
    return WEBHOOK_READERS[claim.tracker.kind].reread(entry.event, entry.payload, place=claim.place)
