"""What is seen of a request: its id, its figures, and log lines that hold no secret."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from domain.settings import Settings
from sandbox.migrations import ROOT
from tests.people_and_places import BOOTSTRAP_TOKEN, NOBODY, World, settings_for

CREDENTIAL, KEY_TEXT = "ghp_the_credential_of_a_tracker", "the-private-key-of-an-app"


@pytest.mark.parametrize("given", ["a", "from-the-caller:1.2_3", "A" * 100])
async def test_request_id_of_the_caller_is_kept(world: World, given: str) -> None:
    for path in ("/v1/tasks", "/v1/nothing", "/health/live"):
        assert (await world.reader.get(path, headers={"X-Request-Id": given})).headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", ["", "a b", "A" * 101, "ü", 'a"b', "a\tb"])
async def test_request_without_a_good_id_gets_a_new_one(world: World, given: str) -> None:
    answer = await world.reader.get("/v1/tasks", headers=[(b"x-request-id", given.encode())])
    assert UUID(answer.headers["x-request-id"]).version == 7


async def test_figures_count_requests_by_route_not_by_address(world: World) -> None:
    await world.reader.get(f"/v1/tasks/{NOBODY}")
    await world.reader.get("/v1/nothing/of/this/kind")
    text = (await world.stranger.get("/metrics")).text
    assert 'followthrough_http_requests_total{method="GET",route="/v1/tasks/{task_id}",status="404"}' in text.replace(":uuid", "")
    assert "of/this/kind" not in text
    assert str(NOBODY) not in text


async def test_no_line_of_the_log_holds_a_secret_and_every_line_of_a_request_its_id(fresh_database: str, redis_url: str) -> None:
    settings = settings_for(fresh_database, redis_url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | _environment(settings, port)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        token = await _use(f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    text = output.decode()
    for secret in (token, BOOTSTRAP_TOKEN, CREDENTIAL, KEY_TEXT, settings.secret_keys[0]):
        assert secret not in text
    lines = [json.loads(line) for line in text.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests if line["request_id"] == "the-import"] == [201]
    assert len(requests) == CALLS
    assert all(line["request_id"] for line in requests)
    assert {"timestamp", "level", "event"} <= set.intersection(*(set(line) for line in lines))


def _environment(settings: Settings, port: int) -> dict[str, str]:
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "PORT": str(port),
        "FOLLOWTHROUGH_SECRET_KEY": settings.secret_keys[0],
        "FOLLOWTHROUGH_BOOTSTRAP_TOKEN": BOOTSTRAP_TOKEN,
        "FOLLOWTHROUGH_LOG_LEVEL": "DEBUG",
    }


CALLS = 8


async def _use(base_url: str) -> str:
    """Makes calls that work and calls that fail, with secrets in all of them; gives the token that was made."""
    tracker: dict[str, Any] = {"name": "G", "credentials": {"token": CREDENTIAL}}
    async with httpx.AsyncClient(base_url=base_url, headers={"Authorization": f"Bearer {BOOTSTRAP_TOKEN}"}, trust_env=False) as client:
        await _wait(client)
        token = str((await client.post("/v1/tokens", json={"name": "tool", "scopes": ["read"]})).json()["token"])
        mine = {"Authorization": f"Bearer {token}"}
        headers = mine | {"Content-Type": "text/markdown"}
        assert (await client.post("/v1/postmortems/import", content="# A\n", headers=headers)).status_code == 403
        headers = {"Content-Type": "text/markdown", "X-Request-Id": "the-import"}
        assert (
            await client.post("/v1/postmortems/import", content="# A\n\n### Tasks:\n1. Do it now\n", headers=headers)
        ).status_code == 201
        assert (await client.post("/v1/trackers", json=tracker)).status_code in {201, 422}
        wrong = tracker | {"credentials": {"app_id": "1", "private_key": KEY_TEXT, "token": CREDENTIAL}}
        assert (await client.post("/v1/trackers", json=wrong)).status_code == 422
        assert (await client.get("/v1/tasks", headers={"Authorization": f"Bearer {token}x"})).status_code == 401
        assert (await client.get(f"/v1/tasks?token={token}", headers=mine)).status_code == 400
        assert (await client.post("/v1/tasks", content=_chunks(), headers={"Content-Type": "application/json"})).status_code == 413
    return token


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b"x" * 65_536


async def _wait(client: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            if (await client.get("/health/ready")).status_code == 200:
                return
        except httpx.TransportError:
            await asyncio.sleep(0.05)
    raise AssertionError("the API did not start")
