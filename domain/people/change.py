"""People and teams are made and changed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.columns import touch
from domain.errors import ConflictError, NotFoundError, pointer
from domain.people.find import person_by_email
from domain.people.table import Membership, Person, Team


async def create_person(session: AsyncSession, act: Act, values: Mapping[str, Any]) -> Person:
    """Adds a person; raises ConflictError where somebody has the address, login or account already."""
    await _refuse_double(session, values, but=None)
    person = Person(**values, created_at=act.at, updated_at=act.at)
    session.add(person)
    record(session, act, "created", subject=person)
    return person


async def change_person(session: AsyncSession, act: Act, person: Person, changes: Mapping[str, Any]) -> None:
    """Applies the new values; raises ConflictError as `create_person`."""
    await _refuse_double(session, changes, but=person.id)
    _apply(session, act, person, changes)


async def _refuse_double(session: AsyncSession, values: Mapping[str, Any], *, but: UUID | None) -> None:
    for name in ("email", "github_login", "jira_account_id"):
        if values.get(name) is None:
            continue
        column = col(getattr(Person, name))
        query = select(Person.id).where(column.ilike(values[name], escape="\\") if name == "github_login" else column == values[name])
        if any(found != but for found in (await session.exec(query)).all()):
            raise ConflictError(f"Somebody has this {name} already.", pointer(f"/{name}", "use one that nobody else has"))


async def lock_person(session: AsyncSession, person_id: UUID) -> Person:
    """Loads a person for changing, locked until the transaction ends; raises NotFoundError."""
    person = (await session.exec(select(Person).where(Person.id == person_id).with_for_update())).one_or_none()
    if person is None:
        raise NotFoundError(f"There is no person {person_id}.")
    return person


async def create_team(session: AsyncSession, act: Act, values: Mapping[str, Any], *, lead: str | None, members: list[str]) -> Team:
    """Adds a team with its lead and members (by e-mail, added where unknown); raises ConflictError for a slug in use."""
    await _refuse_double_slug(session, values["slug"], but=None)
    team = Team(**values, created_at=act.at, updated_at=act.at)
    if lead:
        team.lead_id = (await person_by_email(session, lead, act=act, at="/lead")).id
    session.add(team)
    await session.flush()
    record(session, act, "created", subject=team)
    await set_members(session, act, team, members)
    return team


async def _refuse_double_slug(session: AsyncSession, slug: str, *, but: UUID | None) -> None:
    if (await session.exec(select(Team.id).where(Team.slug == slug))).first() not in (None, but):
        raise ConflictError(f"There is a team {slug!r} already.", pointer("/slug", "use a slug that no team has"))


async def change_team(session: AsyncSession, act: Act, team: Team, changes: Mapping[str, Any]) -> None:
    """Applies the new values, `lead` and `members` (e-mails) besides the columns; raises ConflictError for a slug in use."""
    values = dict(changes)
    if "slug" in values:
        await _refuse_double_slug(session, values["slug"], but=team.id)
    members = values.pop("members", None)
    if "lead" in values:
        lead = values.pop("lead")
        values["lead_id"] = (await person_by_email(session, lead, act=act, at="/lead")).id if lead else None
    _apply(session, act, team, values)
    if members is not None:
        await set_members(session, act, team, members)


async def set_members(session: AsyncSession, act: Act, team: Team, emails: list[str]) -> None:
    """Makes exactly these people the members of the team."""
    places = sorted((email.strip().lower(), f"/members/{index}") for index, email in enumerate(emails))
    wanted = {(await person_by_email(session, email, act=act, at=place)).id for email, place in places}
    present = set((await session.exec(select(Membership.person_id).where(Membership.team_id == team.id))).all())
    if wanted == present:
        return
    gone = col(Membership.person_id).in_(present - wanted)
    await session.exec(delete(Membership).where(col(Membership.team_id) == team.id, gone))
    session.add_all(Membership(team_id=team.id, person_id=person_id, created_at=act.at) for person_id in wanted if person_id not in present)
    touch(team, act.at)
    record(session, act, "changed", subject=team, changes={"members": (sorted(map(str, present)), sorted(map(str, wanted)))})


async def lock_team(session: AsyncSession, team_id: UUID) -> Team:
    """Loads a team for changing, locked until the transaction ends; raises NotFoundError."""
    team = (await session.exec(select(Team).where(Team.id == team_id).with_for_update())).one_or_none()
    if team is None:
        raise NotFoundError(f"There is no team {team_id}.")
    return team


def _apply(session: AsyncSession, act: Act, row: Person | Team, changes: Mapping[str, Any]) -> None:
    changed = {name: (getattr(row, name), value) for name, value in changes.items() if getattr(row, name) != value}
    for name, (_, value) in changed.items():
        setattr(row, name, value)
    if changed:
        touch(row, act.at)
        record(session, act, "changed", subject=row, changes=changed)
