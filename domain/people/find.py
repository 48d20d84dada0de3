"""Finding people and teams by the names that callers use."""

import re

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.columns import new_id
from domain.errors import InvalidError, pointer
from domain.people.table import Person, Team

# Deliberately loose: one @, no blanks or control characters, a dot-separated domain. Only delivery proves an address.
_EMAIL = re.compile(r"[^\s@,;<>()\"\x00-\x1f\x7f]{1,64}@[^\s@,;<>()\"\x00-\x1f\x7f]{1,189}")


def is_email(text: str) -> bool:
    """Tells whether a text looks like one e-mail address."""
    return _EMAIL.fullmatch(text) is not None


async def person_by_email(session: AsyncSession, email: str, *, act: Act, at: str = "/owner") -> Person:
    """Finds the person with this address, or adds them: an owner needn't be registered first. Raises InvalidError.

    `at` is the JSON pointer of the address. Who adds several does so in the order of their addresses, to avoid deadlocks.
    """
    address = email.strip().lower()
    if not is_email(address):
        raise InvalidError("This is not an e-mail address.", pointer(at, "write one address, such as ana@example.com"))
    statement = (
        insert(Person)
        .values(id=new_id(), email=address, name="", version=1, created_at=act.at, updated_at=act.at)
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(col(Person.id))
    )
    added = (await session.exec(statement)).scalar_one_or_none()
    person = (await session.exec(select(Person).where(Person.email == address))).one()
    if added is not None:
        record(session, act, "created", subject=person)
    return person


async def person_named(session: AsyncSession, name: str) -> Person | None:
    """Finds the one person with this name or GitHub login (with or without @); None where there is none, or several."""
    wanted = name.strip().removeprefix("@").lower()
    query = select(Person).where(or_(func.lower(Person.name) == wanted, func.lower(Person.github_login) == wanted)).limit(2)
    found = (await session.exec(query)).all()
    return found[0] if len(found) == 1 else None


async def team_by_slug(session: AsyncSession, slug: str) -> Team:
    """Finds a team; raises InvalidError naming the ones that there are."""
    team = (await session.exec(select(Team).where(Team.slug == slug))).one_or_none()
    if team is None:
        known = (await session.exec(select(Team.slug).order_by(Team.slug).limit(20))).all()
        listed = ", ".join(known) or "none yet; POST /v1/teams makes one"
        raise InvalidError(f"There is no team {slug!r}.", pointer("/team", f"use the slug of a team: {listed}"))
    return team
