"""The GitHub adapter in front of a scripted server, and GitHub's documents."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from domain.trackers.github import GitHubAdapter
from tests.domain.trackers.loopback import Behaviour, Loopback, serving

TOKEN = "ghp_0123456789"


@contextlib.contextmanager
def scripted(*script: Behaviour, prefix: str = "") -> Iterator[tuple[GitHubAdapter, Loopback]]:
    """Give an adapter and its server; `prefix` is the path of the API's address."""
    with serving(*script) as server:
        base_url = f"http://127.0.0.1:{server.port}{prefix}"
        adapter = GitHubAdapter(base_url=base_url, credentials={"token": TOKEN}, timeout_seconds=2)
        try:
            yield adapter, server
        finally:
            adapter.close()


def asked(server: Loopback) -> list[str]:
    """Return what was asked for, as `GET /path?query`; PyGithub sorts the query by its names."""
    return [" ".join(request.decode().split(" ")[:2]) for request in server.requests]


def sent(server: Loopback, place: int = -1) -> Any:
    """Return the document that a request carried."""
    return json.loads(server.requests[place].partition(b"\r\n\r\n")[2])


def issue_document(number: int = 12, **changes: Any) -> dict[str, Any]:
    return {
        "number": number,
        "node_id": f"I_{number}",
        "html_url": f"https://github.com/acme/checkout/issues/{number}",
        "title": "Rotate the key",
        "state": "open",
        "created_at": "2026-03-01T09:00:00Z",
        "updated_at": "2026-03-02T09:00:00Z",
        "user": {"login": "Mona", "id": 1, "site_admin": False},
    } | changes


def comment_document(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "html_url": f"https://github.com/acme/checkout/issues/12#issuecomment-{number}",
        "user": {"login": "Mona"},
        "created_at": "2026-03-02T09:00:00Z",
        "updated_at": "2026-03-02T09:00:00Z",
        "body": "Looks good.",
    } | changes
