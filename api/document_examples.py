"""The document's examples, made from the types: a new struct has one at once, and this table makes it tell something."""

from functools import cache
from typing import Any

from msgspec import NODEFAULT, inspect

INSTANT = "2026-08-10T14:30:00Z"
ID = "019f4b1e-6c00-7d3a-9f52-3b1c8e4d7a60"
MARKDOWN = """# Checkout answered slowly

## Impact

Two of three customers waited for more than ten seconds.

## Action items

- [ ] Alert on a full connection pool (owner: ana@example.com, due: 2026-08-24)
"""

RAW: dict[str, Any] = {
    "text/markdown": MARKDOWN,
    "application/json": {"action": "closed", "issue": {"number": 12}},
    "text/plain": 'http_requests_total{method="GET",route="/v1/tasks",status="200"} 1.0\n',
}

# By struct and member, or by member alone.
MEMBERS: dict[str, Any] = {
    "account": "octo-example",
    "action": "changed",
    "app_id": None,
    "at": INSTANT,
    "base": "open",
    "base_url": "https://api.github.com",
    "blocked_until": None,
    "changes": {"status": ["open", "done"]},
    "closed_at": None,
    "comment_id": None,
    "conclusion": "The pool is watched now.",
    "content_type": "application/json",
    "contributing_factors": ["Nobody saw that the pool was full."],
    "description": "Warn before the last connection is taken.",
    "due_at": None,
    "due_on": "2026-08-24",
    "email": "ana@example.com",
    "error": None,
    "error_text": None,
    "events": ["issues", "issue_comment"],
    "evidence_url": "https://example.com/dashboards/pool",
    "expires_at": None,
    "first_due_on": "2026-08-17",
    "fix": None,
    "github_login": "octo-example",
    "hint": "x7Qd",
    "hook": None,
    "http_status": 200,
    "id": ID,
    "impact": "Two of three customers waited for more than ten seconds.",
    "installation_id": None,
    "instance": "/v1/tasks",
    "issue_type": "Task",
    "jira_account_id": "712020:example",
    "key": "example/checkout#12",
    "label_prefix": "ft/",
    "labels": ["database"],
    "lead": "ana@example.com",
    "lessons": "A full pool looks like a slow database.",
    "limited_at": None,
    "line": 9,
    "local": "open",
    "members": ["ana@example.com", "ben@example.com"],
    "name": "Platform",
    "next_cursor": None,
    "note": None,
    "notes": [],
    "owner": "ana@example.com",
    "position": 100,
    "private_key": None,
    "reason": "",
    "remote": "open",
    "remote_id": "716253",
    "remote_request_id": "C0FE:1A2B:3C4D",
    "request_id": ID,
    "resolution": "The pool was made larger.",
    "revoked_at": None,
    "root_causes": ["The connection pool was too small."],
    "rule": "closing in the tracker beats a change that is no closing",
    "secret": "shown this once",
    "severity": "SEV-2",
    "slug": "platform",
    "source_url": "https://example.com/postmortems/checkout",
    "state_reason": "",
    "subject": {"kind": "task", "id": ID},
    "summary": "Checkout answered slowly for half an hour.",
    "team": "platform",
    "text": "The alert fired.",
    "timezone": "Europe/Berlin",
    "title": "Alert on a full connection pool",
    "token": "ft_…",
    "types": ["Bug", "Task"],
    "url": "https://github.com/example/checkout/issues/12",
    "version": 1,
    "Actor.name": "deploy bot",
    "BackfillCounts.adopt": 0,
    "BackfillCounts.change": 0,
    "BackfillCounts.unchanged": 12,
    "BackfillCounts.unrouted": 0,
    "BackfillEstimate.hours": 0.01,
    "BackfillItem.action": "create",
    "BackfillItem.issue": None,
    "BackfillItem.key": "FT-123",
    "BackfillItem.project": "example/checkout",
    "BackfillItem.reason": "a route sends it to example/checkout",
    "BackfillRead.dry_run": True,
    "BackfillRead.more": 0,
    "ConflictRead.field": "status",
    "ConflictRead.local": "in_progress",
    "ConflictRead.remote": "done",
    "ConflictRead.resolution": {"side": "remote", "at": INSTANT, "by": "deploy bot"},
    "ConflictRead.winner": "remote",
    "Credentials.token": "github_pat_...",
    "DocumentWarning.text": "The day of the incident is missing: give incident_date.",
    "Health.checks": {"database": "ok", "redis": "ok"},
    "Health.status": "ok",
    "ImprovementCreate.title": "Full pools are seen before customers see them",
    "ImprovementRead.title": "Full pools are seen before customers see them",
    "LinkCreate.url": None,
    "LinkRead.fields": {"status": {"base": "open", "local": "open", "remote": "open", "note": None, "conflict": None}},
    "LinksRetried.retried": 12,
    "NativeFields.due_on": False,
    "PersonCreate.email": "dana@example.com",
    "PersonCreate.name": "Dana Example",
    "PersonRead.name": "Ana Example",
    "PostmortemCreate.title": "Checkout answered slowly",
    "PostmortemRead.title": "Checkout answered slowly",
    "ProjectCreate.key": "example/checkout",
    "ProjectRead.key": "example/checkout",
    "ProjectRead.url": "https://github.com/example/checkout",
    "Source.url": "https://example.com/postmortems/checkout",
    "TaskRead.key": "FT-123",
    "TimelineEventRead.time": None,
    "TimelineEventWrite.time": None,
    "TokenCreate.name": "deploy bot",
    "TokenCreated.name": "deploy bot",
    "TokenRead.name": "deploy bot",
    "TrackerChange.name": "GitHub",
    "TrackerChecked.ok": True,
    "TrackerCreate.name": "GitHub",
    "TrackerFinding.name": "address",
    "TrackerFinding.ok": True,
    "TrackerFinding.subject": None,
    "TrackerFinding.text": "https://api.github.com answers.",
    "TrackerRead.name": "GitHub",
    "WebhookAnswer.outcome": "accepted",
    "WebhookSetup.url": f"https://followthrough.example.com/webhooks/{ID}",
}

# A merge patch says only what changes; without an entry here its first member is shown.
STRUCTS: dict[str, Any] = {
    "PostmortemChange": {"status": "published"},
    "LinksRetry": {"error_code": "archived"},
    "RouteChange": {"position": 10},
    "TaskChange": {"due_on": "2026-08-31", "reason": "The new pool needs a maintenance window."},
    "TeamChange": {"timezone": "Europe/Berlin", "lead": "ana@example.com"},
    "TrackerChange": {"state": "paused"},
}


@cache
def example_of(declared: Any) -> Any:
    """An example of a type, as JSON; don't change it."""
    return _example(inspect.type_info(declared))


def _example(info: inspect.Type) -> Any:
    match info:
        case inspect.Metadata():
            return _example(info.type)
        case inspect.StructType():
            return _struct(info)
        case inspect.EnumType():
            return next(iter(info.cls)).value
        case inspect.UnionType():
            return _example(next(branch for branch in info.types if not isinstance(branch, inspect.NoneType)))
        case inspect.CollectionType():
            return [_example(info.item_type)]
        case inspect.DictType():
            return {"name": _example(info.value_type)}
        case inspect.TupleType():
            return [_example(item) for item in info.item_types]
    return next((value for kind, value in _PLAIN.items() if isinstance(info, kind)), None)


def _struct(info: inspect.StructType) -> Any:
    name = info.cls.__name__
    if name in STRUCTS:
        return STRUCTS[name]
    patch = all(not field.required and field.default is field.default_factory is NODEFAULT for field in info.fields)
    fields = info.fields[:1] if patch else info.fields
    members = {field.encode_name: (_member(name, field), field.required) for field in fields}
    return {member: value for member, (value, required) in members.items() if required or value is not None}


def _member(struct: str, field: inspect.Field) -> Any:
    for name in (f"{struct}.{field.encode_name}", field.encode_name):
        if name in MEMBERS:
            return MEMBERS[name]
    return _example(field.type)


_PLAIN: dict[type[inspect.Type], Any] = {
    inspect.BoolType: False,
    inspect.DateTimeType: INSTANT,
    inspect.DateType: "2026-08-24",
    inspect.FloatType: 1.0,
    inspect.IntType: 1,
    inspect.StrType: "text",
    inspect.TimeType: "14:05:00",
    inspect.UUIDType: ID,
}
