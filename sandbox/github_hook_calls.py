"""The calls about a repository's webhooks and their deliveries, as GitHub's REST API has them."""

from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, delete, get, patch, post

from sandbox.github_calls import Call, answer, at, page_of, page_size
from sandbox.github_errors import invalid, not_found, read_object, unreadable
from sandbox.github_payloads import delivery_document, hook_document, ping_payload
from sandbox.github_records import Delivery, Hook
from sandbox.github_requests import read_names
from sandbox.github_state import State

CONTENT_TYPES = ("json", "form")
EVENT_FIELDS = ("events", "add_events", "remove_events")


@get(at("/hooks"))
async def list_hooks(call: Call) -> Response[Any]:
    """List the hooks of a repository."""
    rows, headers = page_of(_hooks(call), call, "/hooks")
    return answer([_hook(call, row) for row in rows], headers=headers)


@post(at("/hooks"))
async def create_hook(call: Call) -> Response[Any]:
    """Add a hook, and ping it."""
    request = await read_object(call.request)
    hook = new_hook(call.state, call.repository.id)
    configure(hook, request)
    if any(other.url == hook.url and set(other.events) & set(hook.events) for other in _hooks(call)):
        raise invalid("Hook", "config", "custom", message="Hook already exists on this repository")
    call.state.save(hook)
    call.state.commit()
    _ping(call, hook)
    document = _hook(call, hook)
    return answer(document, status=201, headers={"location": document["url"]})


def new_hook(state: State, repository_id: int) -> Hook:
    """Return a hook as it is before it is configured; nothing keeps it yet."""
    now = state.instant()
    return Hook(
        id=state.new_id(),
        repository_id=repository_id,
        url="",
        content_type="form",
        secret=None,
        insecure_ssl="0",
        events=["push"],
        active=True,
        created_at=now,
        updated_at=now,
    )


def configure(hook: Hook, request: dict[str, Any]) -> None:
    """Take over what the request names, or nothing where anything is wrong."""
    names = {field: read_names(request.get(field, []), f"properties/{field}") for field in EVENT_FIELDS}
    if "config" in request or not hook.url:
        _set_config(hook, request.get("config") or {})
    wanted = names["events"] if "events" in request else hook.events
    wanted = list(dict.fromkeys([*wanted, *names["add_events"]]))
    hook.events = [name for name in wanted if name not in names["remove_events"]]
    hook.active = bool(request.get("active", hook.active))


def _set_config(hook: Hook, config: Any) -> None:
    """Replace the whole of the configuration: a secret that is not repeated is gone."""
    if not isinstance(config, dict):
        raise unreadable("properties/config", f"{config!r} is not an object")
    url, content_type = config.get("url"), config.get("content_type", "form")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise invalid("Hook", "url", "invalid" if url else "missing_field")
    if content_type not in CONTENT_TYPES:
        raise invalid("Hook", "content_type", "invalid")
    hook.url, hook.content_type, hook.secret = url, content_type, config.get("secret") or None
    hook.insecure_ssl = str(config.get("insecure_ssl", "0"))


@get(at("/hooks/{hook_id:int}"))
async def get_hook(call: Call, hook_id: int) -> Response[Any]:
    """Show a hook."""
    return answer(_hook(call, _found_hook(call, hook_id)))


@patch(at("/hooks/{hook_id:int}"))
async def update_hook(call: Call, hook_id: int) -> Response[Any]:
    """Change what is named of a hook."""
    request, hook = await read_object(call.request), _found_hook(call, hook_id)
    configure(hook, request)
    hook.updated_at = call.state.instant()
    call.state.save(hook)
    call.state.commit()
    return answer(_hook(call, hook))


@delete(at("/hooks/{hook_id:int}"))
async def delete_hook(call: Call, hook_id: int) -> None:
    """Remove a hook."""
    call.state.remove(_found_hook(call, hook_id))
    for delivery in call.state.of(Delivery, hook_id):
        call.state.remove(delivery)
    call.state.commit()


@post(at("/hooks/{hook_id:int}/pings"), status_code=204)
async def ping_hook(call: Call, hook_id: int) -> None:
    """Send a ping."""
    _ping(call, _found_hook(call, hook_id))


def _ping(call: Call, hook: Hook) -> None:
    payload = ping_payload(hook, call.repository, call.caller.login, state=call.state, site=call.site)
    call.sandbox.courier.send(hook, "ping", payload, repository=call.repository)


@get(at("/hooks/{hook_id:int}/deliveries"))
async def list_deliveries(call: Call, hook_id: int) -> Response[Any]:
    """List the deliveries of a hook, newest first."""
    hook = _found_hook(call, hook_id)
    address = f"{call.site.api}/repositories/{call.repository.id}/hooks/{hook_id}/deliveries"
    rows, headers = deliveries_page(call.state.of(Delivery, hook_id), call.request, address)
    return answer([delivery_document(row, whole=False, url=hook.url) for row in rows], headers=headers)


def deliveries_page(found: list[Delivery], request: Request[Any, Any, Any], address: str) -> tuple[list[Delivery], dict[str, str]]:
    """Cut out the page after the query's `cursor`, newest first, and return it with a Link header that has the next cursor."""
    query = dict(request.query_params.items())
    size = page_size(query)
    cursor, status = query.get("cursor", ""), query.get("status")
    if cursor and not cursor.removeprefix("v1_").isdigit():
        raise invalid("HookDelivery", "cursor", "invalid", value=cursor)
    if status not in (None, "success", "failure"):
        raise invalid("HookDelivery", "status", "invalid", value=status)
    below = int(cursor.removeprefix("v1_")) if cursor else None
    rows = [
        row
        for row in reversed(found)
        if (below is None or row.id < below) and (status is None or (200 <= row.status_code < 400) == (status == "success"))
    ]
    shown = rows[:size]
    if len(rows) <= size:
        return shown, {}
    following = urlencode(query | {"per_page": str(size), "cursor": f"v1_{shown[-1].id}"})
    return shown, {"link": f'<{address}?{following}>; rel="next"'}


@get(at("/hooks/{hook_id:int}/deliveries/{delivery_id:int}"))
async def get_delivery(call: Call, hook_id: int, delivery_id: int) -> Response[Any]:
    """Show a delivery with what was sent and what came back."""
    hook = _found_hook(call, hook_id)
    return answer(delivery_document(_found_delivery(call, hook, delivery_id), whole=True, url=hook.url))


@post(at("/hooks/{hook_id:int}/deliveries/{delivery_id:int}/attempts"))
async def redeliver(call: Call, hook_id: int, delivery_id: int) -> Response[Any]:
    """Send a delivery again, under the same id."""
    hook = _found_hook(call, hook_id)
    call.sandbox.courier.resend(hook, _found_delivery(call, hook, delivery_id))
    return answer({}, status=202)


def _hooks(call: Call) -> list[Hook]:
    return call.state.of(Hook, call.repository.id)


def _found_hook(call: Call, hook_id: int) -> Hook:
    hook = call.state.find(Hook, hook_id)
    if hook is None or hook.repository_id != call.repository.id:
        raise not_found()
    return hook


def _found_delivery(call: Call, hook: Hook, delivery_id: int) -> Delivery:
    delivery = call.state.find(Delivery, delivery_id)
    if delivery is None or delivery.hook_id != hook.id:
        raise not_found()
    return delivery


def _hook(call: Call, hook: Hook) -> dict[str, Any]:
    return hook_document(hook, repository=call.repository, site=call.site)


HANDLERS = [
    list_hooks,
    create_hook,
    get_hook,
    update_hook,
    delete_hook,
    ping_hook,
    list_deliveries,
    get_delivery,
    redeliver,
]
