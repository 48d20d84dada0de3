"""The webhook that GitHub calls us with: whether there is one, and which of its deliveries failed."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from domain.trackers.contract import FailedDelivery, Failure, HookReport, Place, TrackerError
from domain.trackers.github_address import delivery_path, hook_path, repository_path
from domain.trackers.github_call import Answer, Ask, Call, read_document
from domain.trackers.github_issue import Instant, Number
from domain.trackers.github_line import Line
from domain.trackers.github_lists import PAGE_SIZE

APP_HOOK = "app"
"""What a report calls the App's own webhook, which has no number."""
APP_PATH = "/app/hook"
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
    repository_id: int | None = None


class _App(msgspec.Struct):
    """https://docs.github.com/rest/apps/apps#get-the-authenticated-app"""

    events: list[str] = []


@dataclass(frozen=True, slots=True)
class _Source:
    """A webhook's deliveries: where they are, how to ask for them, and the one repository that they are to be about, if not all are."""

    path: str
    send: Callable[[Ask], Answer]
    repository_id: str | None = None


def inspect_hook(line: Line, place: Place, url: str, *, now: datetime) -> HookReport:
    """Looks for the App's or the repository's webhook to an address, and at its last 300 deliveries; of the App's at this repository's."""
    since = now - OLDEST_DELIVERY
    if _has_app_hook(line, url):
        events = read_document(line.send_as_app(Ask(Call.HOOK, "GET", "/app")), Call.HOOK, _App).events
        hook = _Hook(0, active=True, events=events)
        return _report(APP_HOOK, hook, _newest_attempts(_Source(APP_PATH, line.send_as_app, place.project_remote_id), since=since))
    repository = repository_path(place.project_remote_id)
    found = next((each for each in _hooks(line, repository) if each.config is not None and each.config.url == url), None)
    if found is None:
        return HookReport(id=None, active=False, events=())
    source = _Source(hook_path(repository, str(found.id)), partial(line.send, repository))
    return _report(str(found.id), found, _newest_attempts(source, since=since))


def _has_app_hook(line: Line, url: str) -> bool:
    """Asks for the App's own webhook first: it sends what happens in all repositories, which then have none.

    https://docs.github.com/rest/apps/webhooks#get-a-webhook-configuration-for-an-app
    """
    try:
        answer = line.send_as_app(Ask(Call.HOOK, "GET", f"{APP_PATH}/config"))
    except TrackerError as error:
        if error.code != "forbidden":
            raise
        return False
    return read_document(answer, Call.HOOK, _Config).url == url


def _hooks(line: Line, repository: str) -> Iterator[_Hook]:
    page, more = 1, True
    while more:
        ask = Ask(Call.HOOK, "GET", f"{repository}/hooks", parameters={"per_page": str(PAGE_SIZE), "page": str(page)})
        hooks = read_document(line.send(repository, ask), ask.call, list[_Hook])
        yield from hooks
        page, more = page + 1, len(hooks) == PAGE_SIZE


def _newest_attempts(source: _Source, *, since: datetime) -> list[_Delivery]:
    """Returns the last attempt at each delivery, newest first: one that was made good by a later one didn't fail."""
    newest: dict[str, _Delivery] = {}
    for delivery in _deliveries(source):
        if delivery.delivered_at < since:
            break
        if source.repository_id in (None, str(delivery.repository_id)):
            newest.setdefault(delivery.guid, delivery)
    return list(newest.values())


def _deliveries(source: _Source) -> Iterator[_Delivery]:
    """Goes through the deliveries, newest first; their pages are known by a cursor alone."""
    cursor: str | None = None
    for _ in range(DELIVERY_PAGES):
        parameters: dict[str, Any] = {"per_page": str(PAGE_SIZE)} | ({"cursor": cursor} if cursor else {})
        answer = source.send(Ask(Call.HOOK, "GET", f"{source.path}/deliveries", parameters=parameters))
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


def _report(hook_id: str, hook: _Hook, newest: list[_Delivery]) -> HookReport:
    failed = [_failed(each) for each in newest if not 200 <= each.status_code < 300]
    return HookReport(
        id=hook_id,
        active=hook.active,
        events=tuple(hook.events),
        failed=tuple(failed[:MOST_FAILED]),
        last_delivery_at=max((each.delivered_at.astimezone(UTC) for each in newest), default=None),
    )


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
    if hook_id == APP_HOOK:
        line.send_as_app(_attempt(_app_delivery_path(delivery_id)))
    else:
        line.send(repository, _attempt(delivery_path(repository, hook_id, delivery_id)))


def _app_delivery_path(delivery_id: str) -> str:
    if not (delivery_id.isascii() and delivery_id.isdecimal()):
        raise TrackerError(Failure.DEFINITE, "A delivery of GitHub's is named by its number.", code="invalid", calls=0)
    return f"{APP_PATH}/deliveries/{delivery_id}"


def _attempt(delivery: str) -> Ask:
    return Ask(Call.REDELIVER, "POST", f"{delivery}/attempts", successes=frozenset({202}))
