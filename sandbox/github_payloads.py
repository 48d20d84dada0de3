"""The JSON documents of the sandbox GitHub's webhooks: payloads of events, hooks and their deliveries."""

from typing import Any

import msgspec

from sandbox.github_documents import (
    Site,
    comment_document,
    issue_document,
    label_document,
    repository_document,
    user_document,
)
from sandbox.github_issues import Announcement, Office
from sandbox.github_nodes import node_id
from sandbox.github_records import Delivery, Hook, Issue, Repository
from sandbox.github_state import State


def issue_payload(announcement: Announcement, issue: Issue, *, office: Office, site: Site) -> dict[str, Any]:
    """Write the payload of an event about an issue."""
    state, repository = office.state, office.repository
    payload: dict[str, Any] = {
        "action": announcement.action,
        "issue": issue_document(issue, repository=repository, state=state, site=site),
    }
    if announcement.comment is not None:
        payload["comment"] = comment_document(announcement.comment, repository=repository, state=state, site=site)
    if announcement.label is not None:
        payload["label"] = label_document(announcement.label, repository=repository, site=site)
    if announcement.assignee is not None:
        payload["assignee"] = user_document(state.account(announcement.assignee), site=site)
    return payload | announcement.more | _surroundings(repository, office.login, state=state, site=site)


def ping_payload(hook: Hook, repository: Repository, login: str, *, state: State, site: Site) -> dict[str, Any]:
    """Write the payload of a ping."""
    return {
        "zen": "A small step today beats a plan for tomorrow.",
        "hook_id": hook.id,
        "hook": hook_document(hook, repository=repository, site=site),
    } | _surroundings(repository, login, state=state, site=site)


def _surroundings(repository: Repository, login: str, *, state: State, site: Site) -> dict[str, Any]:
    owner = state.account(repository.owner)
    return {
        "repository": repository_document(repository, state=state, site=site),
        "organization": {
            "login": owner.login,
            "id": owner.id,
            "node_id": node_id(owner.type, owner.id),
            "url": f"{site.api}/orgs/{owner.login}",
            "repos_url": f"{site.api}/orgs/{owner.login}/repos",
            "description": None,
        },
        "sender": user_document(state.account(login), site=site),
    }


def hook_document(hook: Hook, *, repository: Repository, site: Site) -> dict[str, Any]:
    """Write a hook; its secret stays hidden."""
    url = f"{site.repository(repository)}/hooks/{hook.id}"
    config = {"url": hook.url, "content_type": hook.content_type, "insecure_ssl": hook.insecure_ssl}
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": hook.events,
        "config": config | ({"secret": "********"} if hook.secret else {}),
        "updated_at": hook.updated_at,
        "created_at": hook.created_at,
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": {"code": hook.last_code, "status": hook.last_status, "message": hook.last_message},
    }


def delivery_document(delivery: Delivery, *, whole: bool, url: str) -> dict[str, Any]:
    """Write a delivery, `whole` with what was sent to `url` and what came back."""
    document = {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": delivery.delivered_at,
        "redelivery": delivery.redelivery,
        "duration": delivery.duration,
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": None,
        "repository_id": delivery.repository_id,
        "throttled_at": None,
    }
    if not whole:
        return document
    json_sent = delivery.request_headers["Content-Type"] == "application/json"
    payload = msgspec.json.decode(delivery.body) if json_sent else None
    return {
        **document,
        "url": url,
        "request": {"headers": delivery.request_headers, "payload": payload},
        "response": {"headers": delivery.response_headers, "payload": delivery.response_body},
    }
