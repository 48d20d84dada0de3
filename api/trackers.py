"""Trackers over HTTP: connections to GitHub. Credentials go in and never come out."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType, convert, json
from msgspec.structs import asdict
from sqlmodel.ext.asyncio.session import AsyncSession

from api.auth import can_admin, can_read, can_sync
from api.conditional import answer_one, answer_written, check_if_match
from api.guarded import get
from api.house import House, house_of
from api.paging import answer_page, reads
from api.raw import raw_json
from api.session import act_of
from api.texts import END, Name
from domain.errors import InvalidError, pointer
from domain.sync.check import Checking, check_tracker
from domain.sync.findings import EVENTS, Aspect
from domain.trackers.address import check_address
from domain.trackers.change import change_tracker, create_tracker, delete_tracker, lock_tracker, rotate_webhook_secret
from domain.trackers.connect import DEFAULT_BASE_URL, connect
from domain.trackers.search import TRACKERS
from domain.trackers.table import TrackerKind, TrackerState

BaseUrl = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\s?#]+" + END, description="Where the tracker's API is.")]
Secret = Annotated[str, Meta(min_length=1, max_length=20_000)]
# It goes into a header: visible ASCII characters alone.
AccessToken = Annotated[str, Meta(max_length=20_000, pattern="^[!-~]+" + END)]


class Credentials(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Either a `token`, or an App's `app_id` and `private_key` (PEM); `installation_id` is looked up where it is missing."""

    token: AccessToken | None = None
    app_id: Annotated[str, Meta(pattern="^[0-9A-Za-z.]{1,64}" + END)] | None = None
    private_key: Secret | None = None
    installation_id: Annotated[str, Meta(pattern="^[0-9]{1,20}" + END)] | None = None


class TrackerRead(Struct):
    """A connection to a tracker, without its secrets.

    `account` is who the credentials act as, once that is known. `failures` counts calls in a row without an answer, `limited_at` is when
    the tracker last said that we are too fast, and until `blocked_until` it is left alone.
    """

    id: UUID
    kind: TrackerKind
    name: str
    base_url: str
    state: TrackerState
    state_reason: str
    blocked_until: datetime | None
    failures: int
    limited_at: datetime | None
    account: str | None
    webhook_secret_rotating: bool
    version: int
    created_at: datetime
    updated_at: datetime


class TrackerPage(Struct):
    """A page of trackers."""

    items: list[TrackerRead]
    next_cursor: str | None


class TrackerCreate(Struct, forbid_unknown_fields=True):
    """A new connection."""

    name: Name
    credentials: Credentials
    kind: TrackerKind = TrackerKind.GITHUB
    base_url: BaseUrl | None = None


class TrackerChange(Struct, forbid_unknown_fields=True):
    """A merge patch (RFC 7396); `credentials` replaces them all, `state` is ok or paused."""

    name: Name | UnsetType = UNSET
    base_url: BaseUrl | UnsetType = UNSET
    credentials: Credentials | UnsetType = UNSET
    state: TrackerState | UnsetType = UNSET


class WebhookSetup(Struct):
    """What to enter at the tracker: where webhooks go, their secret (shown this once) and the events to send."""

    url: str
    secret: str
    content_type: str
    events: list[str]


class TrackerCreated(Struct):
    """A new connection, and how to set its webhook up."""

    tracker: TrackerRead
    webhook: WebhookSetup


class TrackerFinding(Struct):
    """Something that was looked at: what is so, and what to do where it isn't well; `subject` is the project that it is about."""

    name: Aspect
    subject: str | None
    ok: bool
    text: str
    fix: str | None


class TrackerChecked(Struct):
    """What works and what is missing; `account` is who the credentials act as."""

    ok: bool
    account: str | None
    findings: list[TrackerFinding]


class TrackerController(Controller):
    """Connections to where issues live."""

    path = "/v1/trackers"
    tags = ["Trackers"]

    @get(operation_id="list_trackers", summary="List trackers", guards=[can_read], opt=reads(TRACKERS))
    async def list_trackers(self, request: Request[Any, Any, Any]) -> Response[TrackerPage]:
        """Gives trackers, without secrets."""
        return await answer_page(request, TRACKERS)

    @get("/{tracker_id:uuid}", operation_id="get_tracker", summary="Read a tracker", guards=[can_read])
    async def get_tracker(self, request: Request[Any, Any, Any], tracker_id: FromPath[UUID]) -> Response[TrackerRead]:
        """Gives one tracker, without secrets."""
        return await answer_one(request, TRACKERS, tracker_id)

    @post(
        operation_id="create_tracker",
        summary="Connect a tracker",
        guards=[can_admin],
        opt={"answers": {201: ("Location", "ETag", "Cache-Control")}},
    )
    async def create_tracker(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], data: JSONBody[TrackerCreate]
    ) -> Response[TrackerCreated]:
        """Stores a connection; its credentials are encrypted at rest. Add the repositories it may use next."""
        house = house_of(request)
        base_url = (data.base_url or DEFAULT_BASE_URL[data.kind]).rstrip("/")
        await check_address(base_url, allow_private=house.settings.private_trackers)
        tracker, secret = await create_tracker(
            session,
            act_of(request),
            house.vault,
            kind=data.kind,
            name=data.name.strip(),
            base_url=base_url,
            credentials=_credentials(data.credentials),
        )
        shown = await answer_written(session, TRACKERS, tracker.id, status=201, location="/v1/trackers")
        setup = _setup(house, tracker.id, secret)
        body = b'{"tracker":' + shown.content + b',"webhook":' + setup + b"}"
        return Response(body, status_code=201, media_type="application/json", headers={**shown.headers, "Cache-Control": "no-store"})

    @patch(
        "/{tracker_id:uuid}",
        operation_id="change_tracker",
        summary="Change a tracker",
        guards=[can_admin],
        opt={"if_match": True},
    )
    async def change_tracker(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        tracker_id: FromPath[UUID],
        data: JSONBody[TrackerChange],
    ) -> Response[TrackerRead]:
        """Changes the members that are given; another host needs its `credentials` in the same request.

        While tasks have issues at the old host the tracker stays there (409).
        """
        house = house_of(request)
        values = {name: value for name, value in asdict(data).items() if value is not UNSET}
        if "base_url" in values:
            # The host is looked up before anything is locked.
            values["base_url"] = values["base_url"].rstrip("/")
            await check_address(values["base_url"], allow_private=house.settings.private_trackers)
        tracker = await lock_tracker(session, tracker_id)
        check_if_match(request, tracker)
        if "credentials" in values:
            values["credentials"] = house.vault.seal_json(_credentials(values["credentials"]))
        if values.get("state") not in (None, TrackerState.OK, TrackerState.PAUSED):
            raise InvalidError("Only the service sets this state.", pointer("/state", "use ok or paused"))
        await change_tracker(session, act_of(request), tracker, values)
        return await answer_written(session, TRACKERS, tracker_id)

    @post(
        "/{tracker_id:uuid}/webhook-secret",
        operation_id="rotate_webhook_secret",
        summary="Rotate a webhook secret",
        guards=[can_admin],
        opt={"answers": {201: ("Cache-Control",)}},
    )
    async def rotate_webhook_secret(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], tracker_id: FromPath[UUID]
    ) -> Response[WebhookSetup]:
        """Makes a new secret and shows it, this once; the one before it stays good until the next rotation."""
        house = house_of(request)
        tracker = await lock_tracker(session, tracker_id)
        secret = rotate_webhook_secret(session, act_of(request), tracker, house.vault)
        body = _setup(house, tracker_id, secret)
        return raw_json(body, status=201, headers={"Cache-Control": "no-store"})

    @post(
        "/{tracker_id:uuid}/check",
        operation_id="check_tracker",
        summary="Check a tracker",
        guards=[can_sync],
        status_code=200,
        opt={"answers": {200: ()}},
    )
    async def check_tracker(self, request: Request[Any, Any, Any], tracker_id: FromPath[UUID]) -> Response[TrackerChecked]:
        """Tries the credentials, the projects (the first 50) and their webhooks for 20 seconds, and says what to mend.

        Projects are brought up to date by it, and credentials that work again let the sync go on. Links that needed attention because
        a project could not be seen or written are tried again where it can be now.
        """
        house = house_of(request)
        checking = Checking(
            house.database,
            house.settings,
            connect=lambda tracker: connect(tracker, house.vault, house.settings),
            act=act_of(request),
            ring=house.bell.ring,
            pacer=house.pacer,
        )
        checked = await check_tracker(checking, tracker_id)
        findings = [convert(finding, TrackerFinding, from_attributes=True) for finding in checked.findings]
        return raw_json(json.encode(TrackerChecked(checked.ok, checked.account, findings)))

    @delete(
        "/{tracker_id:uuid}",
        operation_id="delete_tracker",
        summary="Delete a tracker",
        guards=[can_admin],
        opt={"if_match": True},
    )
    async def delete_tracker(
        self, request: Request[Any, Any, Any], session: NamedDependency[AsyncSession], tracker_id: FromPath[UUID]
    ) -> None:
        """Deletes a tracker that no task has an issue in."""
        tracker = await lock_tracker(session, tracker_id)
        check_if_match(request, tracker)
        await delete_tracker(session, act_of(request), tracker)


def _credentials(given: Credentials) -> dict[str, str]:
    values = {name: value for name, value in asdict(given).items() if value is not None}
    if ("token" in values) == ("app_id" in values or "private_key" in values) or ("app_id" in values) != ("private_key" in values):
        detail = "give either a token, or app_id and private_key"
        raise InvalidError("These credentials are incomplete.", pointer("/credentials", detail))
    return values


def _setup(house: House, tracker_id: UUID, secret: str) -> bytes:
    url = f"{house.settings.public_url}/webhooks/{tracker_id}"
    return json.encode(WebhookSetup(url, secret, "application/json", list(EVENTS)))
