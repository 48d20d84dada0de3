"""A postmortem comes in: one transaction makes or changes the postmortem, its improvements and tasks. Importing again never duplicates."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.record import Act
from domain.columns import new_id
from domain.errors import InvalidError
from domain.postmortems.change import change_postmortem, create_postmortem, read_timeline
from domain.postmortems.document import Document, Ingested
from domain.postmortems.identify import find_known, lock_document
from domain.postmortems.items import store_improvements, store_tasks
from domain.postmortems.markdown import parse_postmortem
from domain.postmortems.parsed import TITLE_LENGTH, ParsedEvent, ParsedPostmortem
from domain.postmortems.reimport import bring_together, jsonable
from domain.postmortems.table import Postmortem

MOST_ITEMS = 1000
LONGEST_EVENT = 10_000
LONGEST_SEVERITY = 50
LONGEST_TIMEZONE = 64


async def ingest_postmortem(session: AsyncSession, act: Act, document: Document) -> Ingested:
    """Stores what a document says. The same document again changes what it says differently, and keeps people's edits."""
    # A large document takes a second to read: other requests are answered meanwhile.
    parsed = await asyncio.to_thread(parse_postmortem, document.source, incident_date=document.incident_date, timezone=document.timezone)
    if len(parsed.tasks) + len(parsed.improvements) > MOST_ITEMS:
        raise InvalidError(f"The document has more than {MOST_ITEMS} action items: import it in parts.")
    await lock_document(session, document, parsed.title)
    known, is_guess = await find_known(session, document, parsed)
    ingested = await _store_postmortem(session, act, document, parsed=parsed, known=known)
    if is_guess:
        ingested.warn(parsed.title_line, _taken_for(ingested))
    improvements = await store_improvements(session, act, ingested, parsed.improvements)
    await store_tasks(session, act, ingested, parsed=parsed, improvements=improvements, document=document)
    ingested.warnings.sort(key=lambda warning: warning.line or 0)
    await session.flush()
    return ingested


def _taken_for(ingested: Ingested) -> str:
    return (
        f"By its title and most of its lines, this was taken for a new version of the postmortem {ingested.postmortem_id}, "
        "which was changed. If it is another document, import each with a `source_url` of its own."
    )


async def _store_postmortem(
    session: AsyncSession, act: Act, document: Document, *, parsed: ParsedPostmortem, known: Postmortem | None
) -> Ingested:
    ingested = Ingested(known.id if known else new_id(), known is None, warnings=list(parsed.warnings))
    values = _postmortem_values(document, parsed, ingested)
    timeline = _timeline(parsed.timeline, ingested)
    source = {"source_text": document.source, "source_digest": document.digest}
    said = jsonable({"values": values, "timeline": timeline, "incident_date": parsed.incident_date})
    if known is None:
        title = values["title"] or "Untitled postmortem"
        stored = {name: value for name, value in values.items() if value is not None} | {"id": ingested.postmortem_id, "title": title}
        await create_postmortem(session, act, stored | source | {"imported": said}, timeline=timeline)
        return ingested
    before = known.imported or {}
    present = {name: getattr(known, name) for name in values}
    outcome = bring_together(jsonable(present), before.get("values", {}), said["values"])
    ingested.warn_kept(outcome.kept, "The postmortem", line=parsed.title_line)
    changes = {name: values[name] for name in outcome.changes}
    new_timeline = await _new_timeline(session, known, ingested, before=before.get("timeline"), timeline=timeline)
    if changes or new_timeline is not None or known.source_digest != document.digest:
        await change_postmortem(session, act, known, changes | source, timeline=new_timeline)
    known.imported = said
    return ingested


def _postmortem_values(document: Document, parsed: ParsedPostmortem, ingested: Ingested) -> dict[str, Any]:
    resolved_at = parsed.resolved_at
    if parsed.started_at and resolved_at and resolved_at < parsed.started_at:
        ingested.warn(None, "The incident would have ended before it began: its end was left out.")
        resolved_at = None
    return {
        "title": ingested.cut(parsed.title or "", TITLE_LENGTH, "The title", line=parsed.title_line) or None,
        "severity": ingested.cut(parsed.severity or "", LONGEST_SEVERITY, "The severity", line=None) or None,
        "summary": parsed.summary,
        "impact": parsed.impact,
        "started_at": parsed.started_at,
        "detected_at": parsed.detected_at,
        "resolved_at": resolved_at,
        "timezone": parsed.timezone[:LONGEST_TIMEZONE] if parsed.timezone else None,
        "root_causes": list(parsed.root_causes),
        "contributing_factors": list(parsed.contributing_factors),
        "resolution": parsed.resolution,
        "lessons": parsed.lessons,
        "conclusion": parsed.conclusion,
        "team_id": document.team_id,
        "source_url": document.source_url,
    }


def _timeline(events: Sequence[ParsedEvent], ingested: Ingested) -> list[dict[str, Any]]:
    return [
        {
            "at": event.at,
            "time": event.time,
            "text": ingested.cut(event.text, LONGEST_EVENT, "This line of the timeline", line=event.line),
            "line": event.line,
        }
        for event in events
    ]


async def _new_timeline(
    session: AsyncSession, known: Postmortem, ingested: Ingested, *, before: Any, timeline: list[dict[str, Any]]
) -> list[dict[str, Any]] | None:
    """Gives the timeline to store, None where it stays as it is."""
    present = jsonable(await read_timeline(session, known.id))
    if present == jsonable(timeline):
        return None
    if before is None or present == before:
        return timeline
    ingested.warn_kept(("timeline",), "The postmortem", line=timeline[0]["line"] if timeline else None)
    return None
