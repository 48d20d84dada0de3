"""Who an issue is assigned to: the task's owner is its primary assignee, and whoever else is assigned there stays."""

from collections.abc import Iterable

from sqlmodel import func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.people.table import Person
from domain.trackers.contract import Field, Fields, FieldValue
from domain.trackers.table import TrackerKind

UNKNOWN_OWNER = "{} has no login for this tracker, so nobody was assigned: set it with PATCH /v1/people."
UNKNOWN_ASSIGNEE = "{} is assigned there, but nobody here has that login: the owner stays until somebody gets it with PATCH /v1/people."


def login_of(person: Person | None, kind: TrackerKind) -> str | None:
    """Gives a person's login in trackers of a kind, lower case."""
    names = {TrackerKind.GITHUB: person.github_login if person else None}
    login = names[kind]
    return login.strip().lower() if login and login.strip() else None


async def person_of(session: AsyncSession, login: str) -> Person | None:
    """Finds whom a login belongs to."""
    return (await session.exec(select(Person).where(func.lower(Person.github_login) == login.lower()))).first()


def narrow(remote: Fields, *, base: FieldValue, local: FieldValue, but: Iterable[str] = ()) -> Fields:
    """Puts the primary assignee in the place of all: whom both sides agreed on last, else whom the task names, else the first.

    `but` are those who were there already when the task had its owner taken away.
    """
    if Field.ASSIGNEE not in remote:
        return remote
    assigned = assigned_in(remote)
    wanted = next((login for login in (base, local) if isinstance(login, str) and login in assigned), None)
    return remote | {Field.ASSIGNEE: wanted or next((login for login in assigned if login not in set(but)), None)}


def assigned_in(remote: Fields) -> list[str]:
    """Gives everybody who is assigned."""
    assigned = remote.get(Field.ASSIGNEE) or []
    return [assigned] if isinstance(assigned, str) else assigned


def agreed_after(sent: FieldValue, assigned: list[str], *, before: FieldValue) -> FieldValue:
    """Gives whom both sides agree on after an assignment was sent: never somebody whom only the tracker names."""
    wanted = before if sent is None else sent
    kept = wanted if wanted in assigned else before
    return kept if kept in assigned else None


def widen(primary: FieldValue, remote: Fields, *, instead_of: FieldValue) -> list[str]:
    """Gives everybody to assign: the primary one first, and all others who are assigned now but the one who is replaced."""
    others = [login for login in assigned_in(remote) if login not in (primary, instead_of)]
    return [primary, *others] if isinstance(primary, str) else others
