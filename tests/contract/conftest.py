"""Prism stands between PyGithub, the adapter and the sandbox, and notes what breaks GitHub's own description, either way."""

import json
import logging
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import github
import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.trackers.contract import Draft, Field, Fields, Place, Project
from domain.trackers.github import GitHubAdapter
from sandbox.github_process import RunningGithub, start_github
from tests.contract.description import API_PATH, UNDESCRIBED, as_served
from tests.sandbox.github_peers import connect

HERE = Path(__file__).parent
DESCRIPTION = HERE.parents[2] / "shared" / "data" / "openapi" / "github-issues.31.json"
KEEP_REDIRECTS = HERE / "keep_redirects.cjs"
PRISM = HERE / "node_modules" / ".bin" / "prism"
APP_ID = 4711
START_SECONDS = 60
PREFIX = "ft/"
ADAPTER = "followthrough"  # as it names itself to GitHub
NO_ROUTE = "Selected route not found"  # Prism's words for what the description doesn't know


@dataclass
class Proxy:
    """Where PyGithub is to go, and what came back: (verb, path, status) of each call, and each violation.

    `adapter_calls` are those among them that the product's adapter made.
    """

    base_url: str
    sandbox: RunningGithub
    app_key: str
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    adapter_calls: list[tuple[str, str, int]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class Witness(logging.Handler):
    """Reads every answer from PyGithub's own log, which has its headers."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(logging.DEBUG)
        self._proxy = proxy

    def emit(self, record: logging.LogRecord) -> None:
        if not isinstance(record.args, tuple) or len(record.args) != 9:
            return  # another of its lines
        verb, _, _, url, sent, _, status, headers, _ = record.args
        call = (str(verb), str(url), int(str(status)))
        self._proxy.calls.append(call)
        if isinstance(sent, dict) and sent.get("User-Agent") == ADAPTER:
            self._proxy.adapter_calls.append(call)
        violations = headers.get("sl-violations") if isinstance(headers, dict) else None
        if violations and not (UNDESCRIBED.fullmatch(str(url).partition("?")[0]) and _is_unrouted(violations)):
            self._proxy.violations.append(f"{verb} {url} → {status}: {violations}")


def _is_unrouted(violations: str) -> bool:
    return [violation["message"] for violation in json.loads(violations)] == [NO_ROUTE]


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    _require_prism()
    folder = tmp_path_factory.mktemp("contract")
    document, port = folder / "github.json", _free_port()
    document.write_text(json.dumps(as_served(json.loads(DESCRIPTION.read_text()))))
    key = rsa.generate_private_key(65_537, 2048)
    sandbox = start_github(public_url=f"http://127.0.0.1:{port}", app=(APP_ID, _public_key(key, folder / "public.pem")))
    command = ["node", "--require", str(KEEP_REDIRECTS), str(PRISM), "proxy", str(document), sandbox.page_url]
    command += ["--port", str(port), "--verboseLevel", "error"]
    with (folder / "prism.log").open("wb") as log:
        prism = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_for(port, prism, folder / "prism.log")
        yield Proxy(f"http://127.0.0.1:{port}{API_PATH}", sandbox, _private_key(key))
    finally:
        prism.terminate()
        prism.wait()
        sandbox.stop()


def _require_prism() -> None:
    if not DESCRIPTION.exists():
        pytest.skip(f"GitHub's description is not here: {DESCRIPTION}")
    if shutil.which("node") is None:
        pytest.skip("Prism needs Node.js 20 or newer, which is not installed")
    if not PRISM.exists():
        pytest.skip(f"Prism is not installed: run `npm ci` in {HERE}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _public_key(key: rsa.RSAPrivateKey, path: Path) -> Path:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    return path


def _private_key(key: rsa.RSAPrivateKey) -> str:
    kind, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, none).decode()


def _wait_for(port: int, prism: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and prism.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"Prism did not start: {log.read_text()}")


@pytest.fixture(autouse=True)
def witness(proxy: Proxy) -> Iterator[None]:
    """Fail the test whose calls or answers break the description."""
    logger, handler = logging.getLogger("github.Requester"), Witness(proxy)
    level, logger.level = logger.level, logging.DEBUG
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    logger.level = level
    found, proxy.violations = proxy.violations, []
    assert found == []


@pytest.fixture
def client(proxy: Proxy) -> Iterator[github.Github]:
    with connect(proxy.sandbox, base_url=proxy.base_url) as client:
        yield client


@pytest.fixture
def adapter(proxy: Proxy) -> Iterator[GitHubAdapter]:
    """The product's adapter with a personal token."""
    adapter = GitHubAdapter(base_url=proxy.base_url, credentials={"token": proxy.sandbox.token}, timeout_seconds=10)
    yield adapter
    adapter.close()


@pytest.fixture
def place(proxy: Proxy) -> Place:
    """The repository of all tests, without native fields."""
    return Place(str(proxy.sandbox.repository_id), PREFIX)


@pytest.fixture
async def steer(proxy: Proxy) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the sandbox's control endpoints, past the proxy; any answer that is not a success is an error."""

    async def succeed(answer: httpx.Response) -> None:
        answer.raise_for_status()

    hooks = {"response": [succeed]}
    async with httpx.AsyncClient(base_url=f"{proxy.sandbox.page_url}/_sandbox", event_hooks=hooks, trust_env=False) as client:
        yield client


async def add_repository(steer: httpx.AsyncClient, full_name: str) -> Place:
    """Add a repository that a test may do with as it likes."""
    added = (await steer.post("/repositories", json={"full_name": full_name})).json()
    return Place(str(added["id"]), PREFIX)


def drafted(*, issue_type: str | None = None, **fields: Any) -> Draft:
    """Return an issue to be made, with these fields beside the usual."""
    filled: Fields = {Field.TITLE: "Rotate the key", Field.BODY: "Do it.", Field.LABELS: ["p1", "security"]}
    return Draft(uuid4(), filled | {Field(name): value for name, value in fields.items()}, issue_type)


def native_place(project: Project) -> Place:
    """Return a project as a place whose native fields are written."""
    return Place(project.remote_id, PREFIX, project.native)
