"""Recording a change in the transaction that makes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from domain.activity.table import Activity, ActorKind


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts, through what, and when: given to everything that writes, so that no rule reads a clock."""

    kind: ActorKind
    name: str
    at: datetime
    id: UUID | None = None
    request_id: str | None = None


def record(session: AsyncSession, act: Act, action: str, *, subject: Any, changes: Mapping[str, tuple[Any, Any]] | None = None) -> None:
    """Adds the row that says what was done to `subject` (any row with an id and a table name)."""
    session.add(
        Activity(
            at=act.at,
            actor_kind=act.kind,
            actor_id=act.id,
            actor_name=act.name,
            request_id=act.request_id,
            subject_kind=SUBJECT_KINDS[subject.__tablename__],
            subject_id=subject.id,
            action=action,
            changes={field: [_plain(before), _plain(after)] for field, (before, after) in (changes or {}).items()},
        )
    )


SUBJECT_KINDS = {
    "postmortems": "postmortem",
    "improvements": "improvement",
    "tasks": "task",
    "people": "person",
    "teams": "team",
    "api_tokens": "token",
    "trackers": "tracker",
    "tracker_projects": "tracker_project",
    "routes": "route",
    "issue_links": "link",
}


def _plain(value: Any) -> Any:
    """Turns a column's value into what JSON can hold."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return value
