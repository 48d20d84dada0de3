"""An issue that exists already becomes a task's issue: found by its address, and linked as if it had been made for the task."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act, record
from domain.columns import now_utc
from domain.database import Database, transaction
from domain.errors import ConflictError, FollowthroughError, ForbiddenError, InvalidError, UnavailableError, pointer
from domain.sync.ask import asked, refuse_resting
from domain.sync.merge import OPEN
from domain.sync.pace import Pacer
from domain.sync.remote import keep_remote
from domain.tasks.table import Task
from domain.trackers.address import check_address
from domain.trackers.connect import WEBHOOK_READERS
from domain.trackers.contract import Adapter, Failure, Field, Place, RemoteIssue, TrackerError
from domain.trackers.link import IssueLink, LinkState, open_link
from domain.trackers.table import Tracker, TrackerProject

MOST_PAGES = 20
LIST_PATIENCE_SECONDS = 20.0
Connect = Callable[[Tracker], Adapter]
ENDED = (LinkState.GONE, LinkState.DETACHED)


@dataclass(frozen=True, slots=True)
class Search:
    """Where issues to adopt are looked for; `taken` are the remote ids of those that belong to a task already."""

    tracker: Tracker
    project: TrackerProject
    place: Place
    adapter: Adapter
    pacer: Pacer
    taken: set[str]


@dataclass(frozen=True, slots=True)
class Found:
    """An issue in a project that is known here; `label_prefix` is the one that it was read with."""

    project: TrackerProject
    issue: RemoteIssue
    label_prefix: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A tracker that may be asked, call by call."""

    tracker: Tracker
    adapter: Adapter
    pacer: Pacer

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Waits for the turn of one read."""
        return asked(self.pacer, self.tracker, adapter=self.adapter)


async def find_issue(database: Database, url: str, *, label_prefix: str, connect: Connect, allow_private: bool, pacer: Pacer) -> Found:
    """Finds the issue behind an address: one read of its tracker, with no transaction open meanwhile.

    Raises InvalidError where there is none, ForbiddenError, ConflictError and UnavailableError where the tracker can't be asked.
    """
    async with transaction(database) as session:
        trackers = (await session.exec(select(Tracker).order_by(col(Tracker.id)))).all()
    for tracker in trackers:
        adapter = _open(tracker, connect)
        if adapter is None:
            continue
        try:
            where = await _locate(adapter, url)
            if where is not None:
                refuse_resting(tracker, at=now_utc())
                await _refuse_private(tracker, allow_private=allow_private)
                return await _fetch(database, _Line(tracker, adapter, pacer), where=where, label_prefix=label_prefix)
        finally:
            adapter.close()
    raise InvalidError("This is no issue's address.", pointer("/url", "none of the connected trackers has this address"))


def _open(tracker: Tracker, connect: Connect) -> Adapter | None:
    """A tracker that can't be opened (its key is lost) must not keep the others from being asked."""
    try:
        return connect(tracker)
    except FollowthroughError:
        return None


async def _locate(adapter: Adapter, url: str) -> tuple[str, str] | None:
    try:
        return await adapter.locate(url)
    except TrackerError:
        return None


async def _refuse_private(tracker: Tracker, *, allow_private: bool) -> None:
    """The address was fine when it was stored; what it is no longer is nothing that this caller wrote."""
    try:
        await check_address(tracker.base_url, allow_private=allow_private)
    except InvalidError as error:
        raise ConflictError(f"{tracker.name} can't be called: {error.detail}") from error


async def _fetch(database: Database, line: _Line, *, where: tuple[str, str], label_prefix: str) -> Found:
    key_or_id, remote_id = where
    project = await _project(database, line, key_or_id)
    place = Place(project.remote_id, label_prefix, project.details.get("native") or {})
    try:
        async with line.turn():
            issue = await line.adapter.fetch(place, remote_id)
    except TrackerError as error:
        raise explained(error, f"{key_or_id}#{remote_id}", at="/url") from error
    if issue is None:
        raise UnavailableError("The tracker gave no answer to read.")
    return Found(project, issue, label_prefix)


async def _project(database: Database, line: _Line, key_or_id: str) -> TrackerProject:
    """Finds the project by the name in the address; where it was renamed, the tracker knows which one that is.

    One that was not added and one that can't be seen or isn't there are refused alike: who may write tasks need not learn which it is.
    """
    project = await _known(database, line.tracker, key_or_id)
    if project is None:
        remote_id = await _remote_id(line, key_or_id)
        project = await _known(database, line.tracker, remote_id) if remote_id is not None else None
    if project is None:
        hint = f"add {key_or_id} to the tracker first (POST /v1/trackers/{line.tracker.id}/projects)"
        raise InvalidError(f"{key_or_id} is none of the projects of {line.tracker.name}.", pointer("/url", hint))
    return project


async def _remote_id(line: _Line, key_or_id: str) -> str | None:
    try:
        async with line.turn():
            return (await line.adapter.describe(key_or_id)).remote_id
    except TrackerError as error:
        if error.failure in {Failure.AUTH, Failure.LIMITED} or error.http_status is None or error.http_status >= 500:
            raise explained(error, key_or_id, at="/url") from error
        return None


async def _known(database: Database, tracker: Tracker, key_or_id: str) -> TrackerProject | None:
    named = or_(func.lower(TrackerProject.key) == key_or_id.lower(), col(TrackerProject.remote_id) == key_or_id)
    async with transaction(database) as session:
        query = select(TrackerProject).where(TrackerProject.tracker_id == tracker.id, named)
        return (await session.exec(query.order_by(col(TrackerProject.fetched_at).desc().nulls_last()).limit(1))).first()


def explained(error: TrackerError, what: str, *, at: str) -> FollowthroughError:
    """Says what a failed read means to the caller, whose input named `what` at a JSON pointer."""
    if error.failure is Failure.AUTH:
        return ForbiddenError(f"The tracker refused the credentials: {error.text}")
    if error.moved_to is not None:
        return InvalidError(f"{what} is somewhere else now.", pointer(at, f"use its new address: {error.moved_to}"))
    if error.failure is Failure.GONE or error.http_status in {404, 410}:
        return InvalidError(f"There is no {what} that these credentials can see.", pointer(at, "check the address"))
    return UnavailableError(f"The tracker could not be asked: {error.text}")


async def adopt_issue(session: AsyncSession, act: Act, task: Task, found: Found) -> IssueLink:
    """Links a (locked) task to an issue; the base is empty, so that the rules of the merge decide about every field.

    Raises ConflictError where the issue belongs to a task already, or the task goes to that project.
    """
    await _refuse_taken(session, task, found)
    link = open_link(session, task_id=task.id, tracker_project_id=found.project.id, label_prefix=found.label_prefix, at=act.at)
    link.state = LinkState.LINKED
    keep_remote(link, found.issue)
    record(session, act, "adopted", subject=link, changes={"issue": (None, found.issue.key)})
    return link


async def _refuse_taken(session: AsyncSession, task: Task, found: Found) -> None:
    issue, project = found.issue, found.project
    same_issue = (col(IssueLink.tracker_project_id) == project.id) & (col(IssueLink.remote_id) == issue.remote_id)
    same_marker = col(IssueLink.marker) == issue.marker if issue.marker is not None else same_issue
    own = (col(IssueLink.task_id) == task.id) & (col(IssueLink.tracker_project_id) == project.id) & col(IssueLink.state).not_in(ENDED)
    query = select(IssueLink, Task).join(Task, col(Task.id) == col(IssueLink.task_id)).where(or_(same_issue, same_marker, own))
    for link, owner in await session.exec(query.order_by(col(IssueLink.id)).with_for_update(of=IssueLink, key_share=True)):
        here = link.tracker_project_id == project.id and link.remote_id == issue.remote_id
        if link.state is LinkState.DETACHED and here:
            # Its ledger stays; the issue may have another link.
            link.remote_id = None
        elif link.state is LinkState.GONE and here:
            raise ConflictError(f"{issue.key} is the issue of {owner.key}: try that link again (POST /v1/links/{link.id}/retry).")
        elif link.state not in ENDED:
            raise ConflictError(_taken(link, owner, task, found))
    await session.flush()


def _taken(link: IssueLink, owner: Task, task: Task, found: Found) -> str:
    if owner.id == task.id and link.remote_id != found.issue.remote_id:
        return f"{task.key} goes to {found.project.key} already."
    return f"{found.issue.key} is the issue of {owner.key} already."


async def open_issues(search: Search, *, allow_private: bool) -> tuple[list[RemoteIssue], bool]:
    """Lists a project's open issues that are nobody's, at most 20 pages, and says whether that was all.

    Raises ForbiddenError, ConflictError or UnavailableError: without the list an issue that is there would be made a second time.
    """
    _refuse_resting(search)
    await _refuse_private(search.tracker, allow_private=allow_private)
    reader = WEBHOOK_READERS[search.tracker.kind]
    found: list[RemoteIssue] = []
    for number in range(1, MOST_PAGES + 1):
        try:
            async with asked(search.pacer, search.tracker, adapter=search.adapter, patience_seconds=LIST_PATIENCE_SECONDS):
                page = await search.adapter.changed(search.place, since=None, page=number)
        except TrackerError as error:
            raise _unlisted(error, search.project.key) from error
        except UnavailableError as error:
            raise UnavailableError(_unlisted_text(error.detail, search.project.key)) from error
        for swept in page.issues if page else ():
            issue = reader.reread("sweep", swept.payload, place=search.place) if swept.marker is None else None
            if issue is not None and issue.fields.get(Field.STATUS) == OPEN and issue.remote_id not in search.taken:
                found.append(issue)
        if page is None or not page.more:
            return found, True
    return found, False


def _refuse_resting(search: Search) -> None:
    try:
        refuse_resting(search.tracker, at=now_utc())
    except (ConflictError, UnavailableError) as error:
        raise type(error)(_unlisted_text(error.detail, search.project.key)) from error


def _unlisted_text(why: str, key: str) -> str:
    return f"The issues of {key} can't be listed: {why} Nothing was changed; adopt_same_title=false goes without the list."


def _unlisted(error: TrackerError, key: str) -> FollowthroughError:
    text = _unlisted_text(error.text, key)
    if error.failure is Failure.AUTH:
        return ForbiddenError(text)
    return ConflictError(text) if error.http_status in {404, 410} else UnavailableError(text)
