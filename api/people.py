"""People and teams over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import available_timezones

from litestar import Controller, Request, Response, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_read, can_write
from api.conditional import answer_one, answer_written, check_if_match
from api.guarded import get
from api.paging import answer_page, reads
from api.session import act_of
from api.texts import END, Email, Name, Slug, ZoneName
from domain.errors import InvalidError, pointer
from domain.people.change import change_person, change_team, create_person, create_team, lock_person, lock_team
from domain.people.find import is_email
from domain.people.search import PEOPLE, TEAMS
from domain.sync.acquaint import acquaint

GithubLogin = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9-]{0,38}" + END, description="A GitHub login, without the @.")]
AccountId = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^\S+" + END, description="A Jira account id.")]
Members = Annotated[list[Email], Meta(max_length=500)]


class PersonRead(Struct):
    """Somebody who can own tasks, with their identities in trackers and the slugs of their teams."""

    id: UUID
    email: str
    name: str
    github_login: str | None
    jira_account_id: str | None
    teams: list[str]
    version: int
    created_at: datetime
    updated_at: datetime


class PersonPage(Struct):
    """A page of people."""

    items: list[PersonRead]
    next_cursor: str | None


class PersonCreate(Struct, forbid_unknown_fields=True):
    """A new person."""

    email: Email
    name: Annotated[str, Meta(max_length=200)] = ""
    github_login: GithubLogin | None = None
    jira_account_id: AccountId | None = None


class PersonChange(Struct, forbid_unknown_fields=True):
    """A merge patch (RFC 7396)."""

    email: Email | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    github_login: GithubLogin | None | UnsetType = UNSET
    jira_account_id: AccountId | None | UnsetType = UNSET


class TeamRead(Struct):
    """A team: `lead` and `members` are e-mail addresses, `timezone` says when its day ends."""

    id: UUID
    slug: str
    name: str
    timezone: str
    lead: str | None
    members: list[str]
    version: int
    created_at: datetime
    updated_at: datetime


class TeamPage(Struct):
    """A page of teams."""

    items: list[TeamRead]
    next_cursor: str | None


class TeamCreate(Struct, forbid_unknown_fields=True):
    """A new team."""

    slug: Slug
    name: Name
    timezone: ZoneName = "UTC"
    lead: Email | None = None
    members: Members = []


class TeamChange(Struct, forbid_unknown_fields=True):
    """A merge patch (RFC 7396); `members` replaces them all."""

    slug: Slug | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    timezone: ZoneName | UnsetType = UNSET
    lead: Email | None | UnsetType = UNSET
    members: Members | UnsetType = UNSET


class PeopleController(Controller):
    """People and their identities in trackers."""

    path = "/v1/people"
    tags = ["People and teams"]

    @get(operation_id="list_people", summary="List people", guards=[can_read], opt=reads(PEOPLE))
    async def list_people(self, request: Request[Any, Any, Any]) -> Response[PersonPage]:
        """Gives people."""
        return await answer_page(request, PEOPLE)

    @get("/{person_id:uuid}", operation_id="get_person", summary="Read a person", guards=[can_read])
    async def get_person(self, request: Request[Any, Any, Any], person_id: FromPath[UUID]) -> Response[PersonRead]:
        """Gives one person."""
        return await answer_one(request, PEOPLE, person_id)

    @post(operation_id="create_person", summary="Add a person", guards=[can_write])
    async def create_person(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[PersonCreate]
    ) -> Response[PersonRead]:
        """Adds a person; owners that a task names are added by themselves."""
        act = act_of(request)
        person = await create_person(session, act, _person_values(asdict(data)))
        await acquaint(session, person, at=act.at)
        return await answer_written(session, PEOPLE, person.id, status=201, location="/v1/people")

    @patch("/{person_id:uuid}", operation_id="change_person", summary="Change a person", guards=[can_write], opt={"if_match": True})
    async def change_person(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        person_id: FromPath[UUID],
        data: JSONBody[PersonChange],
    ) -> Response[PersonRead]:
        """Changes the members that are given."""
        person = await lock_person(session, person_id)
        check_if_match(request, person)
        act, before = act_of(request), (person.name, person.github_login)
        await change_person(session, act, person, _person_values(_given(data)))
        if (person.name, person.github_login) != before:
            await acquaint(session, person, at=act.at)
        return await answer_written(session, PEOPLE, person_id)


class TeamController(Controller):
    """Teams that own tasks."""

    path = "/v1/teams"
    tags = ["People and teams"]

    @get(operation_id="list_teams", summary="List teams", guards=[can_read], opt=reads(TEAMS))
    async def list_teams(self, request: Request[Any, Any, Any]) -> Response[TeamPage]:
        """Gives teams."""
        return await answer_page(request, TEAMS)

    @get("/{team_id:uuid}", operation_id="get_team", summary="Read a team", guards=[can_read])
    async def get_team(self, request: Request[Any, Any, Any], team_id: FromPath[UUID]) -> Response[TeamRead]:
        """Gives one team."""
        return await answer_one(request, TEAMS, team_id)

    @post(operation_id="create_team", summary="Add a team", guards=[can_write])
    async def create_team(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[TeamCreate]
    ) -> Response[TeamRead]:
        """Adds a team; lead and members are added to the people where unknown."""
        values = asdict(data)
        _check_zone(values)
        lead, members = values.pop("lead"), values.pop("members")
        team = await create_team(session, act_of(request), values, lead=lead, members=members)
        return await answer_written(session, TEAMS, team.id, status=201, location="/v1/teams")

    @patch("/{team_id:uuid}", operation_id="change_team", summary="Change a team", guards=[can_write], opt={"if_match": True})
    async def change_team(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], team_id: FromPath[UUID], data: JSONBody[TeamChange]
    ) -> Response[TeamRead]:
        """Changes the members that are given."""
        team = await lock_team(session, team_id)
        check_if_match(request, team)
        values = _given(data)
        _check_zone(values)
        await change_team(session, act_of(request), team, values)
        return await answer_written(session, TEAMS, team_id)


def _given(data: Struct) -> dict[str, Any]:
    return {name: value for name, value in asdict(data).items() if value is not UNSET}


def _person_values(values: dict[str, Any]) -> dict[str, Any]:
    if "email" in values:
        values["email"] = values["email"].strip().lower()
        if not is_email(values["email"]):
            raise InvalidError("This is not an e-mail address.", pointer("/email", "write one address, such as ana@example.com"))
    return values


def _check_zone(values: dict[str, Any]) -> None:
    # PostgreSQL, which tells what is overdue, doesn't know the name that stands for the machine's own zone.
    if "timezone" in values and values["timezone"] not in available_timezones() - {"localtime"}:
        detail = f"There is no time zone {values['timezone']!r}."
        raise InvalidError(detail, pointer("/timezone", "use a name of the IANA database, such as Europe/Berlin"))
