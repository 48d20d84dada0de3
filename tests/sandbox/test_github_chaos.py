"""Random faults of the sandbox GitHub, as PyGithub and a receiver of webhooks meet them."""

from collections.abc import Iterator
from typing import Any

import github
import httpx
import pytest
import requests
from github.Repository import Repository

from sandbox.github_chaos import Chaos, ChaosRates
from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import WebhookReceiver, receiving


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
def chaos(steer: httpx.Client) -> Iterator[httpx.Client]:
    yield steer
    steer.delete("/chaos")


@pytest.fixture
def receiver(repository: Repository) -> Iterator[WebhookReceiver]:
    with receiving() as receiver:
        hook = repository.create_hook("web", {"url": receiver.url, "content_type": "json"}, ["issues"])
        receiver.take(1)
        yield receiver
        hook.delete()


def test_lost_answers_have_taken_effect(chaos: httpx.Client, repository: Repository) -> None:
    chaos.put("/chaos", json={"lost_after_commit": 1})
    with pytest.raises(requests.ConnectionError):
        repository.create_issue("Unheard of")

    assert chaos.delete("/chaos").json() == {"rates": None, "done": {"calls_lost_after_commit": 1}}
    assert repository.get_issues()[0].title == "Unheard of"


def test_server_errors_come_before_or_after_the_effect(chaos: httpx.Client, repository: Repository) -> None:
    before = repository.get_issues(state="all").totalCount
    chaos.put("/chaos", json={"seed": 1, "server_error": 1})
    for _ in range(20):
        with pytest.raises(github.GithubException) as failed:
            repository.create_issue("Maybe made")
        assert failed.value.status == 502

    done = chaos.delete("/chaos").json()["done"]
    assert done["calls_error_after_commit"] + done["calls_error_before_commit"] == 20
    assert 0 < done["calls_error_after_commit"] < 20
    assert repository.get_issues(state="all").totalCount == before + done["calls_error_after_commit"]


def test_dropped_webhooks_never_come(chaos: httpx.Client, repository: Repository, receiver: WebhookReceiver) -> None:
    chaos.put("/chaos", json={"webhooks_dropped": 1})
    repository.create_issue("Silent")
    chaos.delete("/chaos")
    repository.create_issue("Heard")

    assert receiver.take(1)["issues.opened"].payload["issue"]["title"] == "Heard"


def test_doubled_webhooks_have_one_id(chaos: httpx.Client, repository: Repository, receiver: WebhookReceiver) -> None:
    chaos.put("/chaos", json={"webhooks_doubled": 1})
    repository.create_issue("Twice")

    first, second = receiver.take(2).values()
    assert first.raw == second.raw
    assert first.headers["x-github-delivery"] == second.headers["x-github-delivery"]


def test_late_webhooks_are_overtaken(chaos: httpx.Client, repository: Repository, receiver: WebhookReceiver) -> None:
    chaos.put("/chaos", json={"webhooks_late": 1, "late_seconds": 1.5})
    repository.create_issue("First")
    chaos.delete("/chaos")
    repository.create_issue("Second")

    titles = [received.payload["issue"]["title"] for received in receiver.take(2).values()]
    assert titles == ["Second", "First"]


def test_same_seed_gives_the_same_faults() -> None:
    rates = ChaosRates(seed=7, server_error=0.3, lost_after_commit=0.3, webhooks_doubled=0.5)

    def drawn() -> list[Any]:
        chaos = Chaos()
        chaos.start(rates)
        return [(chaos.call_fate(), chaos.webhook_fate()) for _ in range(200)]

    assert drawn() == drawn()
    assert len(set(drawn())) > 4


@pytest.mark.parametrize("rates", [{"server_error": 2}, {"server_error": "often"}, {"rain": 1}, {"late_seconds": -1}])
def test_impossible_rates_are_refused(running: RunningGithub, rates: Any) -> None:
    assert httpx.put(f"{running.page_url}/_sandbox/chaos", json=rates, trust_env=False).status_code == 422
