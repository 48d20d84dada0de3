"""The webhook that GitHub calls us with: whether there is one, and which of its deliveries failed."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from domain.trackers.contract import FailedDelivery, HookReport, Place
from domain.trackers.github_address import delivery_path, hook_path, repository_path
from domain.trackers.github_call import Answer, Ask, Call, read_document
from domain.trackers.github_issue import Instant, Number
from domain.trackers.github_line import Line
from domain.trackers.github_lists import PAGE_SIZE

DELIVERY_PAGES = 3
MOST_FAILED = 100
OLDEST_DELIVERY = timedelta(days=3)
"""For how long GitHub keeps deliveries: https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/viewing-webhook-deliveries"""

_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')


class _Config(msgspec.Struct):
    url: str | None = None


class _Hook(msgspec.Struct):
    """https://docs.github.com/rest/repos/webhooks#list-repository-webhooks"""

    id: Number
    active: bool
    events: list[str] = []
    config: _Config | None = None


class _Delivery(msgspec.Struct):
    """https://docs.github.com/rest/repos/webhooks#list-deliveries-for-a-repository-webhook"""

    id: int
    guid: str
    delivered_at: Instant
    event: str
    status: str = ""
    status_code: int = 0


def inspect_hook(line: Line, place: Place, url: str, *, now: datetime) -> HookReport:
    """Looks for the repository's webhook to an address, and at its last 300 deliveries."""
    repository = repository_path(place.project_remote_id)
    hook = next((each for each in _hooks(line, repository) if each.config is not None and each.config.url == url), None)
    if hook is None:
        return HookReport(id=None, active=False, events=())
    newest = _newest_attempts(line, repository, hook, since=now - OLDEST_DELIVERY)
    failed = [_failed(each) for each in newest.values() if not 200 <= each.status_code < 300]
    return HookReport(
        id=str(hook.id),
        active=hook.active,
        events=tuple(hook.events),
        failed=tuple(failed[:MOST_FAILED]),
        last_delivery_at=max((each.delivered_at.astimezone(UTC) for each in newest.values()), default=None),
    )


def _hooks(line: Line, repository: str) -> Iterator[_Hook]:
    page, more = 1, True
    while more:
        ask = Ask(Call.HOOK, "GET", f"{repository}/hooks", parameters={"per_page": str(PAGE_SIZE), "page": str(page)})
        hooks = read_document(line.send(repository, ask), ask.call, list[_Hook])
        yield from hooks
        page, more = page + 1, len(hooks) == PAGE_SIZE


def _newest_attempts(line: Line, repository: str, hook: _Hook, *, since: datetime) -> dict[str, _Delivery]:
    """Returns the last attempt at each delivery, newest first: one that was made good by a later one didn't fail."""
    newest: dict[str, _Delivery] = {}
    for delivery in _deliveries(line, repository, hook):
        if delivery.delivered_at < since:
            break
        newest.setdefault(delivery.guid, delivery)
    return newest


def _deliveries(line: Line, repository: str, hook: _Hook) -> Iterator[_Delivery]:
    """Goes through the deliveries, newest first; their pages are known by a cursor alone."""
    path = f"{hook_path(repository, str(hook.id))}/deliveries"
    cursor: str | None = None
    for _ in range(DELIVERY_PAGES):
        parameters: dict[str, Any] = {"per_page": str(PAGE_SIZE)} | ({"cursor": cursor} if cursor else {})
        answer = line.send(repository, Ask(Call.HOOK, "GET", path, parameters=parameters))
        yield from read_document(answer, Call.HOOK, list[_Delivery])
        cursor = _next_cursor(answer)
        if cursor is None:
            return


def _next_cursor(answer: Answer) -> str | None:
    """Returns the cursor of the next page from the `Link` header (RFC 8288)."""
    following = _NEXT.search(answer.headers.get("link", ""))
    try:
        return parse_qs(urlsplit(following[1]).query).get("cursor", [None])[0] if following else None
    except ValueError:
        return None


def _failed(delivery: _Delivery) -> FailedDelivery:
    return FailedDelivery(
        id=str(delivery.id),
        guid=delivery.guid,
        event=delivery.event,
        status=delivery.status,
        at=delivery.delivered_at.astimezone(UTC),
    )


def redeliver(line: Line, place: Place, hook_id: str, delivery_id: str) -> None:
    """Has GitHub deliver a webhook again; it accepts that with a 202, and does it in its own time."""
    repository = repository_path(place.project_remote_id)
    path = f"{delivery_path(repository, hook_id, delivery_id)}/attempts"
    line.send(repository, Ask(Call.REDELIVER, "POST", path, successes=frozenset({202})))
