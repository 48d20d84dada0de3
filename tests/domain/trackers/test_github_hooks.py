"""GitHub's webhook as GitHub sees it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.trackers.contract import Failure, HookReport, Place, TrackerError
from tests.domain.trackers.app_script import app_of, issued, pem_of
from tests.domain.trackers.github_script import asked, scripted
from tests.domain.trackers.loopback import Behaviour, answering

PLACE = Place("42", "ft/")
URL = "https://followthrough.example/webhooks/1"
DELIVERIES = "GET /repositories/42/hooks/7/deliveries?"
OTHER = {"id": 6, "active": True, "events": ["push"], "config": {"url": "https://ci.example"}}
HOOK = {"id": 7, "active": True, "events": ["issues", "issue_comment"], "config": {"url": URL, "content_type": "json"}}


def delivery(number: int, guid: str, status: int, *, days: float = 0) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(days=days, seconds=1000 - number)
    said = "OK" if status == 200 else "failed to connect"
    return {"id": number, "guid": guid, "delivered_at": at.isoformat(), "event": "issues", "status": said, "status_code": status}


async def test_missing_hook_is_told() -> None:
    with scripted(answering(200, [OTHER])) as (adapter, server):
        assert await adapter.inspect_hook(PLACE, URL) == HookReport(id=None, active=False, events=())
    assert asked(server) == ["GET /repositories/42/hooks?page=1&per_page=100"]


async def test_failed_deliveries_are_those_that_no_later_attempt_made_good() -> None:
    rows = [
        delivery(5, "made-good", 200),
        delivery(4, "failed-twice", 502),
        delivery(3, "made-good", 0),
        delivery(2, "failed-twice", 0),
        delivery(1, "fine", 204),
        delivery(0, "long-ago", 500, days=4),
    ]
    with scripted(answering(200, [OTHER, HOOK]), answering(200, rows)) as (adapter, server):
        report = await adapter.inspect_hook(PLACE, URL)
    assert asked(server)[1:] == [f"{DELIVERIES}per_page=100"]
    assert (report.id, report.active, report.events) == ("7", True, ("issues", "issue_comment"))
    assert [(each.id, each.guid, each.event, each.status) for each in report.failed] == [
        ("4", "failed-twice", "issues", "failed to connect")
    ]
    assert report.last_delivery_at == datetime.fromisoformat(rows[0]["delivered_at"])


async def test_deliveries_are_read_by_their_cursor_for_three_pages() -> None:
    link = '<https://api.github.com/repositories/42/hooks/7/deliveries?per_page=100&cursor=v1_%2B{}>; rel="next"'
    pages = [answering(200, [delivery(9 - page, f"g{page}", 500)], link=link.format(page)) for page in range(4)]
    with scripted(answering(200, [HOOK]), *pages) as (adapter, server):
        report = await adapter.inspect_hook(PLACE, URL)
    assert asked(server)[1:] == [f"{DELIVERIES}{cursor}per_page=100" for cursor in ("", "cursor=v1_%2B0&", "cursor=v1_%2B1&")]
    assert len(report.failed) == 3


async def test_only_the_newest_hundred_failed_deliveries_are_given() -> None:
    with scripted(answering(200, [HOOK]), answering(200, [delivery(500 - each, f"g{each}", 0) for each in range(120)])) as (adapter, _):
        report = await adapter.inspect_hook(PLACE, URL)
    assert [each.guid for each in report.failed] == [f"g{each}" for each in range(100)]


@pytest.mark.parametrize("status", [403, 404])
async def test_missing_permission_is_named(status: int) -> None:
    refusal = answering(status, {"message": "Resource not accessible by integration"})
    with scripted(refusal) as (adapter, _), pytest.raises(TrackerError) as caught:
        await adapter.inspect_hook(PLACE, URL)
    assert (caught.value.failure, caught.value.code) == (Failure.DEFINITE, "forbidden")
    assert "lack the repository's webhook permission" in caught.value.text


async def test_delivery_is_asked_for_again() -> None:
    with scripted(answering(202, {})) as (adapter, server):
        await adapter.redeliver(PLACE, "7", "12345678901234")
    assert asked(server) == ["POST /repositories/42/hooks/7/deliveries/12345678901234/attempts"]


@pytest.mark.parametrize("status", [200, 422])
async def test_delivery_that_is_not_accepted_is_an_error(status: int) -> None:
    with scripted(answering(status, {})) as (adapter, server), pytest.raises(TrackerError) as caught:
        await adapter.redeliver(PLACE, "7", "1")
    assert (caught.value.failure, len(server.requests)) == (Failure.DEFINITE, 1)


async def test_nonsense_is_never_sent() -> None:
    with scripted(answering(202)) as (adapter, server), pytest.raises(TrackerError):
        await adapter.redeliver(PLACE, "7", "1/../../2")
    assert server.requests == []


@pytest.fixture(scope="module")
def pem() -> str:
    return pem_of(rsa.generate_private_key(65_537, 2048))


async def test_webhook_of_the_app_itself_is_looked_at(pem: str) -> None:
    rows = [
        delivery(5, "made-good", 200) | {"repository_id": 42},
        delivery(4, "failed", 502) | {"repository_id": 42},
        delivery(3, "made-good", 0) | {"repository_id": 42},
        delivery(2, "of another repository", 502) | {"repository_id": 43},
        delivery(1, "of none", 502) | {"repository_id": None},
    ]
    app = {"slug": "followthrough", "events": ["issues", "issue_comment"]}
    script = [answering(200, {"url": URL, "content_type": "json"}), answering(200, app), answering(200, rows), answering(202, {})]
    with app_of(pem, *script) as (adapter, server):
        report = await adapter.inspect_hook(PLACE, URL)
        await adapter.redeliver(PLACE, str(report.id), report.failed[0].id)
    assert (report.id, report.active, report.events) == ("app", True, ("issues", "issue_comment"))
    assert [each.guid for each in report.failed] == ["failed"]
    assert asked(server) == [
        "GET /app/hook/config",
        "GET /app",
        "GET /app/hook/deliveries?per_page=100",
        "POST /app/hook/deliveries/4/attempts",
    ]


@pytest.mark.parametrize("answer", [answering(404), answering(200, {"url": "https://ci.example"}), answering(200, {})])
async def test_app_without_a_webhook_to_us_may_have_one_of_the_repository(pem: str, answer: Behaviour) -> None:
    script = [answer, answering(200, {"id": 9}), issued("ghs_1"), answering(200, [HOOK]), answering(200, [])]
    with app_of(pem, *script) as (adapter, _):
        assert (await adapter.inspect_hook(PLACE, URL)).id == "7"


async def test_deliveries_of_the_app_need_an_app_and_a_number(pem: str) -> None:
    with scripted(answering(202)) as (adapter, server), pytest.raises(TrackerError) as caught:
        await adapter.redeliver(PLACE, "app", "1")
    assert (caught.value.failure, caught.value.code, server.requests) == (Failure.DEFINITE, "forbidden", [])
    with app_of(pem, answering(202)) as (app, server), pytest.raises(TrackerError) as caught:
        await app.redeliver(PLACE, "app", "1/../../2")
    assert (caught.value.code, server.requests) == ("invalid", [])
