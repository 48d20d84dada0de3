"""How long `followthrough import` waits when it is asked to come back."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from cli.upload import LONGEST_WAIT_SECONDS, seconds_to_wait


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (503, "2", 2),
        (503, "86400", LONGEST_WAIT_SECONDS),
        (503, "Wed, 21 Oct 2015 07:28:00 GMT", 0),
        (503, "soon", None),
        (503, "", None),
        (500, "2", None),
        (200, "2", None),
    ],
)
def test_wait_is_what_the_answer_says_within_reason(status: int, retry_after: str, seconds: float | None) -> None:
    assert seconds_to_wait(httpx.Response(status, headers={"Retry-After": retry_after})) == seconds


def test_wait_until_an_instant_is_the_time_left() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    seconds = seconds_to_wait(httpx.Response(503, headers={"Retry-After": later}))
    assert seconds is not None
    assert 25 < seconds <= 30
