"""What works and what is missing: a tracker's address, credentials, permissions and webhooks, and how its sweeps do."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act
from domain.database import AfterCommit, Database, transaction
from domain.errors import FollowthroughError, NotFoundError
from domain.settings import Settings
from domain.sync.breaker import note_answer
from domain.sync.sweep import dead_hook
from domain.trackers.address import check_address
from domain.trackers.change import add_project, change_tracker, lock_tracker
from domain.trackers.contract import Adapter, Failure, HookReport, Place, Project, TrackerError
from domain.trackers.table import Tracker, TrackerProject, TrackerState

MOST_PROJECTS = 50
AT_ONCE = 4
DEADLINE_SECONDS = 20.0
EVENTS = ("issues", "issue_comment")
_LATE_SWEEPS = 3
_FEW = 0.1


class Aspect(StrEnum):
    """What a finding is about."""

    ADDRESS = "address"
    CREDENTIALS = "credentials"
    LIMIT = "limit"
    PROJECT = "project"
    PERMISSION = "permission"
    WEBHOOK = "webhook"
    EVENTS = "events"
    DELIVERIES = "deliveries"
    SWEEP = "sweep"
    DEAD_HOOK = "dead_hook"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at: what is so, and what to do where it isn't well. `subject` is the project's key."""

    name: Aspect
    subject: str | None
    ok: bool
    text: str
    fix: str | None = None


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


async def check_tracker(checking: Checking, tracker_id: UUID) -> Checked:
    """Asks the tracker, for at most 50 projects and 20 seconds, and keeps what it says. A failure is a finding; raises NotFoundError."""
    async with transaction(checking.database) as session:
        tracker = await session.get(Tracker, tracker_id)
        if tracker is None:
            raise NotFoundError(f"There is no tracker {tracker_id}.")
        query = select(TrackerProject).where(TrackerProject.tracker_id == tracker_id).order_by(col(TrackerProject.id))
        projects = list((await session.exec(query.limit(MOST_PROJECTS))).all())
    checked = Checked()
    adapter = await _open(checking, tracker, checked)
    if adapter is not None:
        try:
            await _ask(checking, tracker, adapter, projects=projects, checked=checked)
        finally:
            adapter.close()
    checked.findings += _limit(tracker, adapter, at=checking.act.at)
    for project in projects:
        checked.findings += _kept(checking, tracker, project)
    if checked.account is not None:
        async with transaction(checking.database, checking.ring) as session:
            await _keep(session, checking.act, tracker, account=checked.account)
        async with transaction(checking.database, checking.ring) as session:
            for described in checked.described:
                await add_project(session, checking.act, tracker, described)
    return checked


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


async def _ask(checking: Checking, tracker: Tracker, adapter: Adapter, *, projects: list[TrackerProject], checked: Checked) -> None:
    """Asks who we are, then after all projects, a few at once; what has no answer in time is a finding too."""
    turns = asyncio.Semaphore(AT_ONCE)
    url = f"{checking.settings.public_url}/webhooks/{tracker.id}"
    found: dict[UUID, list[Finding]] = {}
    try:
        async with asyncio.timeout(checking.deadline_seconds):
            checked.account = await adapter.identity()
            async with asyncio.TaskGroup() as group:
                for project in projects:
                    group.create_task(_look(adapter, project, url=url, turns=turns, checked=checked, found=found))
    except TimeoutError:
        pass
    except TrackerError as error:
        checked.findings.append(_unanswered(error))
        return
    checked.findings += _answered(tracker, checked.account, seconds=checking.deadline_seconds)
    for project in projects if checked.account is not None else ():
        checked.findings += found.get(project.id) or [_late(project, checking.deadline_seconds)]


def _unanswered(error: TrackerError) -> Finding:
    if error.failure is Failure.AUTH:
        return Finding(Aspect.CREDENTIALS, None, False, error.text, "give new credentials (PATCH /v1/trackers/{id})")
    if error.failure is Failure.LIMITED:
        return Finding(Aspect.LIMIT, None, False, error.text, "wait; the sync goes on by itself")
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


async def _look(
    adapter: Adapter, project: TrackerProject, *, url: str, turns: asyncio.Semaphore, checked: Checked, found: dict[UUID, list[Finding]]
) -> None:
    """Looks at one project and its webhook."""
    async with turns:
        try:
            described = await adapter.describe(project.remote_id)
        except TrackerError as error:
            fix = "see that it exists and that the account may see it"
            found[project.id] = [Finding(Aspect.PROJECT, project.key, False, error.text, fix)]
            return
        checked.described.append(described)
        place = Place(described.remote_id, "", described.native)
        try:
            report = await adapter.inspect_hook(place, url)
        except TrackerError as error:
            hook = [_unseen_hook(project, error)]
        else:
            hook = list(_hook(described.key, report, url=url))
        found[project.id] = [*_project(project, described), *hook]


def _project(known: TrackerProject, project: Project) -> Iterator[Finding]:
    renamed = f" (it was {known.key} before)" if known.key != project.key else ""
    if project.issues_enabled:
        yield Finding(Aspect.PROJECT, project.key, True, f"{project.key} can be seen and has issues{renamed}.")
    else:
        fix = "switch issues on in the settings of the repository"
        yield Finding(Aspect.PROJECT, project.key, False, f"Issues are switched off in {project.key}{renamed}.", fix)
    if project.writable:
        yield Finding(Aspect.PERMISSION, project.key, True, "The account may write there.")
    else:
        fix = "give the account write access to its issues, or unarchive it"
        yield Finding(Aspect.PERMISSION, project.key, False, "The account can't write there, or the repository is archived.", fix)


def _unseen_hook(project: TrackerProject, error: TrackerError) -> Finding:
    """Credentials that may not look at webhooks are enough where webhooks come in all the same."""
    if project.webhook_at is not None:
        text = f"The webhook can't be looked at, but the last one came in at {_time(project.webhook_at)}. {error.text}"
        return Finding(Aspect.WEBHOOK, project.key, True, text)
    fix = "give the account the right to read webhooks; sweeps find changes meanwhile"
    return Finding(Aspect.WEBHOOK, project.key, False, f"The webhook can't be looked at. {error.text}", fix)


def _hook(key: str, report: HookReport, *, url: str) -> Iterator[Finding]:
    if report.id is None:
        fix = "add one with the content type application/json; POST /v1/trackers/{id}/webhook-secret gives all that it needs"
        yield Finding(Aspect.WEBHOOK, key, False, f"There is no webhook to {url}: changes are seen by sweeps alone.", fix)
        return
    if report.active:
        yield Finding(Aspect.WEBHOOK, key, True, f"There is a webhook to {url}.")
    else:
        yield Finding(Aspect.WEBHOOK, key, False, f"The webhook to {url} is switched off.", "make it active at the tracker")
    missing = [] if "*" in report.events else [event for event in EVENTS if event not in report.events]
    if missing:
        text = f"The webhook doesn't send {' and '.join(missing)}."
        yield Finding(Aspect.EVENTS, key, False, text, f"let it send {' and '.join(EVENTS)}")
    else:
        yield Finding(Aspect.EVENTS, key, True, f"It sends {' and '.join(EVENTS)}.")
    if report.failed:
        text = f"{len(report.failed)} of its last deliveries failed; they are asked for again by themselves."
        yield Finding(Aspect.DELIVERIES, key, False, text, "see that PUBLIC_URL can be reached from the tracker, and that the secret fits")
    else:
        yield Finding(Aspect.DELIVERIES, key, True, "Its last deliveries arrived.")


def _limit(tracker: Tracker, adapter: Adapter | None, *, at: datetime) -> Iterator[Finding]:
    if tracker.blocked_until is not None and tracker.blocked_until > at:
        text = f"The tracker is left alone until {_time(tracker.blocked_until)}. {tracker.state_reason}".strip()
        yield Finding(Aspect.LIMIT, None, False, text, "wait; the sync goes on by itself")
    quota = adapter.quota if adapter is not None else None
    if quota is not None:
        ok = quota.remaining > _FEW * quota.limit
        text = f"{quota.remaining} of {quota.limit} calls are left until {_time(quota.reset_at)}."
        yield Finding(Aspect.LIMIT, None, ok, text, None if ok else "wait, or see what else uses this account")


def _kept(checking: Checking, tracker: Tracker, project: TrackerProject) -> Iterator[Finding]:
    """What is known without asking: how the sweeps do, and whether webhooks went missing."""
    at, since = checking.act.at, project.swept_at or project.created_at
    text = f"It was last swept at {_time(project.swept_at)}." if project.swept_at else "It was not swept yet."
    if tracker.state is TrackerState.PAUSED:
        yield Finding(Aspect.SWEEP, project.key, False, f"The tracker is paused. {text}", "PATCH it with state=ok")
    elif at - since > timedelta(seconds=max(_LATE_SWEEPS * checking.settings.sweep_seconds, 60)):
        yield Finding(Aspect.SWEEP, project.key, False, text, "see that a worker runs, and what else is found here")
    else:
        yield Finding(Aspect.SWEEP, project.key, True, text)
    dead = dead_hook(project, at=at, settings=checking.settings)
    if dead is not None:
        fix = "see the webhook's last deliveries at the tracker, and that PUBLIC_URL can be reached from there"
        yield Finding(Aspect.DEAD_HOOK, project.key, False, dead, fix)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


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
