"""A postmortem comes in: one transaction makes or changes the postmortem, its improvements and tasks. Importing again never duplicates."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, literal_column, text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act
from domain.errors import InvalidError, MalformedError, TooLargeError
from domain.improvements.change import change_improvement, create_improvement
from domain.improvements.table import Improvement
from domain.people.find import is_email, person_by_email, person_named
from domain.postmortems.change import change_postmortem, create_postmortem, read_timeline
from domain.postmortems.markdown import parse_postmortem
from domain.postmortems.parsed import ParsedImprovement, ParsedPostmortem, ParsedTask, ParseWarning
from domain.postmortems.reimport import SAME_DOCUMENT, bring_together, common_share, match_items
from domain.postmortems.table import IMPORTED_TITLE, Postmortem
from domain.tasks.change import change_task
from domain.tasks.create import NewTask, create_task
from domain.tasks.table import Priority, Task, TaskKind, TaskStatus

LARGEST_SOURCE = 1024 * 1024
MOST_ITEMS = 1000
LONGEST_DESCRIPTION = 20_000
LONGEST_EVENT = 10_000
REASON = "The imported document says so."


@dataclass(frozen=True, slots=True)
class Document:
    """What is imported: the text, where it comes from, and what the caller knows besides."""

    source: str
    source_url: str | None = None
    incident_date: date | None = None
    timezone: str | None = None
    team_id: UUID | None = None


@dataclass(slots=True)
class Ingested:
    """What came of an import."""

    postmortem_id: UUID
    created: bool
    tasks_made: int = 0
    warnings: list[ParseWarning] = field(default_factory=list)

    def warn(self, line: int | None, message: str) -> None:
        """Notes something that a person should look at."""
        self.warnings.append(ParseWarning(line, message))


def decode_source(raw: bytes) -> str:
    """Reads a document's bytes; raises TooLargeError, MalformedError (not UTF-8, with the line) or InvalidError (nothing in it)."""
    if len(raw) > LARGEST_SOURCE:
        raise TooLargeError(f"The document has {len(raw):,} bytes; at most {LARGEST_SOURCE:,} (1 MiB) are read.")
    try:
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise MalformedError(f"The document is not UTF-8: line {line} has a byte that can't be (offset {error.start}).") from None
    if not source.strip():
        raise InvalidError("The document is empty: send a postmortem as Markdown.")
    if "\x00" in source:
        line = source.count("\n", 0, source.index("\x00")) + 1
        raise InvalidError(f"The document is not a text: line {line} holds the character U+0000.")
    return source


async def ingest_postmortem(session: AsyncSession, act: Act, document: Document) -> Ingested:
    """Stores what a document says. The same document again changes what it says differently, and keeps people's edits."""
    parsed = parse_postmortem(document.source, incident_date=document.incident_date, timezone=document.timezone)
    if len(parsed.tasks) + len(parsed.improvements) > MOST_ITEMS:
        raise InvalidError(f"The document has more than {MOST_ITEMS} action items: import it in parts.")
    await _one_at_a_time(session, document.source_url or parsed.title or "")
    known = await _find_known(session, document, parsed)
    ingested = await _store_postmortem(session, act, document, parsed=parsed, known=known)
    improvements = await _store_improvements(session, act, ingested, parsed.improvements)
    await _store_tasks(session, act, ingested, parsed=parsed, improvements=improvements, document=document)
    ingested.warnings.sort(key=lambda warning: warning.line or 0)
    await session.flush()
    return ingested


async def _one_at_a_time(session: AsyncSession, name: str) -> None:
    """Lets imports of the same document wait for one another, so that two at once don't make two postmortems."""
    await session.exec(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7))").bindparams(name=name.lower()))  # type: ignore[call-overload]


async def _find_known(session: AsyncSession, document: Document, parsed: ParsedPostmortem) -> Postmortem | None:
    """Finds what this document became before: by its address, by its bytes, or by its title where most lines are the same."""
    query = select(Postmortem).with_for_update()
    if document.source_url is not None:
        known = (await session.exec(query.where(Postmortem.source_url == document.source_url))).first()
        if known is not None:
            return known
    nameless = query.where(col(Postmortem.source_url).is_(None)).order_by(col(Postmortem.id))
    known = (await session.exec(nameless.where(Postmortem.source_digest == _digest(document.source)))).first()
    if known is not None or parsed.title is None or document.source_url is not None:
        return known
    # The title as the document last gave it: people may have edited ours. It must say the same as the index.
    known_title: ColumnElement[str] = func.lower(literal_column(IMPORTED_TITLE))
    same_title = nameless.where(known_title == parsed.title[:255].lower(), col(Postmortem.source_text).is_not(None))
    candidates = (await session.exec(same_title)).all()
    return max(
        (one for one in candidates if common_share(one.source_text or "", document.source) >= SAME_DOCUMENT),
        key=lambda one: common_share(one.source_text or "", document.source),
        default=None,
    )


def _digest(source: str) -> bytes:
    return hashlib.sha256(source.encode()).digest()


async def _store_postmortem(
    session: AsyncSession, act: Act, document: Document, *, parsed: ParsedPostmortem, known: Postmortem | None
) -> Ingested:
    warnings = list(parsed.warnings)
    values = _postmortem_values(document, parsed, warnings)
    timeline = [{"at": e.at, "time": e.time, "text": e.text[:LONGEST_EVENT], "line": e.line} for e in parsed.timeline]
    source = {"source_text": document.source, "source_digest": _digest(document.source)}
    said = {"values": _jsonable(values), "timeline": _jsonable(timeline)}
    if known is None:
        title = values["title"] or "Untitled postmortem"
        stored = {name: value for name, value in values.items() if value is not None} | {"title": title}
        made = await create_postmortem(session, act, stored | source | {"imported": said}, timeline=timeline)
        return Ingested(made.id, True, warnings=warnings)
    before = known.imported or {}
    ingested = Ingested(known.id, False, warnings=warnings)
    present = {name: getattr(known, name) for name in values}
    outcome = bring_together(_jsonable(present), before.get("values", {}), said["values"])
    _warn_kept(ingested, outcome.kept, "The postmortem", line=parsed.title_line)
    changes = {name: values[name] for name in outcome.changes}
    new_timeline = await _new_timeline(session, known, ingested, before=before.get("timeline"), timeline=timeline)
    if changes or new_timeline is not None or known.source_digest != source["source_digest"]:
        await change_postmortem(session, act, known, changes | source, timeline=new_timeline)
    known.imported = said
    return ingested


def _postmortem_values(document: Document, parsed: ParsedPostmortem, warnings: list[ParseWarning]) -> dict[str, Any]:
    resolved_at = parsed.resolved_at
    if parsed.started_at and resolved_at and resolved_at < parsed.started_at:
        warnings.append(ParseWarning(None, "The incident would have ended before it began: its end was left out."))
        resolved_at = None
    return {
        "title": parsed.title[:255] if parsed.title else None,
        "severity": parsed.severity[:50] if parsed.severity else None,
        "summary": parsed.summary,
        "impact": parsed.impact,
        "started_at": parsed.started_at,
        "detected_at": parsed.detected_at,
        "resolved_at": resolved_at,
        "timezone": parsed.timezone[:64] if parsed.timezone else None,
        "root_causes": list(parsed.root_causes),
        "contributing_factors": list(parsed.contributing_factors),
        "resolution": parsed.resolution,
        "lessons": parsed.lessons,
        "conclusion": parsed.conclusion,
        "team_id": document.team_id,
        "source_url": document.source_url,
    }


async def _new_timeline(
    session: AsyncSession, known: Postmortem, ingested: Ingested, *, before: Any, timeline: list[dict[str, Any]]
) -> list[dict[str, Any]] | None:
    """Gives the timeline to store, None where it stays as it is."""
    present = _jsonable(await read_timeline(session, known.id))
    if present == _jsonable(timeline):
        return None
    if before is None or present == before:
        return timeline
    _warn_kept(ingested, ("timeline",), "The postmortem", line=timeline[0]["line"] if timeline else None)
    return None


async def _store_improvements(session: AsyncSession, act: Act, ingested: Ingested, found: Sequence[ParsedImprovement]) -> list[Improvement]:
    """Makes or changes the improvements, and gives them in the document's order."""
    query = select(Improvement).where(Improvement.postmortem_id == ingested.postmortem_id).order_by(col(Improvement.id))
    known = [one for one in (await session.exec(query.with_for_update())).all() if one.imported is not None]
    pairs = match_items([_said_title(one) for one in known], [one.title for one in found])
    stored = []
    for index, item in enumerate(found):
        values = {"title": item.title, "description": item.description[:LONGEST_DESCRIPTION]}
        if index in pairs:
            improvement = known[pairs[index]]
            outcome = bring_together({name: getattr(improvement, name) for name in values}, improvement.imported or {}, values)
            _warn_kept(ingested, outcome.kept, f"The improvement {improvement.title!r}", line=item.line)
            change_improvement(session, act, improvement, outcome.changes)
            # That a line moved is no change of what it says.
            improvement.imported, improvement.source_line = values, item.line
        else:
            improvement = create_improvement(
                session, act, postmortem_id=ingested.postmortem_id, **values, source_line=item.line, imported=values
            )
        stored.append(improvement)
    for left in set(range(len(known))) - set(pairs.values()):
        ingested.warn(None, f"The improvement {known[left].title!r} is no longer in the document; it was kept.")
    await session.flush()
    return stored


async def _store_tasks(
    session: AsyncSession,
    act: Act,
    ingested: Ingested,
    *,
    parsed: ParsedPostmortem,
    improvements: list[Improvement],
    document: Document,
) -> None:
    query = select(Task).where(Task.postmortem_id == ingested.postmortem_id).order_by(col(Task.id)).with_for_update()
    known = [task for task in (await session.exec(query)).all() if task.imported is not None]
    pairs = match_items([_said_title(task) for task in known], [task.title for task in parsed.tasks])
    for address in sorted({item.owner.strip().lower() for item in parsed.tasks if item.owner and is_email(item.owner)}):
        await person_by_email(session, address, act=act)
    for index, item in enumerate(parsed.tasks):
        values = await _task_values(session, act, ingested, item=item, improvements=improvements)
        if index in pairs:
            await _change_known(session, act, ingested, task=known[pairs[index]], values=values, line=item.line)
        else:
            await _make_task(session, act, ingested, values=values, document=document, line=item.line)
    for left in sorted(set(range(len(known))) - set(pairs.values())):
        if known[left].deleted_at is None:
            ingested.warn(None, f"{known[left].key} {known[left].title!r} is no longer in the document; it was kept.")


async def _task_values(
    session: AsyncSession, act: Act, ingested: Ingested, *, item: ParsedTask, improvements: list[Improvement]
) -> dict[str, Any]:
    """Turns what the document says of a task into columns; None where it says nothing."""
    improvement = improvements[item.improvement_index] if item.improvement_index is not None else None
    return {
        "title": item.title,
        "description": item.description[:LONGEST_DESCRIPTION],
        "owner_id": await _owner_id(session, act, ingested, item=item),
        "due_on": item.due_on,
        "priority": Priority(item.priority) if item.priority else None,
        "kind": TaskKind(item.kind) if item.kind else None,
        "status": TaskStatus(item.status),
        "improvement_id": improvement.id if improvement else None,
    }


async def _owner_id(session: AsyncSession, act: Act, ingested: Ingested, *, item: ParsedTask) -> UUID | None:
    if item.owner is None:
        return None
    if is_email(item.owner):
        return (await person_by_email(session, item.owner, act=act)).id
    person = await person_named(session, item.owner)
    if person is None:
        ingested.warn(item.line, f"The owner {item.owner!r} is nobody whose name or GitHub login is known; the task has no owner.")
    return person.id if person else None


async def _make_task(session: AsyncSession, act: Act, ingested: Ingested, *, values: dict[str, Any], document: Document, line: int) -> None:
    stated = {name: value for name, value in values.items() if value is not None}
    new = NewTask(
        **stated,
        postmortem_id=ingested.postmortem_id,
        team_id=document.team_id,
        source_url=document.source_url,
        source_line=line,
        imported=_jsonable(values),
    )
    await create_task(session, act, new)
    ingested.tasks_made += 1


async def _change_known(session: AsyncSession, act: Act, ingested: Ingested, *, task: Task, values: dict[str, Any], line: int) -> None:
    if task.deleted_at is not None:
        ingested.warn(line, f"{task.key} was deleted here and stays so, although the document still has it.")
        return
    said = _jsonable(values)
    before = task.imported or {}
    outcome = bring_together(_jsonable({name: getattr(task, name) for name in values}), before, said)
    # A task that went on since the last import is no edit against the document, unless that now says something new.
    kept = [name for name in outcome.kept if name != "status" or said["status"] != before.get("status")]
    _warn_kept(ingested, kept, task.key, line=line)
    changes = {name: values[name] for name in outcome.changes}
    await change_task(session, act, task, changes, because=REASON)
    task.imported, task.source_line = said, line


def _warn_kept(ingested: Ingested, kept: Sequence[str], what: str, *, line: int | None) -> None:
    if kept:
        names = ", ".join(name.removesuffix("_id") for name in kept)
        ingested.warn(line, f"{what} was edited here since the last import ({names}): the edit was kept, not what the document says.")


def _said_title(row: Improvement | Task) -> str:
    return str((row.imported or {}).get("title", row.title))


def _jsonable(value: Any) -> Any:
    """Turns values into what a JSON column gives back, so that the two can be compared."""
    if isinstance(value, dict):
        return {name: _jsonable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return getattr(value, "value", value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
