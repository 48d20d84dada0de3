"""The GitHub adapter as an App in front of a scripted server."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.trackers.github import GitHubAdapter
from tests.domain.trackers.loopback import Behaviour, Loopback, answering, serving

HOUR = timedelta(hours=1)


def pem_of(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def issued(token: str, lifetime: timedelta = HOUR) -> Behaviour:
    """Answer with a token of an installation's."""
    return answering(201, {"token": token, "expires_at": (datetime.now(UTC) + lifetime).isoformat()})


@contextlib.contextmanager
def app_of(pem: str, *script: Behaviour, installation: str = "") -> Iterator[tuple[GitHubAdapter, Loopback]]:
    """Give an App's adapter and its scripted server."""
    with serving(*script) as server:
        credentials = {"app_id": "1", "private_key": pem, "installation_id": installation}
        adapter = GitHubAdapter(base_url=f"http://127.0.0.1:{server.port}", credentials=credentials, timeout_seconds=2)
        try:
            yield adapter, server
        finally:
            adapter.close()
