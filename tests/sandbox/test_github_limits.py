"""GitHub's limits, enforced by the sandbox with a factor that makes them small."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import github
import httpx
import pytest
from github.Repository import Repository

from sandbox.github_limits import Limits, Refusal
from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import connect


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github(limits_factor=10)
    yield running
    running.stop()


def _enforce(steer: httpx.Client, factor: float) -> None:
    steer.put("/limits", json={"enforced": True, "factor": factor})


def _counted(steer: httpx.Client, running: RunningGithub) -> dict[str, Any]:
    return dict(steer.get("/limits").json()["logins"][running.login])


def test_factor_given_at_the_start_holds(steer: httpx.Client, raw: httpx.Client) -> None:
    assert steer.get("/limits").json()["enforced"]
    assert raw.get("").headers["x-ratelimit-limit"] == "50000"


def test_primary_limit_is_shown_and_refuses_for_the_hour(steer: httpx.Client, raw: httpx.Client) -> None:
    steer.put("/limits", json={"enforced": False, "factor": 0.002})
    answers = [raw.get("") for _ in range(11)]
    assert answers[0].headers["x-ratelimit-remaining"] == "9"
    assert answers[-1].headers["x-ratelimit-remaining"] == "0"
    assert int(answers[0].headers["x-ratelimit-reset"]) - time.time() > 3_500

    limits = Limits(0.002)  # over HTTP the points are spent sooner
    assert [limits.admit("x", points=0, creates=False, primary=1) for _ in range(10)] == [None] * 10
    assert limits.admit("x", points=0, creates=False, primary=1) == Refusal("primary")
    limits.give_back("x", 1)
    assert limits.admit("x", points=0, creates=False, primary=1) is None


def test_304_costs_a_point_and_no_request(steer: httpx.Client, raw: httpx.Client, running: RunningGithub) -> None:
    _enforce(steer, 1)
    tag = raw.get("").headers["etag"]
    for _ in range(5):
        assert raw.get("", headers={"if-none-match": tag}).status_code == 304

    counted = _counted(steer, running)
    assert (counted["requests"], counted["points"]) == (1, 6)


def test_writes_cost_five_points_until_the_minute_is_full(steer: httpx.Client, raw: httpx.Client, running: RunningGithub) -> None:
    number = raw.post("/issues", json={"title": "Written often"}).json()["number"]
    _enforce(steer, 0.1)  # 90 points a minute
    answers = [raw.patch(f"/issues/{number}", json={"title": f"{count}"}).status_code for count in range(18)]
    assert answers == [200] * 18

    refused = raw.get(f"/issues/{number}")
    assert refused.status_code == 403
    assert "secondary rate limit" in refused.json()["message"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    counted = _counted(steer, running)
    assert counted["limits"]["points"]["share"] == 1
    assert counted["refused"]["points"] == 1


def test_creations_are_limited_by_the_minute_and_the_hour(steer: httpx.Client, repository: Repository, running: RunningGithub) -> None:
    _enforce(steer, 0.05)  # 4 a minute, 250 requests an hour, 45 points a minute
    issue = repository.create_issue("One")
    issue.create_comment("Two")
    for title in ("Three", "Four"):
        repository.create_issue(title)

    with pytest.raises(github.RateLimitExceededException) as refused:
        repository.create_issue("Five")
    assert int((refused.value.headers or {})["retry-after"]) > 30
    counted = _counted(steer, running)
    assert (counted["creations"], counted["refused"]["creations_a_minute"]) == (4, 1)


def test_hundred_calls_at_once_are_let_in_and_no_more(steer: httpx.Client, raw: httpx.Client, running: RunningGithub) -> None:
    _enforce(steer, 10)
    steer.post("/faults", json={"operation": "get_repository", "action": "hang", "seconds": 60, "times": 100})
    path = f"/api/v3/repositories/{running.repository_id}"
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {running.token}\r\n\r\n".encode()
    with ExitStack() as waiting:
        for _ in range(100):
            connection = waiting.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            connection.sendall(request)
        _wait_until_concurrent(steer, running, 100)
        refused = raw.get("")

    assert (refused.status_code, refused.headers["retry-after"]) == (403, "60")
    counted = _counted(steer, running)
    assert (counted["max_concurrent"], counted["refused"]["concurrent"]) == (100, 1)


def _wait_until_concurrent(steer: httpx.Client, running: RunningGithub, count: int) -> None:
    deadline = time.monotonic() + 10
    while steer.get("/limits").json()["logins"].get(running.login, {}).get("max_concurrent") != count:
        assert time.monotonic() < deadline, f"never {count} calls at once"
        time.sleep(0.02)


def test_each_login_has_its_own_limits(steer: httpx.Client, running: RunningGithub) -> None:
    _enforce(steer, 1)
    with connect(running) as client, connect(running, auth=github.Auth.Token("wrong")) as stranger:
        client.get_user().login  # noqa: B018 - the user is fetched when it is read
        with pytest.raises(github.BadCredentialsException):
            stranger.get_user().login  # noqa: B018 - likewise
    logins = steer.get("/limits").json()["logins"]
    assert {name: counts["requests"] for name, counts in logins.items()} == {running.login: 1, "anonymous": 1}


def test_limit_that_is_not_enforced_is_counted_alone(steer: httpx.Client, raw: httpx.Client, running: RunningGithub) -> None:
    steer.put("/limits", json={"enforced": False, "factor": 0.01})
    assert {raw.get("").status_code for _ in range(20)} == {200}
    assert sum(_counted(steer, running)["refused"].values()) == 0
