"""What works and what is missing: a tracker's address, credentials, permissions and webhooks, and how its sweeps do."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act
from domain.database import AfterCommit, Database, transaction
from domain.errors import FollowthroughError, UnavailableError
from domain.settings import Settings
from domain.sync.ask import asked
from domain.sync.breaker import FAILURES, note_answer
from domain.sync.findings import Aspect, Finding, about_hook, about_limit, about_project, about_sweeps, about_unseen_hook
from domain.sync.pace import Pacer
from domain.sync.retry_many import ACCESS_ERRORS, retry_links
from domain.trackers.address import check_address
from domain.trackers.change import add_project, change_tracker, find_tracker, lock_tracker
from domain.trackers.contract import Adapter, Failure, Place, Project, TrackerError
from domain.trackers.table import Tracker, TrackerProject, TrackerState

MOST_PROJECTS = 50
AT_ONCE = 4
DEADLINE_SECONDS = 20.0
WAIT = "wait; the sync goes on by itself"


@dataclass(slots=True)
class Checked:
    """What was found, and the account that the credentials act as (None where that isn't known)."""

    account: str | None = None
    findings: list[Finding] = field(default_factory=list)
    described: list[Project] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing needs a person."""
        return all(finding.ok for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Checking:
    """What a check is made with: `connect` opens the adapter, and may raise what `domain.trackers.connect.connect` does."""

    database: Database
    settings: Settings
    connect: Callable[[Tracker], Adapter]
    act: Act
    ring: AfterCommit
    deadline_seconds: float = DEADLINE_SECONDS
    pacer: Pacer = field(kw_only=True)


async def check_tracker(checking: Checking, tracker_id: UUID) -> Checked:
    """Asks the tracker, for at most 50 projects and 20 seconds, and keeps what it says. A failure is a finding; raises NotFoundError."""
    async with transaction(checking.database) as session:
        tracker = await find_tracker(session, tracker_id)
        query = select(TrackerProject).where(TrackerProject.tracker_id == tracker_id).order_by(col(TrackerProject.id))
        projects = list((await session.exec(query.limit(MOST_PROJECTS))).all())
    checked = Checked()
    adapter = None if _told_to_wait(tracker, at=checking.act.at) else await _open(checking, tracker, checked)
    if adapter is not None:
        try:
            await _ask(_Visit(checking, tracker, adapter, checked), projects=projects)
        finally:
            adapter.close()
    checked.findings += about_limit(tracker, adapter, at=checking.act.at)
    for project in projects:
        checked.findings += about_sweeps(checking.settings, tracker, project, at=checking.act.at)
    if checked.account is not None:
        async with transaction(checking.database, checking.ring) as session:
            await _keep(session, checking.act, tracker, account=checked.account)
        async with transaction(checking.database, checking.ring) as session:
            for described in sorted(checked.described, key=lambda project: project.remote_id):
                await add_project(session, checking.act, tracker, described)
        async with transaction(checking.database, checking.ring) as session:
            await _retry(session, checking.act, projects=projects, described=checked.described)
    return checked


def _told_to_wait(tracker: Tracker, *, at: datetime) -> bool:
    """A tracker that asked for a pause gets it; one that only didn't answer may be tried by a person at any time."""
    return tracker.blocked_until is not None and tracker.blocked_until > at and tracker.failures < FAILURES


async def _open(checking: Checking, tracker: Tracker, checked: Checked) -> Adapter | None:
    try:
        await check_address(tracker.base_url, allow_private=checking.settings.private_trackers)
    except FollowthroughError as error:
        checked.findings.append(Finding(Aspect.ADDRESS, None, False, error.detail, _hints(error) or "change base_url"))
        return None
    try:
        return checking.connect(tracker)
    except FollowthroughError as error:
        checked.findings.append(Finding(Aspect.CREDENTIALS, None, False, error.detail, _hints(error) or "give the credentials again"))
        return None


def _hints(error: FollowthroughError) -> str:
    return "; ".join(place.detail for place in error.places)


@dataclass(frozen=True, slots=True)
class _Visit:
    """Projects are looked at a few at once, and each call waits for its turn; `found` is by project."""

    checking: Checking
    tracker: Tracker
    adapter: Adapter
    checked: Checked
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    found: dict[UUID, list[Finding]] = field(default_factory=dict)

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Waits for a call's turn for as long as the check may take."""
        return asked(self.checking.pacer, self.tracker, adapter=self.adapter, patience_seconds=self.checking.deadline_seconds)


async def _ask(visit: _Visit, *, projects: list[TrackerProject]) -> None:
    """Asks who we are, then after all projects; what has no answer in time is a finding too."""
    checked, seconds = visit.checked, visit.checking.deadline_seconds
    try:
        async with asyncio.timeout(seconds):
            async with visit.turn():
                checked.account = await visit.adapter.identity()
            async with asyncio.TaskGroup() as group:
                for project in projects:
                    group.create_task(_look(visit, project))
    except TimeoutError:
        pass
    except TrackerError as error:
        checked.findings.append(_unanswered(error))
        return
    except UnavailableError as error:
        checked.findings.append(Finding(Aspect.LIMIT, None, False, error.detail, WAIT))
        return
    checked.findings += _answered(visit.tracker, checked.account, seconds=seconds)
    for project in projects if checked.account is not None else ():
        checked.findings += visit.found.get(project.id) or [_late(project, seconds)]


def _unanswered(error: TrackerError) -> Finding:
    if error.failure is Failure.AUTH:
        return Finding(Aspect.CREDENTIALS, None, False, error.text, "give new credentials (PATCH /v1/trackers/{id})")
    if error.failure is Failure.LIMITED:
        return Finding(Aspect.LIMIT, None, False, error.text, WAIT)
    fix = "see that the address is right, and that the tracker is up and can be reached from here"
    return Finding(Aspect.ADDRESS, None, False, error.text, fix)


def _answered(tracker: Tracker, account: str | None, *, seconds: float) -> Iterator[Finding]:
    if account is None:
        text = f"{tracker.base_url} did not answer within {seconds:.0f} seconds."
        yield Finding(Aspect.ADDRESS, None, False, text, "see that the tracker is up and can be reached from here")
        return
    yield Finding(Aspect.ADDRESS, None, True, f"{tracker.base_url} answers.")
    yield Finding(Aspect.CREDENTIALS, None, True, f"The credentials act as {account}.")


def _late(project: TrackerProject, seconds: float) -> Finding:
    return Finding(Aspect.PROJECT, project.key, False, f"There was no answer within {seconds:.0f} seconds.", "check again later")


async def _look(visit: _Visit, project: TrackerProject) -> None:
    """Looks at one project and its webhook."""
    async with visit.gate:
        try:
            async with visit.turn():
                described = await visit.adapter.describe(project.remote_id)
            visit.checked.described.append(described)
            visit.found[project.id] = [*about_project(project, described), *await _look_at_hook(visit, project, described)]
        except TrackerError as error:
            fix = "see that it exists and that the account may see it"
            visit.found[project.id] = [Finding(Aspect.PROJECT, project.key, False, error.text, fix)]
        except UnavailableError as error:
            visit.found[project.id] = [Finding(Aspect.LIMIT, project.key, False, error.detail, WAIT)]


async def _look_at_hook(visit: _Visit, project: TrackerProject, described: Project) -> list[Finding]:
    url = f"{visit.checking.settings.public_url}/webhooks/{visit.tracker.id}"
    place = Place(described.remote_id, "", described.native)
    try:
        async with visit.turn():
            report = await visit.adapter.inspect_hook(place, url)
    except TrackerError as error:
        return [about_unseen_hook(project, error)]
    return list(about_hook(described.key, report, url=url))


async def _keep(session: AsyncSession, act: Act, seen: Tracker, *, account: str) -> None:
    """Keeps who we are; credentials that work end the state that refused ones led to."""
    tracker = await lock_tracker(session, seen.id)
    if (tracker.base_url, tracker.credentials) != (seen.base_url, seen.credentials):
        return
    changes: dict[str, object] = {"bot_account_id": account}
    if tracker.state is TrackerState.AUTH_FAILED:
        changes |= {"state": TrackerState.OK, "state_reason": ""}
    await change_tracker(session, act, tracker, changes)
    await note_answer(session, tracker, at=act.at)


async def _retry(session: AsyncSession, act: Act, *, projects: list[TrackerProject], described: list[Project]) -> None:
    """Tries links again that a project kept from going on which can be worked with now."""
    well = {project.remote_id for project in described if project.issues_enabled and project.writable}
    ids = [project.id for project in projects if project.remote_id in well]
    if ids:
        await retry_links(session, act, error_codes=ACCESS_ERRORS, tracker_project_ids=ids)
