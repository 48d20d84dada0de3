"""A call without an answer: whether it may have taken effect, on real sockets."""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.trackers.contract import Draft, Failure, Field, Place, TrackerError
from domain.trackers.github import GitHubAdapter
from tests.domain.trackers.loopback import (
    Behaviour,
    answering,
    dripping,
    hanging_up,
    resetting,
    response,
    saying_half,
    serving,
    silent,
)

PLACE = Place("42", "ft/")
DRAFT = Draft(uuid4(), {Field.TITLE: "Rotate the key"})
DOCUMENT = {
    "number": 7,
    "node_id": "I_7",
    "html_url": "https://github.com/o/r/issues/7",
    "title": "Rotate the key",
    "state": "open",
    "created_at": "2026-03-01T09:00:00Z",
    "updated_at": "2026-03-01T09:00:00Z",
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody trusts yet, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def failure_of(base_url: str, *, writes: bool, timeout_seconds: float = 2) -> TrackerError:
    adapter = GitHubAdapter(base_url=base_url, credentials={"token": "ghp_0123"}, timeout_seconds=timeout_seconds)
    with pytest.raises(TrackerError) as caught:
        await (adapter.create(PLACE, DRAFT) if writes else adapter.fetch(PLACE, "7"))
    adapter.close()
    assert "ghp_0123" not in caught.value.text
    assert caught.value.__suppress_context__
    return caught.value


async def test_refused_connection_is_definite(closed_port: int) -> None:
    error = await failure_of(f"http://127.0.0.1:{closed_port}", writes=True)
    assert (error.failure, error.code, error.calls) == (Failure.DEFINITE, "unreachable", 0)
    assert error.http_status is None


async def test_unknown_name_is_definite() -> None:
    error = await failure_of("http://github.invalid", writes=True, timeout_seconds=15)
    assert (error.failure, error.code, error.calls) == (Failure.DEFINITE, "unreachable", 0)


async def test_connecting_that_takes_too_long_is_definite() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # fill the backlog: further connections are never taken
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        error = await failure_of(f"http://127.0.0.1:{full.getsockname()[1]}", writes=True, timeout_seconds=0.6)
        for each in waiting:
            each.close()
    assert (error.failure, error.code, error.calls) == (Failure.DEFINITE, "unreachable", 0)


LOST: dict[str, Behaviour] = {
    "hung up": hanging_up,
    "reset": resetting,
    "silent": silent(1.5),
    "half an answer": saying_half(201, DOCUMENT),
    "no http": lambda talking: talking.sendall(b"220 smtp.example.org ESMTP\r\n"),
}


@pytest.mark.parametrize("behaviour", LOST)
@pytest.mark.parametrize("secure", [False, True])
async def test_lost_answer_leaves_a_write_open(
    behaviour: str, secure: bool, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(LOST[behaviour], tls=tls if secure else None) as server:
        url = f"{'https' if secure else 'http'}://127.0.0.1:{server.port}"
        error = await failure_of(url, writes=True, timeout_seconds=1)
        assert (error.failure, error.code, error.calls) == (Failure.AMBIGUOUS, "no_answer", 1)
        assert len(server.requests) == 1


@pytest.mark.parametrize("behaviour", ["hung up", "reset", "half an answer"])
async def test_lost_answer_to_a_read_is_definite(behaviour: str) -> None:
    with serving(LOST[behaviour]) as server:
        error = await failure_of(f"http://127.0.0.1:{server.port}", writes=False)
        assert (error.failure, error.code) == (Failure.DEFINITE, "unavailable")
        assert len(server.requests) == 1


@pytest.mark.parametrize("whole", [response(201, DOCUMENT), b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 500])
@pytest.mark.parametrize("secure", [False, True])
async def test_dripping_server_is_cut_off(
    whole: bytes, secure: bool, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    started = time.monotonic()
    with serving(dripping(whole, every_seconds=0.05), tls=tls if secure else None) as server:
        url = f"{'https' if secure else 'http'}://127.0.0.1:{server.port}"
        error = await failure_of(url, writes=True, timeout_seconds=0.5)
        assert time.monotonic() - started < 10  # the whole answer would take 25 s
    assert (error.failure, error.code) == (Failure.AMBIGUOUS, "no_answer")
    assert "in time" in error.text


async def test_accepted_read_is_not_asked_again_and_again() -> None:
    with serving(answering(202, {})) as server:
        error = await failure_of(f"http://127.0.0.1:{server.port}", writes=False)
        assert (error.failure, error.code) == (Failure.DEFINITE, "unavailable")
        assert len(server.requests) == 1


async def test_server_without_tls_is_definite() -> None:
    with serving(hanging_up) as server:
        error = await failure_of(f"https://127.0.0.1:{server.port}", writes=True, timeout_seconds=1)
    assert (error.failure, error.code, error.calls) == (Failure.DEFINITE, "unreachable", 0)


async def test_untrusted_certificate_is_definite(tls: ssl.SSLContext) -> None:
    with serving(answering(201, DOCUMENT), tls=tls) as server:
        error = await failure_of(f"https://127.0.0.1:{server.port}", writes=True)
        assert not server.requests
    assert (error.failure, error.code, error.calls) == (Failure.DEFINITE, "unreachable", 0)
    assert "certificate" in error.text


async def test_proxy_that_loses_the_answer_leaves_a_write_open(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(resetting) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        error = await failure_of("http://github.invalid", writes=True)
        assert len(proxy.requests) == 1
    assert (error.failure, error.code) == (Failure.AMBIGUOUS, "no_answer")


async def test_missing_proxy_is_definite(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("no_proxy", "")
    error = await failure_of("http://github.invalid", writes=True)
    assert (error.failure, error.code) == (Failure.DEFINITE, "unreachable")


async def test_call_over_tls_carries_token_and_version(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(answering(201, DOCUMENT), tls=tls) as server:
        adapter = GitHubAdapter(base_url=f"https://127.0.0.1:{server.port}/api/v3/", credentials={"token": "ghp_0123"}, timeout_seconds=2)
        receipt = await adapter.create(PLACE, DRAFT)
        adapter.close()
    assert receipt.issue.remote_id == "7"
    [request] = server.requests
    assert request.startswith(b"POST /api/v3/repositories/42/issues HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer ghp_0123\r\n" in request
    assert b"\r\nX-GitHub-Api-Version: 2022-11-28\r\n" in request
    assert b"\r\nAccept: application/vnd.github+json\r\n" in request
