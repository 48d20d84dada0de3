"""How fast GitHub lets us call: what we allow ourselves, and what an answer says of its limits."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from domain.trackers.contract import Budget, Cost, Failure, Pacing, Quota, TrackerError
from domain.trackers.github_call import Answer, Call

IN_FLIGHT = 8

# GitHub counts in windows that slide, so what is saved up and what comes in within a window must stay below its ceiling together:
# 900 points and 80 creations a minute, 5,000 requests an hour; a write a second is its advice. Of 500 creations an hour,
# which it counts over all that an account does, 450 are the most that we take; we go down to 150 where it finds us too fast.
# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
# https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#pause-between-mutative-requests
PACING = Pacing(
    budgets=(
        Budget("points", 800, 60, {Cost.READ: 1, Cost.WRITE: 5, Cost.CREATE: 5}, burst=100),
        Budget("requests", 4_800, 3_600, {Cost.READ: 1, Cost.WRITE: 1, Cost.CREATE: 1}, burst=200),
        Budget("writes", 60, 60, {Cost.READ: 0, Cost.WRITE: 1, Cost.CREATE: 1}, burst=5),
        Budget("creations_minute", 70, 60, {Cost.READ: 0, Cost.WRITE: 0, Cost.CREATE: 1}, burst=10),
    ),
    in_flight=IN_FLIGHT,
    fewest_creations=150,
    most_creations=450,
    creation_burst=20,
)

PAUSE = timedelta(seconds=60)
"""How long to wait where GitHub limits us without saying for how long: at least a minute, by its own words.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
"""
LONGEST_PAUSE = timedelta(days=1)

_LIMIT_WORDS = ("rate limit", "abuse detection")


def is_limit(answer: Answer) -> bool:
    """Says whether an answer puts a call off, and not down."""
    if answer.status == 429:
        return True
    if answer.status != 403:
        return False
    says_so = any(words in answer.message for words in _LIMIT_WORDS)
    return "retry-after" in answer.headers or _is_used_up(answer) or says_so


def limited(call: Call, answer: Answer, *, now: datetime) -> TrackerError:
    """Returns the error for a call that was put off; the account's quota has a known end, the other limits mean we were too fast."""
    return answer.error(
        Failure.LIMITED,
        f"GitHub limits our calls, and put off the one to {call}. It is made again by itself.",
        code="rate_limited",
        retry_at=_retry_at(answer.headers, now),
        hourly=_is_used_up(answer),
    )


def _is_used_up(answer: Answer) -> bool:
    return answer.headers.get("x-ratelimit-remaining") == "0"


def read_quota(answer: Answer, *, now: datetime) -> Quota | None:
    """Returns what an answer says of the account's limit of REST calls; None where it says nothing of it."""
    headers = answer.headers
    limit, remaining, reset = (headers.get(f"x-ratelimit-{name}", "")[:12] for name in ("limit", "remaining", "reset"))
    is_other = headers.get("x-ratelimit-resource", "core") != "core"
    if is_other or not (limit.isdecimal() and remaining.isdecimal() and reset.isdecimal()):
        return None
    server_now = _http_date(headers.get("date")) or now
    return Quota(int(limit), int(remaining), now + _seconds(reset, less=server_now.timestamp()))


def _retry_at(headers: Mapping[str, str], now: datetime) -> datetime:
    """Returns when the limit ends by our clock; the server's instants are taken relative to its own `Date`."""
    after, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    server_now = _http_date(headers.get("date")) or now
    until = _http_date(after)
    if after.isdecimal():
        pause = _seconds(after)
    elif until is not None:
        pause = until - server_now
    elif headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        pause = _seconds(reset, less=server_now.timestamp())
    else:
        pause = PAUSE
    return now + max(timedelta(seconds=1), min(pause, LONGEST_PAUSE))


def _seconds(text: str, *, less: float = 0) -> timedelta:
    return timedelta(seconds=min(int(text[:12]) - less, LONGEST_PAUSE.total_seconds()))


def _http_date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found
