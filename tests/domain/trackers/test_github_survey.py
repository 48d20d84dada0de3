"""An audit's look at issues through all installations of an App."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.trackers.contract import Failure, TrackerError
from tests.domain.trackers.app_script import app_of, issued, pem_of
from tests.domain.trackers.github_script import asked
from tests.domain.trackers.loopback import Behaviour, answering

LIST = "GET /app/installations?page={}&per_page=100"


@pytest.fixture(scope="module")
def pem() -> str:
    return pem_of(rsa.generate_private_key(65_537, 2048))


def installed(*numbers: int, suspended: bool = False) -> Behaviour:
    at = "2026-03-01T09:00:00Z" if suspended else None
    return answering(200, [{"id": number, "suspended_at": at} for number in numbers])


def shown(*numbers: int) -> Behaviour:
    """Answer with issues."""
    nodes: list[Any] = [
        {"id": f"I_{number}", "number": number, "updatedAt": "2026-03-02T09:00:00Z", "repository": {"databaseId": 42}} for number in numbers
    ]
    return answering(200, {"data": {"nodes": [*nodes, None]}})


async def test_installations_are_listed_once_in_five_minutes(pem: str) -> None:
    with app_of(pem, installed(9), issued("ghs_1"), shown(1), shown(1), installed(9), shown(1)) as (adapter, server):
        await adapter.survey(["I_1"])
        await adapter.survey(["I_1"])
        assert asked(server).count(LIST.format(1)) == 1
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6), tick=True):
            await adapter.survey(["I_1"])
    assert asked(server).count(LIST.format(1)) == 2


async def test_more_than_a_hundred_installations_are_listed(pem: str) -> None:
    script = [installed(*range(1, 101), suspended=True), installed(101), issued("ghs_1"), shown(1)]
    with app_of(pem, *script) as (adapter, server):
        assert "I_1" in await adapter.survey(["I_1"])
    assert asked(server)[:3] == [LIST.format(1), LIST.format(2), "POST /app/installations/101/access_tokens"]


async def test_suspended_installation_is_passed_over(pem: str) -> None:
    with app_of(pem, installed(9, suspended=True)) as (adapter, server):
        assert await adapter.survey(["I_1"]) == {}
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_installation_that_goes_meanwhile_does_not_hide_what_others_see(pem: str, status: int) -> None:
    gone = answering(status, {"message": "This installation has been suspended" if status == 403 else "Not Found"})
    with app_of(pem, installed(9, 10), gone, issued("ghs_1"), shown(1), installed(10), shown(1)) as (adapter, server):
        assert "I_1" in await adapter.survey(["I_1"])
        assert "I_1" in await adapter.survey(["I_1"])
    assert asked(server)[4] == LIST.format(1), "asked anew, since one of them went"


async def test_token_of_an_installation_that_went_stops_no_other(pem: str) -> None:
    with app_of(pem, installed(9), issued("ghs_1"), answering(401), installed(10), issued("ghs_2"), shown(1)) as (adapter, _):
        with pytest.raises(TrackerError) as caught:
            await adapter.survey(["I_1"])
        assert (caught.value.failure, caught.value.code) == (Failure.DEFINITE, "token_rejected")
        assert "I_1" in await adapter.survey(["I_1"])
