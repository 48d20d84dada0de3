"""A person gets a login or another name: the issues of their tasks, and those that the login is assigned to, are looked at."""

from datetime import datetime

from sqlalchemy import literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.people.table import Person
from domain.sync.inbox import wake
from domain.tasks.change import tell_links
from domain.tasks.table import Task
from domain.trackers.link import AT_REST, IssueLink


async def acquaint(session: AsyncSession, person: Person, *, at: datetime) -> None:
    """Marks the links due that show the person, or could now; to be called in the transaction that changes the person."""
    await session.flush()
    await tell_links(session, col(Task.owner_id) == person.id, at=at)
    if not person.github_login:
        return
    assigned = col(IssueLink.remote)["fields"]["assignee"]
    login = literal([person.github_login.lower()], JSONB)
    shown = (assigned.contains(login), col(IssueLink.state).not_in(AT_REST))
    # The tasks come first, as in every edit of them.
    tasks = select(Task.id).where(col(Task.id).in_(select(IssueLink.task_id).where(*shown)))
    await session.exec(tasks.order_by(col(Task.id)).with_for_update(key_share=True))
    query = select(IssueLink).where(*shown).order_by(col(IssueLink.id)).with_for_update(key_share=True)
    for link in (await session.exec(query)).all():
        wake(session, link, at=at)
