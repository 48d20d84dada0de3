"""Prism stands between PyGithub and the sandbox, and notes what breaks GitHub's own description, either way."""

import json
import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import github
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import connect

HERE = Path(__file__).parent
DESCRIPTION = HERE.parents[2] / "shared" / "data" / "openapi" / "github-issues.31.json"
PRISM = HERE / "node_modules" / ".bin" / "prism"
API_PATH = "/api/v3"
BY_NAME, BY_NUMBER = "/repos/{owner}/{repo}", "/repositories/{repository_id}"
APP_ID = 4711
START_SECONDS = 60


@dataclass
class Proxy:
    """Where PyGithub is to go, and what came back: (verb, path, status) of each call, and each violation."""

    base_url: str
    sandbox: RunningGithub
    app_key: str
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class Witness(logging.Handler):
    """Reads every answer from PyGithub's own log, which has its headers."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(logging.DEBUG)
        self._proxy = proxy

    def emit(self, record: logging.LogRecord) -> None:
        if not isinstance(record.args, tuple) or len(record.args) != 9:
            return  # another of its lines
        verb, _, _, url, _, _, status, headers, _ = record.args
        self._proxy.calls.append((str(verb), str(url), int(str(status))))
        if isinstance(headers, dict) and "sl-violations" in headers:
            self._proxy.violations.append(f"{verb} {url} → {status}: {headers['sl-violations']}")


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    _require_prism()
    folder = tmp_path_factory.mktemp("contract")
    document, port = folder / "github.json", _free_port()
    document.write_text(json.dumps(_as_served(json.loads(DESCRIPTION.read_text()))))
    key = rsa.generate_private_key(65_537, 2048)
    sandbox = start_github(public_url=f"http://127.0.0.1:{port}", app=(APP_ID, _public_key(key, folder / "public.pem")))
    command = [str(PRISM), "proxy", str(document), sandbox.page_url, "--port", str(port), "--verboseLevel", "error"]
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


def _as_served(description: dict[str, Any]) -> dict[str, Any]:
    """Put the description's paths where the sandbox has them, those of a repository under its number as well."""
    served = {}
    for path, calls in description["paths"].items():
        served[API_PATH + path] = calls
        if path.startswith(f"{BY_NAME}/"):
            served[API_PATH + path.replace(BY_NAME, BY_NUMBER)] = _by_number(calls)
    # Its list of installations wants an account that is a person and an enterprise at once; one alone is described well.
    listed = served[f"{API_PATH}/app/installations"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    listed["items"] = {"$ref": "#/components/schemas/installation"}
    return {**description, "paths": served, "servers": []}


def _by_number(calls: dict[str, Any]) -> dict[str, Any]:
    """Return the same calls with the repository's number in place of its owner and name."""
    number = {"name": "repository_id", "in": "path", "required": True, "schema": {"type": "integer"}}
    named = ("#/components/parameters/owner", "#/components/parameters/repo")
    changed = {}
    for verb, call in calls.items():
        rest = [parameter for parameter in call.get("parameters", []) if parameter.get("$ref") not in named]
        changed[verb] = {**call, "operationId": f"{call['operationId']}-by-number", "parameters": [number, *rest]}
    return changed


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
