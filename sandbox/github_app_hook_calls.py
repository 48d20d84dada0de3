"""The calls about the deliveries of the App's own webhook, as GitHub's REST API has them."""

from typing import Any

from litestar import Request, Response, get, post

from sandbox.github_access import require_app
from sandbox.github_calls import Sandbox, answer
from sandbox.github_documents import API_PATH
from sandbox.github_errors import not_found
from sandbox.github_hook_calls import deliveries_page
from sandbox.github_payloads import delivery_document
from sandbox.github_records import APP_HOOKS, Delivery, Hook
from sandbox.github_state import State


@get(f"{API_PATH}/app/hook/deliveries")
async def list_app_deliveries(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """List the deliveries of the App's hook, newest first."""
    require_app(request, sandbox.access)
    hook = _app_hook(sandbox.state)
    address = f"{sandbox.site(request).api}/app/hook/deliveries"
    rows, headers = deliveries_page(sandbox.state.of(Delivery, hook.id), request, address)
    return answer([delivery_document(row, whole=False, url=hook.url) for row in rows], headers=headers)


@get(f"{API_PATH}/app/hook/deliveries/{{delivery_id:int}}")
async def get_app_delivery(request: Request[Any, Any, Any], sandbox: Sandbox, delivery_id: int) -> Response[Any]:
    """Show a delivery with what was sent and what came back."""
    require_app(request, sandbox.access)
    hook = _app_hook(sandbox.state)
    return answer(delivery_document(_found(sandbox.state, hook, delivery_id), whole=True, url=hook.url))


@post(f"{API_PATH}/app/hook/deliveries/{{delivery_id:int}}/attempts")
async def redeliver_to_app(request: Request[Any, Any, Any], sandbox: Sandbox, delivery_id: int) -> Response[Any]:
    """Send a delivery again, under the same id."""
    require_app(request, sandbox.access)
    hook = _app_hook(sandbox.state)
    sandbox.courier.resend(hook, _found(sandbox.state, hook, delivery_id))
    return answer({}, status=202)


def _app_hook(state: State) -> Hook:
    if not state.count(Hook, APP_HOOKS):
        raise not_found()
    return state.oldest(Hook, APP_HOOKS)


def _found(state: State, hook: Hook, delivery_id: int) -> Delivery:
    delivery = state.find(Delivery, delivery_id)
    if delivery is None or delivery.hook_id != hook.id:
        raise not_found()
    return delivery


HANDLERS = [list_app_deliveries, get_app_delivery, redeliver_to_app]
