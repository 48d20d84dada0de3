"""What a tracker and its projects take, and what they refuse by name."""

from typing import Any

import pytest

from tests.api.problems import places_of
from tests.people_and_places import TRACKER_ID, World


@pytest.mark.parametrize(
    "base_url",
    [
        "http://[::1",
        "https://example.com:99999",
        "http://x:abc",
        "https://example.com:0",
        "https://[::ffff:10.0.0.1]",
        "https://[64:ff9b::7f00:1]",
    ],
)
async def test_address_that_cannot_be_so_is_named(routed: World, base_url: str) -> None:
    body: dict[str, Any] = {"name": "New", "base_url": base_url, "credentials": {"token": "ghp_a"}}
    assert list(places_of(await routed.admin.post("/v1/trackers", json=body), 422)) == ["/base_url"]
    changed = await routed.admin.patch(f"/v1/trackers/{TRACKER_ID}", json={"base_url": base_url})
    assert list(places_of(changed, 422)) == ["/base_url"]
    assert await routed.sql.fetchval("SELECT count(*) FROM trackers WHERE base_url <> 'https://api.github.com'") == 0


@pytest.mark.parametrize("base_url", ["https://example.com:99999", "http://x:abc"])
async def test_stored_address_that_cannot_be_so_is_no_bug(routed: World, base_url: str) -> None:
    await routed.sql.execute("UPDATE trackers SET base_url = $1", base_url)
    answer = await routed.admin.post(f"/v1/trackers/{TRACKER_ID}/projects", json={"key": "acme/shop"})
    assert list(places_of(answer, 422)) == ["/base_url"]


@pytest.mark.parametrize(
    "key",
    [
        "acme/..",
        "acme/.",
        "../shop",
        "./shop",
        "..",
        "acme",
        "acme/",
        "/shop",
        "a/b/c",
        "0",
        "007",
        "1" * 20,
        "acme/shop\n",
        "acme/sh op",
        "-1",
        "",
    ],
)
async def test_project_that_cannot_be_one_is_named(routed: World, key: str) -> None:
    answer = await routed.admin.post(f"/v1/trackers/{TRACKER_ID}/projects", json={"key": key})
    assert list(places_of(answer, 422)) == ["/key"]


@pytest.mark.parametrize("token", ["", "a\r\nX-Admin: yes", "ghp_a\n", "ghp a", "ghp_\x7f", "ghp_\u00fc", "ghp_\x1b[0m"])
async def test_token_that_no_header_can_hold_is_named(routed: World, token: str) -> None:
    body: dict[str, Any] = {"name": "New", "base_url": "https://8.8.8.8", "credentials": {"token": token}}
    assert list(places_of(await routed.admin.post("/v1/trackers", json=body), 422)) == ["/credentials/token"]
    changed = await routed.admin.patch(f"/v1/trackers/{TRACKER_ID}", json={"credentials": {"token": token}})
    assert list(places_of(changed, 422)) == ["/credentials/token"]


async def test_private_key_keeps_its_lines(routed: World) -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nabc\r\ndef\n-----END RSA PRIVATE KEY-----\n"
    body = {"name": "New", "base_url": "https://8.8.8.8", "credentials": {"app_id": "1", "private_key": key}}
    assert (await routed.admin.post("/v1/trackers", json=body)).status_code == 201
