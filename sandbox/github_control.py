"""How a test steers the sandbox GitHub, from the same machine alone: faults, chaos, limits, the clock, the courier."""

import random
from dataclasses import asdict
from typing import Any

from litestar import Request, Response, delete, get, post, put

from sandbox.github_calls import Sandbox, answer
from sandbox.github_chaos import ChaosRates
from sandbox.github_edge import Edge
from sandbox.github_errors import GithubError, read_object
from sandbox.github_faults import Fault, Faults
from sandbox.github_hooks import Courier, Parcel

LOOPBACK = ("127.0.0.1", "::1", "testclient")


def require_loopback(request: Request[Any, Any, Any]) -> None:
    """Refuse whoever is not on this machine, and any page of another site that a browser here has open."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    client = request.client
    if client is not None and client.host not in LOOPBACK:
        raise GithubError(403, "The sandbox is steered from its own machine only")
    if origin is not None and origin != f"http://{host}":
        raise GithubError(403, "The sandbox is not steered by pages of other sites")


async def read_order(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return what somebody on this machine orders: a JSON object."""
    require_loopback(request)
    return await read_object(request)


def ordered(order: dict[str, Any], name: str, kind: type | tuple[type, ...], *, default: Any = None) -> Any:
    """Return one value of an order, or refuse one of another kind; without a default it has to be there."""
    value = order.get(name, default)
    if value is None or not isinstance(value, kind):
        raise GithubError(422, f"{name} is missing or of the wrong kind")
    return value


@get("/_sandbox/health")
async def get_health() -> dict[str, str]:
    """Answer, as soon as calls are answered."""
    return {"status": "ok"}


@get("/_sandbox/faults")
async def list_faults(request: Request[Any, Any, Any], faults: Faults) -> Response[Any]:
    """List the faults still to come."""
    require_loopback(request)
    return answer([asdict(fault) for fault in faults.waiting()])


@post("/_sandbox/faults")
async def order_fault(request: Request[Any, Any, Any], faults: Faults) -> Response[Any]:
    """Order a fault: the fields of `Fault`."""
    order = await read_order(request)
    try:
        fault = Fault(**order)
    except (TypeError, ValueError) as error:
        raise GithubError(422, str(error)) from error
    faults.order(fault)
    return answer(asdict(fault), status=201)


@delete("/_sandbox/faults")
async def clear_faults(request: Request[Any, Any, Any], faults: Faults) -> None:
    """Cancel the faults still to come."""
    require_loopback(request)
    faults.clear()


@get("/_sandbox/calls")
async def list_calls(request: Request[Any, Any, Any], edge: Edge) -> Response[Any]:
    """List the calls of the API so far, oldest first; memory alone, and the last 100,000."""
    require_loopback(request)
    return answer([asdict(call) for call in edge.calls])


@get("/_sandbox/calls/counts")
async def count_calls(request: Request[Any, Any, Any], edge: Edge) -> Response[Any]:
    """Count all calls of the API so far by method, operation and status (null where no answer went out)."""
    require_loopback(request)
    return answer([dict(zip(("method", "operation", "status", "count"), (*key, count), strict=True)) for key, count in edge.counts.items()])


@delete("/_sandbox/calls")
async def clear_calls(request: Request[Any, Any, Any], edge: Edge) -> None:
    """Forget the calls so far, and their counts."""
    require_loopback(request)
    edge.calls.clear()
    edge.counts.clear()


@get("/_sandbox/limits")
async def get_limits(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Show whether limits are enforced, by which factor, and what was counted for each login."""
    require_loopback(request)
    return answer(sandbox.limits.document())


@put("/_sandbox/limits")
async def set_limits(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Enforce the limits times a factor, or stop that; the counts start from zero."""
    order = await read_order(request)
    factor = ordered(order, "factor", (int, float), default=1.0)
    if factor <= 0:
        raise GithubError(422, "factor is more than 0")
    sandbox.limits.set(enforced=ordered(order, "enforced", bool), factor=float(factor))
    return answer(sandbox.limits.document())


@get("/_sandbox/chaos")
async def get_chaos(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Show the rates of random faults and what they did."""
    require_loopback(request)
    return answer(sandbox.chaos.document())


@put("/_sandbox/chaos")
async def start_chaos(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Begin random faults: the fields of `ChaosRates`."""
    order = await read_order(request)
    try:
        rates = ChaosRates(**order)
    except (TypeError, ValueError) as error:
        raise GithubError(422, str(error)) from error
    sandbox.chaos.start(rates)
    return answer(sandbox.chaos.document())


@delete("/_sandbox/chaos", status_code=200)
async def stop_chaos(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """End random faults, and show what they did."""
    require_loopback(request)
    sandbox.chaos.stop()
    return answer(sandbox.chaos.document())


@post("/_sandbox/clock", status_code=200)
async def set_clock(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Let the clock be `skew_seconds` ahead (behind where negative): what is written from now on and what headers show."""
    sandbox.state.skew_seconds = float(ordered(await read_order(request), "skew_seconds", (int, float)))
    return answer({"skew_seconds": sandbox.state.skew_seconds, "now": sandbox.state.instant()})


@post("/_sandbox/lag", status_code=200)
async def set_lag(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Keep each issue out of the lists for its first `seconds`; 0 ends that."""
    sandbox.lag_seconds = float(ordered(await read_order(request), "seconds", (int, float)))
    return answer({"seconds": sandbox.lag_seconds})


@get("/_sandbox/webhooks")
async def get_webhooks(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Show whether webhooks are kept back, and how many."""
    require_loopback(request)
    return answer(_courier_document(sandbox.courier))


@post("/_sandbox/webhooks", status_code=200)
async def steer_webhooks(request: Request[Any, Any, Any], sandbox: Sandbox) -> Response[Any]:
    """Keep webhooks back, let them go, or lose those that were kept: `action` is pause, release or drop.

    A release goes on delivering, the kept ones first: in the `order` given, reversed or shuffled (by `seed`), each so many `times`.
    """
    order, courier = await read_order(request), sandbox.courier
    match ordered(order, "action", str):
        case "pause":
            courier.paused = True
        case "release":
            courier.release(_in_order(courier.kept, order))
        case "drop":
            courier.release([])
        case action:
            raise GithubError(422, f"{action!r} is not pause, release or drop")
    return answer(_courier_document(courier))


def _in_order(kept: list[Parcel], order: dict[str, Any]) -> list[Parcel]:
    parcels = [parcel for parcel in kept for _ in range(ordered(order, "times", int, default=1))]
    match ordered(order, "order", str, default="given"):
        case "given":
            return parcels
        case "reversed":
            return parcels[::-1]
        case "shuffled":
            random.Random(order.get("seed", 0)).shuffle(parcels)  # noqa: S311 - a seed that gives the same order again
            return parcels
        case other:
            raise GithubError(422, f"{other!r} is not given, reversed or shuffled")


def _courier_document(courier: Courier) -> dict[str, Any]:
    return {"paused": courier.paused, "kept": len(courier.kept)}


HANDLERS = [
    get_health,
    list_faults,
    order_fault,
    clear_faults,
    list_calls,
    count_calls,
    clear_calls,
    get_limits,
    set_limits,
    get_chaos,
    start_chaos,
    stop_chaos,
    set_clock,
    set_lag,
    get_webhooks,
    steer_webhooks,
]
