"""An App with its key and its installation's tokens, against the sandbox GitHub."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import github
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import connect

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
