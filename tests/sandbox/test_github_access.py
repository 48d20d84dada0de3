"""An App with its key and its installation's tokens, against the sandbox GitHub."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import github
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import SECRET, connect, receiving

APP_ID = 4711


@pytest.fixture(scope="module")
def private_key() -> str:
    return _pem(rsa.generate_private_key(65_537, 2048))


def _pem(key: rsa.RSAPrivateKey) -> str:
    kind, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, none).decode()


@pytest.fixture(scope="module")
def running(private_key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGithub]:
    public_key = tmp_path_factory.mktemp("app") / "public.pem"
    _write_public_key(private_key, public_key)
    running = start_github(app=(APP_ID, public_key))
    yield running
    running.stop()


def _write_public_key(private_key: str, path: Path) -> None:
    key = serialization.load_pem_private_key(private_key.encode(), None).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(key.public_bytes(serialization.Encoding.PEM, form))


@pytest.fixture
def integration(running: RunningGithub, private_key: str) -> Iterator[github.GithubIntegration]:
    with _integration(running, private_key) as integration:
        yield integration


def _integration(running: RunningGithub, private_key: str) -> github.GithubIntegration:
    auth = github.Auth.AppAuth(APP_ID, private_key)
    return github.GithubIntegration(
        auth=auth,
        base_url=running.base_url,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
        timeout=10,
    )


def test_installation_works_as_the_apps_bot(running: RunningGithub, integration: github.GithubIntegration) -> None:
    owner, name = running.repository.split("/")
    installation = integration.get_repo_installation(owner, name)
    token = integration.get_access_token(installation.id)

    assert timedelta(minutes=59) < token.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    with connect(running, auth=github.Auth.Token(token.token)) as client:
        issue = client.get_repo(running.repository_id).create_issue("From the App")
    assert (issue.user.login, issue.user.type) == ("followthrough[bot]", "Bot")


def test_pygithub_renews_the_token_by_itself(running: RunningGithub, private_key: str) -> None:
    with _integration(running, private_key) as integration:
        (installation,) = integration.get_installations()
    auth = github.Auth.AppAuth(APP_ID, private_key).get_installation_auth(installation.id)
    with connect(running, auth=auth) as client:
        assert client.get_repo(running.repository_id).create_issue("x").number


def test_installation_lists_its_repositories(running: RunningGithub, integration: github.GithubIntegration) -> None:
    (installation,) = integration.get_installations()

    assert integration.get_app_installation(installation.id).id == installation.id
    assert [row.full_name for row in installation.get_repos()] == [running.repository]
    assert integration.get_app().slug == "followthrough"


def test_installation_is_found_by_a_former_name(running: RunningGithub, integration: github.GithubIntegration, steer: httpx.Client) -> None:
    owner, name = running.repository.split("/")
    (installation,) = integration.get_installations()
    steer.post(f"/repositories/{running.repository}/rename", json={"to": "till"})
    found = integration.get_repo_installation(owner, name)
    steer.post(f"/repositories/{owner}/till/rename", json={"to": name})

    assert found.id == installation.id


def test_foreign_key_is_refused(running: RunningGithub) -> None:
    foreign_key = _pem(rsa.generate_private_key(65_537, 2048))
    with _integration(running, foreign_key) as integration, pytest.raises(github.GithubException) as refused:
        integration.get_app().slug  # noqa: B018 - the App is fetched when it is read
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"iss": "1"}, "issuer"),
        ({"exp": 3600}, "too far in the future"),
        ({"exp": -60}, "must be a numeric value in the future"),
    ],
)
def test_wrong_claims_are_refused(running: RunningGithub, private_key: str, claims: dict[str, str | int], message: str) -> None:
    now = int(time.time())
    lifetime = claims.pop("exp", 300)
    said = {"iss": str(APP_ID), "iat": now - 120, "exp": now + int(lifetime)} | claims
    auth = github.Auth.AppAuthToken(jwt.encode(said, private_key, "RS256"))
    with connect(running, auth=auth) as client, pytest.raises(github.GithubException, match=message):
        client.requester.requestJsonAndCheck("GET", "/app")


def test_suspended_and_removed_installation_lets_nobody_in(
    running: RunningGithub, integration: github.GithubIntegration, steer: httpx.Client
) -> None:
    owner, name = running.repository.split("/")
    (installation,) = integration.get_installations()
    token = integration.get_access_token(installation.id).token

    steer.post(f"/installations/{owner}", json={"state": "suspended"})
    assert _refusal(running, token) == (403, "This installation has been suspended")
    with pytest.raises(github.GithubException, match="suspended"):
        integration.get_access_token(installation.id)
    assert integration.get_app_installation(installation.id).suspended_at is not None
    steer.post(f"/installations/{owner}", json={"state": "removed"})
    assert _refusal(running, token) == (401, "Bad credentials")
    for gone in (lambda: integration.get_access_token(installation.id), lambda: integration.get_repo_installation(owner, name)):
        with pytest.raises(github.UnknownObjectException):
            gone()
    assert list(integration.get_installations()) == []
    steer.post(f"/installations/{owner}", json={"state": "active"})
    assert _refusal(running, token) is None


def test_tokens_of_installations_expire(running: RunningGithub, integration: github.GithubIntegration, steer: httpx.Client) -> None:
    (installation,) = integration.get_installations()
    token = integration.get_access_token(installation.id).token
    assert _refusal(running, token) is None

    steer.post("/tokens/expire")
    assert _refusal(running, token) == (401, "Bad credentials")
    assert _refusal(running, integration.get_access_token(installation.id).token) is None


def _refusal(running: RunningGithub, token: str) -> tuple[int, str] | None:
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.get(f"{running.base_url}/repositories/{running.repository_id}/issues", headers=headers, trust_env=False)
    return None if answer.status_code == 200 else (answer.status_code, answer.json()["message"])


def test_hook_of_the_app_hears_of_its_installations(
    running: RunningGithub, integration: github.GithubIntegration, steer: httpx.Client
) -> None:
    (installation,) = integration.get_installations()
    token = integration.get_access_token(installation.id).token
    with receiving() as receiver, connect(running, auth=github.Auth.Token(token)) as client:
        config = {"url": receiver.url, "content_type": "json", "secret": SECRET}
        steer.put("/app/hook", json={"config": config, "events": ["issues"]})
        client.get_repo(running.repository_id).create_issue("Heard by the App")
        received = receiver.take(1)["issues.opened"]
        assert received.is_signed_with(SECRET)
        assert received.payload["installation"]["id"] == installation.id
        assert received.headers["x-github-hook-installation-target-type"] == "integration"
        assert received.headers["x-github-hook-installation-target-id"] == str(APP_ID)
        (delivery,) = _deliveries(integration)
        integration.requester.requestJsonAndCheck("POST", f"/app/hook/deliveries/{delivery['id']}/attempts")
        assert receiver.take(1)["issues.opened"].raw == received.raw


def _deliveries(integration: github.GithubIntegration) -> list[dict[str, Any]]:
    """Wait until a delivery is recorded: that happens once its answer is there."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = integration.requester.requestJsonAndCheck("GET", "/app/hook/deliveries")[1]
        if found:
            return list(found)
        time.sleep(0.02)
    raise AssertionError("no delivery")
