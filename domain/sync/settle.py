"""A link comes to rest: nothing is due any more, unless something happened while it was worked on."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from domain.columns import touch
from domain.sync.breaker import note_answer
from domain.sync.claim import Claim, release
from domain.sync.failure import clear_error
from domain.sync.post_comments import next_post_at
from domain.sync.waiting import waiting_entries
from domain.trackers.link import IssueLink


async def settle(session: AsyncSession, claim: Claim, link: IssueLink, *, version: int, at: datetime) -> None:
    """Notes up to which version of the task the tracker has everything, and ends the lease.

    The link stays due when the task was edited or a webhook came in meanwhile: their ring may have found it busy.
    """
    come_to_rest(link, version=version, at=at)
    await note_answer(session, claim.tracker, at=at)
    if link.due_at is None:
        waiting = await waiting_entries(session, link, claim.tracker.id, claim.project.remote_id)
        release(link, due_at=at if waiting else await next_post_at(session, link))


def come_to_rest(link: IssueLink, *, version: int, at: datetime) -> None:
    """Notes up to which version the tracker has everything; due at once if the task has more by now."""
    link.pushed_version = version
    link.last_synced_at, link.background = at, False
    clear_error(link)
    touch(link, at)
    release(link, due_at=at if link.desired_version > version else None)
