"""Trackers, their projects and routes are made, changed and deleted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.bell import RECONCILE_LINK, after_commit
from domain.columns import VersionedRow, touch
from domain.errors import ConflictError, InvalidError, NotFoundError, pointer
from domain.trackers.contract import Project
from domain.trackers.credentials import Vault, new_webhook_secret
from domain.trackers.link import IssueLink, LinkState, wake_links
from domain.trackers.route import Route
from domain.trackers.table import Tracker, TrackerKind, TrackerProject, TrackerState

R = TypeVar("R", Tracker, Route)


async def create_tracker(
    session: AsyncSession, act: Act, vault: Vault, *, kind: TrackerKind, name: str, base_url: str, credentials: Mapping[str, str]
) -> tuple[Tracker, str]:
    """Adds a tracker and gives it with its webhook secret, which is shown this once; raises ConflictError for a name in use."""
    await _refuse_double_name(session, name, but=None)
    secret = new_webhook_secret()
    tracker = Tracker(
        kind=kind,
        name=name,
        base_url=base_url,
        credentials=vault.seal_json(dict(credentials)),
        webhook_secret=vault.seal(secret),
        created_at=act.at,
        updated_at=act.at,
    )
    session.add(tracker)
    record(session, act, "created", subject=tracker, changes={"name": (None, name)})
    return tracker, secret


async def change_tracker(session: AsyncSession, act: Act, tracker: Tracker, changes: Mapping[str, Any]) -> None:
    """Applies new columns' values; `state` is set back to ok by new credentials.

    Another host needs credentials of its own (InvalidError), and no task may have an issue at the old one (ConflictError).
    """
    if "name" in changes:
        await _refuse_double_name(session, changes["name"], but=tracker.id)
    if "base_url" in changes and _origin(changes["base_url"]) != _origin(tracker.base_url):
        await _refuse_other_host(session, tracker, changes)
    values = dict(changes)
    if "credentials" in values:
        values |= {"state": TrackerState.OK, "state_reason": "", "blocked_until": None, "bot_account_id": None}
    changed = {name: (getattr(tracker, name), value) for name, value in values.items() if getattr(tracker, name) != value}
    for name, (_, value) in changed.items():
        setattr(tracker, name, value)
    if changed:
        shown = {name: ("…", "…") if isinstance(after, bytes) else (before, after) for name, (before, after) in changed.items()}
        touch(tracker, act.at)
        record(session, act, "changed", subject=tracker, changes=shown)
    if tracker.state is TrackerState.OK and changed.keys() & {"state", "credentials", "base_url", "blocked_until"}:
        await wake_links(session, tracker.id, at=act.at)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Gives what RFC 6454 calls an origin: what may be told to one may not be told to another."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


async def _refuse_other_host(session: AsyncSession, tracker: Tracker, changes: Mapping[str, Any]) -> None:
    if "credentials" not in changes:
        detail = "give the credentials for the new host in the same request"
        raise InvalidError("The credentials that are stored belong to another host.", pointer("/credentials", detail))
    projects = select(TrackerProject.id).where(TrackerProject.tracker_id == tracker.id)
    live = col(IssueLink.state).not_in((LinkState.GONE, LinkState.DETACHED))
    query = select(func.count()).where(col(IssueLink.tracker_project_id).in_(projects), live)
    count = (await session.exec(query)).one()
    if count:
        detail = "detach their links first, or connect the new host as a tracker of its own"
        raise ConflictError(f"{count} tasks have an issue at the old host.", pointer("/base_url", detail))


def rotate_webhook_secret(session: AsyncSession, act: Act, tracker: Tracker, vault: Vault) -> str:
    """Gives the tracker a new webhook secret; the one before it is good until the next rotation."""
    secret = new_webhook_secret()
    tracker.previous_webhook_secret = tracker.webhook_secret
    tracker.webhook_secret = vault.seal(secret)
    touch(tracker, act.at)
    record(session, act, "rotated_webhook_secret", subject=tracker)
    return secret


async def _refuse_double_name(session: AsyncSession, name: str, *, but: UUID | None) -> None:
    found = (await session.exec(select(Tracker.id).where(Tracker.name == name))).first()
    if found not in (None, but):
        raise ConflictError("A tracker has this name already.", pointer("/name", "use another name"))


async def find_tracker(session: AsyncSession, tracker_id: UUID) -> Tracker:
    """Loads a tracker to look at it; raises NotFoundError."""
    tracker = await session.get(Tracker, tracker_id)
    if tracker is None:
        raise NotFoundError(f"There is no tracker {tracker_id}.")
    return tracker


async def lock_tracker(session: AsyncSession, tracker_id: UUID) -> Tracker:
    """Loads a tracker for changing it, locked until the transaction ends; raises NotFoundError."""
    return await _lock(session, Tracker, tracker_id, "tracker")


async def lock_route(session: AsyncSession, route_id: UUID) -> Route:
    """Loads a route for changing it, locked until the transaction ends; raises NotFoundError."""
    return await _lock(session, Route, route_id, "route")


async def _lock(session: AsyncSession, table: type[R], row_id: UUID, noun: str) -> R:
    # Rows that refer to it (webhooks, the ledger) are written meanwhile.
    query = select(table).where(col(table.id) == row_id).with_for_update(key_share=True)
    row = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no {noun} {row_id}.")
    return row


async def delete_tracker(session: AsyncSession, act: Act, tracker: Tracker) -> None:
    """Deletes a tracker with its projects and routes; raises ConflictError while tasks have issues there."""
    projects = select(TrackerProject.id).where(TrackerProject.tracker_id == tracker.id)
    query = select(func.count()).where(col(IssueLink.tracker_project_id).in_(projects))
    count = (await session.exec(query)).one()
    if count:
        raise ConflictError(f"{count} tasks have a link into this tracker: pause it (PATCH state=paused) instead of deleting it.")
    record(session, act, "deleted", subject=tracker, changes={"name": (tracker.name, None)})
    await session.delete(tracker)


async def add_project(session: AsyncSession, act: Act, tracker: Tracker, project: Project) -> tuple[TrackerProject, bool]:
    """Stores a project that the tracker described, or brings its row up to date; says whether it is new.

    Links whose issue went to a place that wasn't known are due at once: it may be this one.
    """
    query = select(TrackerProject).where(TrackerProject.tracker_id == tracker.id, TrackerProject.remote_id == project.remote_id)
    row = (await session.exec(query.with_for_update(key_share=True))).one_or_none()
    details = {
        "issues_enabled": project.issues_enabled,
        "writable": project.writable,
        "native": dict(project.native),
        "types": list(project.types),
    }
    await _wake_moved(session, tracker.id, at=act.at)
    if row is not None:
        row.key, row.url, row.details, row.fetched_at = project.key, project.url, details, act.at
        touch(row, act.at)
        return row, False
    row = TrackerProject(
        tracker_id=tracker.id,
        remote_id=project.remote_id,
        key=project.key,
        url=project.url,
        details=details,
        fetched_at=act.at,
        created_at=act.at,
        updated_at=act.at,
    )
    session.add(row)
    record(session, act, "created", subject=row, changes={"key": (None, project.key)})
    return row, True


async def _wake_moved(session: AsyncSession, tracker_id: UUID, *, at: datetime) -> None:
    projects = select(TrackerProject.id).where(TrackerProject.tracker_id == tracker_id)
    query = select(IssueLink).where(col(IssueLink.tracker_project_id).in_(projects), IssueLink.state == LinkState.MOVED)
    # One that is worked on now is looked at anyway.
    for link in await session.exec(query.order_by(col(IssueLink.id)).with_for_update(skip_locked=True, key_share=True)):
        link.due_at = at
        after_commit(session, RECONCILE_LINK, link.id)


async def lock_project(session: AsyncSession, tracker_id: UUID, project_id: UUID) -> TrackerProject:
    """Loads a project of a tracker for changing it, locked until the transaction ends; raises NotFoundError."""
    query = select(TrackerProject).where(TrackerProject.id == project_id, TrackerProject.tracker_id == tracker_id)
    row = (await session.exec(query.with_for_update(key_share=True))).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no project {project_id} in this tracker.")
    return row


async def delete_project(session: AsyncSession, act: Act, project: TrackerProject) -> None:
    """Deletes a project with its routes; raises ConflictError while tasks have issues there."""
    query = select(func.count()).where(IssueLink.tracker_project_id == project.id)
    count = (await session.exec(query)).one()
    if count:
        raise ConflictError(f"{count} tasks have a link into {project.key}: it stays, so that their ledger does.")
    record(session, act, "deleted", subject=project, changes={"key": (project.key, None)})
    await session.delete(project)


def create_route(session: AsyncSession, act: Act, values: Mapping[str, Any]) -> Route:
    """Adds a route."""
    route = Route(**values, created_at=act.at, updated_at=act.at)
    session.add(route)
    record(session, act, "created", subject=route)
    return route


def change_row(session: AsyncSession, act: Act, row: VersionedRow, changes: Mapping[str, Any]) -> None:
    """Applies new columns' values to a route."""
    changed = {name: (getattr(row, name), value) for name, value in changes.items() if getattr(row, name) != value}
    for name, (_, value) in changed.items():
        setattr(row, name, value)
    if changed:
        touch(row, act.at)
        record(session, act, "changed", subject=row, changes=changed)


async def delete_route(session: AsyncSession, act: Act, route: Route) -> None:
    """Deletes a route; links that it made stay."""
    record(session, act, "deleted", subject=route)
    await session.delete(route)
