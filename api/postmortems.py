"""Postmortems over HTTP, and the import of their Markdown."""

from datetime import datetime
from datetime import time as time_of_day
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, patch, post
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
from api.texts import Slug, Title, Url, ZoneName
from domain.errors import InvalidError, pointer
from domain.people.find import team_by_slug
from domain.postmortems.change import change_postmortem, create_postmortem, delete_postmortem, lock_postmortem
from domain.postmortems.dates import known_zone
from domain.postmortems.search import POSTMORTEMS
from domain.postmortems.table import PostmortemStatus

Prose = Annotated[str, Meta(max_length=100_000, description="Markdown, at most 100,000 characters.")]
Severity = Annotated[str, Meta(min_length=1, max_length=50, description="As your team says it: SEV-1, critical, …")]
Instant = Annotated[datetime, Meta(tz=True)]
Proses = Annotated[list[Prose], Meta(max_length=100)]
EventText = Annotated[str, Meta(min_length=1, max_length=10_000)]


class TimelineEventRead(Struct):
    """An event: at an instant, or at a bare time of day where the document gives no date; `line` is its line in the source."""

    at: datetime | None
    time: time_of_day | None
    text: str
    line: int | None


class PostmortemRead(Struct):
    """The document of one incident."""

    id: UUID
    title: str
    status: PostmortemStatus
    severity: str | None
    summary: str
    impact: str
    started_at: datetime | None
    detected_at: datetime | None
    resolved_at: datetime | None
    timezone: str | None
    root_causes: list[str]
    contributing_factors: list[str]
    resolution: str
    lessons: str
    conclusion: str
    team: str | None
    source_url: str | None
    timeline: list[TimelineEventRead]
    version: int
    created_at: datetime
    updated_at: datetime


class PostmortemPage(Struct):
    """A page of postmortems."""

    items: list[PostmortemRead]
    next_cursor: str | None


class TimelineEventWrite(Struct, forbid_unknown_fields=True):
    """An event with its instant, or with nothing but a time of day."""

    text: EventText
    at: Instant | None = None
    time: Annotated[time_of_day, Meta(tz=False)] | None = None
    line: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None


Timeline = Annotated[list[TimelineEventWrite], Meta(max_length=2_000)]


class PostmortemCreate(Struct, forbid_unknown_fields=True):
    """A new postmortem; `team` is a slug."""

    title: Title
    status: PostmortemStatus = PostmortemStatus.DRAFT
    severity: Severity | None = None
    summary: Prose = ""
    impact: Prose = ""
    started_at: Instant | None = None
    detected_at: Instant | None = None
    resolved_at: Instant | None = None
    timezone: ZoneName | None = None
    root_causes: Proses = []
    contributing_factors: Proses = []
    resolution: Prose = ""
    lessons: Prose = ""
    conclusion: Prose = ""
    team: Slug | None = None
    source_url: Url | None = None
    timeline: Timeline = []


class PostmortemChange(Struct, forbid_unknown_fields=True):
    """A merge patch (RFC 7396); `timeline` replaces the whole timeline."""

    title: Title | UnsetType = UNSET
    status: PostmortemStatus | UnsetType = UNSET
    severity: Severity | None | UnsetType = UNSET
    summary: Prose | UnsetType = UNSET
    impact: Prose | UnsetType = UNSET
    started_at: Instant | None | UnsetType = UNSET
    detected_at: Instant | None | UnsetType = UNSET
    resolved_at: Instant | None | UnsetType = UNSET
    timezone: ZoneName | None | UnsetType = UNSET
    root_causes: Proses | UnsetType = UNSET
    contributing_factors: Proses | UnsetType = UNSET
    resolution: Prose | UnsetType = UNSET
    lessons: Prose | UnsetType = UNSET
    conclusion: Prose | UnsetType = UNSET
    team: Slug | None | UnsetType = UNSET
    source_url: Url | None | UnsetType = UNSET
    timeline: Timeline | UnsetType = UNSET


class PostmortemController(Controller):
    """Documents of incidents."""

    path = "/v1/postmortems"
    tags = ["Postmortems"]

    @get(operation_id="list_postmortems", summary="List postmortems", guards=[can_read], opt=reads(POSTMORTEMS))
    async def list_postmortems(self, request: Request[Any, Any, Any]) -> Response[PostmortemPage]:
        """Gives postmortems with their timelines, the newest first unless `sort` says otherwise."""
        return await answer_page(request, POSTMORTEMS)

    @get("/{postmortem_id:uuid}", operation_id="get_postmortem", summary="Read a postmortem", guards=[can_read])
    async def get_postmortem(self, request: Request[Any, Any, Any], postmortem_id: FromPath[UUID]) -> Response[PostmortemRead]:
        """Gives one postmortem with its timeline."""
        return await answer_one(request, POSTMORTEMS, postmortem_id)

    @post(operation_id="create_postmortem", summary="Add a postmortem", guards=[can_write])
    async def create_postmortem(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[PostmortemCreate]
    ) -> Response[PostmortemRead]:
        """Stores a postmortem that is written here; see the import for one that exists as Markdown."""
        values = await _columns(session, asdict(data))
        events = _events(values.pop("timeline"))
        postmortem = await create_postmortem(session, act_of(request), values, timeline=events)
        return await answer_written(session, POSTMORTEMS, postmortem.id, status=201, location="/v1/postmortems")

    @patch(
        "/{postmortem_id:uuid}",
        operation_id="change_postmortem",
        summary="Change a postmortem",
        guards=[can_write],
        opt={"if_match": True},
    )
    async def change_postmortem(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        postmortem_id: FromPath[UUID],
        data: JSONBody[PostmortemChange],
    ) -> Response[PostmortemRead]:
        """Changes the members that are given."""
        postmortem = await lock_postmortem(session, postmortem_id)
        check_if_match(request, postmortem)
        values = await _columns(session, {name: value for name, value in asdict(data).items() if value is not UNSET})
        events = _events(values.pop("timeline")) if "timeline" in values else None
        await change_postmortem(session, act_of(request), postmortem, values, timeline=events)
        return await answer_written(session, POSTMORTEMS, postmortem_id)

    @delete(
        "/{postmortem_id:uuid}",
        operation_id="delete_postmortem",
        summary="Delete a postmortem",
        guards=[can_write],
        opt={"if_match": True},
    )
    async def delete_postmortem(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], postmortem_id: FromPath[UUID]
    ) -> None:
        """Deletes a postmortem that has no tasks any more, with its improvements."""
        postmortem = await lock_postmortem(session, postmortem_id)
        check_if_match(request, postmortem)
        await delete_postmortem(session, act_of(request), postmortem)


async def _columns(session: AsyncSession, given: dict[str, Any]) -> dict[str, Any]:
    values = dict(given)
    if "team" in values:
        team = values.pop("team")
        values["team_id"] = (await team_by_slug(session, team)).id if team else None
    if "title" in values:
        values["title"] = " ".join(values["title"].split())
    if values.get("timezone") is not None:
        values["timezone"] = _zone(values["timezone"])
    return values


def _zone(text: str) -> str:
    zone = known_zone(text)
    if zone is None:
        raise InvalidError(f"There is no time zone {text!r}.", pointer("/timezone", "use an IANA name such as Europe/Berlin, or +02:00"))
    return zone


def _events(events: list[TimelineEventWrite]) -> list[dict[str, Any]]:
    both = [index for index, event in enumerate(events) if event.at is not None and event.time is not None]
    if both:
        places = [pointer(f"/timeline/{index}/time", "leave it out, or leave `at` out") for index in both]
        raise InvalidError("An event has an instant or a bare time of day.", *places)
    return [asdict(event) for event in events]
