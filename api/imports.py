"""The import: a postmortem's Markdown becomes a postmortem, its improvements and tasks."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import available_timezones

import msgspec
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_write
from api.improvements import ImprovementRead
from api.postmortems import PostmortemRead
from api.raw import raw_json
from api.session import act_of
from api.tasks import TaskRead
from domain.bell import forget
from domain.database import reader
from domain.errors import InvalidError, MalformedError, UnsupportedMediaError, parameter
from domain.filters import a_date, a_flag, a_text
from domain.improvements.search import IMPROVEMENTS
from domain.metrics import TASKS_IMPORTED
from domain.people.find import team_by_slug
from domain.postmortems.document import Document, Ingested, decode_source
from domain.postmortems.ingest import ingest_postmortem
from domain.postmortems.search import POSTMORTEMS
from domain.reading import Filter, read_all, read_one
from domain.tasks.search import TASKS

MEDIA_TYPES = ("text/markdown", "text/x-markdown", "text/plain")


def _zone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError("use a name of the IANA database, such as Europe/Berlin")
    return text


def _url(text: str) -> str:
    if len(text) > 2000 or any(letter.isspace() or not letter.isprintable() for letter in text):
        raise ValueError("write at most 2,000 characters without blanks")
    if not _is_web_address(text):
        raise ValueError("write an address that begins with http:// or https://")
    return text


def _is_web_address(text: str) -> bool:
    """Whether a browser may be sent there: readers click on it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


PARAMETERS: dict[str, Filter] = {
    "source_url": Filter(
        "",
        _url,
        {"type": "string", "format": "uri", "maxLength": 2000},
        "Where the document lives (http or https); the same address again changes the same postmortem.",
    ),
    "incident_date": a_date("", "The day of the incident, for documents that give times without it."),
    "timezone": Filter("", _zone, {"type": "string"}, "The IANA time zone of times for which the document gives none."),
    "team": a_text("", "The slug of the team that owns the postmortem and its tasks."),
    "dry_run": a_flag("", "Store nothing; show what would be."),
}


class DocumentWarning(Struct):
    """Something in the document that a person should look at; `line` is null where it concerns the whole."""

    line: int | None
    text: str


class ImportResult(Struct):
    """What the document became; `created` tells whether it is a new postmortem (or would be, in a dry run)."""

    created: bool

    postmortem: PostmortemRead
    improvements: list[ImprovementRead]
    tasks: list[TaskRead]
    warnings: list[DocumentWarning]


class ImportController(Controller):
    """The way in for documents that people really write."""

    path = "/v1/postmortems/import"
    tags = ["Postmortems"]

    @post(
        operation_id="import_postmortem",
        summary="Import a postmortem's Markdown",
        guards=[can_write],
        opt={
            "parameters": tuple(PARAMETERS),
            "documented": PARAMETERS,
            "body": MEDIA_TYPES[0],
            "answers": {201: ("Location",), 200: ()},
            "errors": (415, 422),
        },
    )
    async def import_postmortem(self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession]) -> Response[ImportResult]:
        """Stores what the document says, as one postmortem with its improvements and tasks.

        The same document again (by `source_url`, else by its text, or by its title with most of its lines) changes what it says
        differently, answers 200 and keeps what people edited since. `warnings` names, by line, what was not understood or needs a person.
        """
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in MEDIA_TYPES:
            raise UnsupportedMediaError(f"Send the document as text/markdown; this one came as {media_type or 'nothing in particular'}.")
        given = _parameters(request)
        dry_run = given.pop("dry_run", False)
        given["team_id"] = await _team_id(session, given.pop("team", None))
        document = Document(decode_source(await request.body()), **given)
        ingested = await ingest_postmortem(session, act_of(request), document)
        body = await _tree(session, ingested)
        if dry_run:
            await session.rollback()
            forget(session)
        else:
            TASKS_IMPORTED.inc(ingested.tasks_made)
        created = ingested.created and not dry_run
        headers = {"Location": f"/v1/postmortems/{ingested.postmortem_id}"} if created else {}
        return raw_json(body, status=201 if created else 200, headers=headers)


def _parameters(request: Request[Any, Any, Any]) -> dict[str, Any]:
    values, wrong = {}, []
    for name, text in request.query_params.items():
        try:
            values[name] = PARAMETERS[name].parse(text)
        except ValueError as error:
            wrong.append(parameter(name, str(error)))
    if wrong:
        raise MalformedError("Some parameters can't be so.", *wrong)
    return values


async def _team_id(session: AsyncSession, slug: str | None) -> UUID | None:
    try:
        return (await team_by_slug(session, slug)).id if slug else None
    except InvalidError as error:
        raise InvalidError(error.detail, *(parameter("team", place.detail) for place in error.places)) from None


async def _tree(session: AsyncSession, ingested: Ingested) -> bytes:
    connection = await reader(session)
    only = {"postmortem_id": [ingested.postmortem_id]}
    postmortem = await read_one(connection, POSTMORTEMS, ingested.postmortem_id)
    improvements = await read_all(connection, IMPROVEMENTS, only)
    tasks = await read_all(connection, TASKS, only)
    warnings = msgspec.json.encode([DocumentWarning(warning.line, warning.text) for warning in ingested.warnings])
    shown = postmortem.json if postmortem else b"null"
    members = (msgspec.json.encode(ingested.created), shown, improvements, tasks, warnings)
    return b'{"created":%b,"postmortem":%b,"improvements":[%b],"tasks":[%b],"warnings":%b}' % members
