"""How fast we let ourselves call GitHub, and what it tells of its limits."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from domain.trackers.contract import Cost, Failure, Place, Quota, TrackerError
from domain.trackers.github_limit import PACING
from tests.domain.trackers.github_script import issue_document, scripted
from tests.domain.trackers.loopback import answering

PLACE = Place("42", "ft/")
CEILINGS = {"points": (900, 60), "requests": (5_000, 3_600), "creations_minute": (80, 60)}


@pytest.mark.parametrize("name", CEILINGS)
def test_what_is_saved_up_and_what_comes_in_stay_below_the_documented_ceiling(name: str) -> None:
    (budget,) = (each for each in PACING.budgets if each.name == name)
    ceiling, seconds = CEILINGS[name]
    assert budget.seconds == seconds
    assert budget.points + budget.burst <= ceiling
    assert set(budget.costs) == set(Cost)


async def test_quota_is_that_of_the_last_answer_by_our_clock() -> None:
    server_now = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
    reset = str(int((server_now + timedelta(minutes=30)).timestamp()))
    told = {
        "x_ratelimit_limit": "5000",
        "x_ratelimit_remaining": "4987",
        "x_ratelimit_reset": reset,
        "date": format_datetime(server_now, usegmt=True),
    }
    with scripted(answering(200, issue_document(), **told), answering(404)) as (adapter, _):
        await adapter.fetch(PLACE, "12")
        with pytest.raises(TrackerError):
            await adapter.fetch(PLACE, "12")
        quota = adapter.quota
    assert isinstance(quota, Quota)
    assert (quota.limit, quota.remaining) == (5000, 4987)
    assert (quota.reset_at - datetime.now(UTC)).total_seconds() == pytest.approx(1800, abs=15)


async def test_quota_of_another_resource_is_not_ours() -> None:
    told = {"x_ratelimit_limit": "10", "x_ratelimit_remaining": "9", "x_ratelimit_reset": "1", "x_ratelimit_resource": "graphql"}
    with scripted(answering(200, issue_document(), **told)) as (adapter, _):
        await adapter.fetch(PLACE, "12")
        assert adapter.quota is None


@pytest.mark.parametrize(("remaining", "hourly"), [("0", True), ("12", False)])
async def test_used_up_quota_is_told_from_having_been_too_fast(remaining: str, hourly: bool) -> None:
    refusal = answering(403, {"message": "API rate limit exceeded"}, x_ratelimit_remaining=remaining)
    with scripted(refusal) as (adapter, _), pytest.raises(TrackerError) as caught:
        await adapter.fetch(PLACE, "12")
    assert (caught.value.failure, caught.value.hourly) == (Failure.LIMITED, hourly)
