"""What must be so once everything has come to rest, read from the database and the sandbox GitHub: no code of the sync is asked."""

import json
import time
from collections import defaultdict
from typing import Any
from uuid import UUID

import httpx

from domain.trackers.github_body import canonical, read_marker, read_region
from sandbox.github_process import RunningGithub
from sandbox.postgres import psql

Row = dict[str, Any]
REST_SECONDS = 40
ENDED = ("gone", "detached")
FIELDS_OF_ALL = ("title", "body", "status", "labels", "assignee")

LINKS = """
    SELECT link.*, project.remote_id AS project_remote_id, to_jsonb(task) AS task, lower(owner.github_login) AS login
    FROM issue_links link JOIN tracker_projects project ON project.id = link.tracker_project_id
    JOIN tasks task ON task.id = link.task_id LEFT JOIN people owner ON owner.id = task.owner_id ORDER BY link.id
"""
OPEN_ATTEMPTS = "SELECT id, link_id, operation, started_at FROM sync_attempts WHERE outcome IS NULL"
WAITING_WEBHOOKS = """
    SELECT entry.delivery_id, entry.event, link.remote_key FROM webhook_inbox entry
    JOIN tracker_projects project ON (project.tracker_id, project.remote_id) = (entry.tracker_id, entry.project_remote_id)
    JOIN issue_links link ON (link.tracker_project_id, link.remote_id) = (project.id, entry.remote_id)
    WHERE entry.processed_at IS NULL AND entry.ignored IS NULL AND link.state NOT IN ('gone', 'detached')
"""
OPEN_POSTS = "SELECT id, link_id, state, note FROM comment_posts WHERE state IN ('waiting', 'sending', 'unknown')"


def wait_until_at_rest(database_url: str, github: RunningGithub, *, seconds: float = REST_SECONDS, duplicates_healed: bool = False) -> None:
    """Waits until all is at rest; raises the AssertionError that says what is not, when that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            assert_at_rest(database_url, github, duplicates_healed=duplicates_healed)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def assert_at_rest(database_url: str, github: RunningGithub, *, duplicates_healed: bool = False) -> None:
    """Asserts that nothing is due, that each link has exactly one live issue, and that task, base and issue hold the same.

    With `duplicates_healed` an issue that was closed as a duplicate doesn't count; without, there must not have been any. The calls
    that this makes to the sandbox are in its log too.
    """
    links = rows(database_url, LINKS)
    wrong = [text for link in links for text in _restless(link)]
    wrong += [f"an attempt has no outcome: {attempt}" for attempt in rows(database_url, OPEN_ATTEMPTS)]
    wrong += [f"a webhook waits: {entry}" for entry in rows(database_url, WAITING_WEBHOOKS)]
    wrong += [f"a comment is under way: {post}" for post in rows(database_url, OPEN_POSTS)]
    assert not wrong, "not at rest:\n" + "\n".join(wrong)
    for project in sorted({link["project_remote_id"] for link in links}):
        ours = [link for link in links if link["project_remote_id"] == project and link["state"] not in ENDED]
        issues = [issue for issue in all_issues(github, project) if not (duplicates_healed and is_duplicate(issue))]
        wrong += _miscounted(ours, issues)
        by_number = {str(issue["number"]): issue for issue in issues}
        wrong += [text for link in ours if link["remote_id"] in by_number for text in differences(link, by_number[link["remote_id"]])]
    assert not wrong, "at rest, but not the same:\n" + "\n".join(wrong)


def _restless(link: Row) -> list[str]:
    wrong = []
    if link["state"] not in ("linked", *ENDED):
        wrong.append(f"the link is {link['state']}: {link['error_code']} {link['error_text']}")
    if link["due_at"] is not None or link["lease_until"] is not None:
        wrong.append(f"the link is {link['state']} and due at {link['due_at']}, leased until {link['lease_until']}: {link['error_text']}")
    if link["state"] == "linked" and link["pushed_version"] != link["desired_version"]:
        wrong.append(f"version {link['desired_version']} is wanted, {link['pushed_version']} was pushed")
    return [f"{link['id']} ({link['remote_key']}): {text}" for text in wrong]


def _miscounted(links: list[Row], issues: list[Row]) -> list[str]:
    numbers: dict[UUID, list[int]] = defaultdict(list)
    for issue in issues:
        if (marker := read_marker(issue["body"])) is not None:
            numbers[marker].append(issue["number"])
    known = {UUID(link["marker"]): link["remote_id"] for link in links}
    wrong = [
        f"the marker of link issue {number} is in the issues {numbers[marker]}"
        for marker, number in known.items()
        if numbers[marker] != [int(number)]
    ]
    return wrong + [f"the issues {found} carry the marker of no live link" for marker, found in numbers.items() if marker not in known]


def differences(link: Row, issue: Row) -> list[str]:
    """Tells where a link's task, base and issue differ; a field that the tracker did not take (a note says so) may."""
    base, seen, wanted = link["base"], link["local"], _task_fields(link)
    there = _issue_fields(issue, prefix=link["label_prefix"], assignee=base.get("assignee"))
    taken = [field for field in FIELDS_OF_ALL if field not in link["notes"]]
    wrong = [f"{field}: base {base.get(field)!r}, issue {there[field]!r}" for field in taken if base.get(field) != there[field]]
    wrong += [
        f"{field}: base {base.get(field)!r}, task {wanted[field]!r}"
        for field in wanted
        if field in taken and base.get(field) != wanted[field]
    ]
    if "body" in taken and base.get("body") != seen.get("body"):
        wrong.append(f"body: base {base.get('body')!r}, last rendered {seen.get('body')!r}")
    return [f"{link['remote_key']}: {text}" for text in wrong]


def _task_fields(link: Row) -> Row:
    """What the task says; its body is put together by the sync, which keeps the last one on the link."""
    task = link["task"]
    status = "cancelled" if task["deleted_at"] else task["status"]
    fields = {
        "title": " ".join(task["title"].split()),
        "status": status if status in ("done", "cancelled") else "open",
        "labels": sorted({label.strip().lower() for label in task["labels"]}),
    }
    return fields if task["owner_id"] and not link["login"] else fields | {"assignee": link["login"]}


def _issue_fields(issue: Row, *, prefix: str, assignee: str | None) -> Row:
    """What the issue shows; of those assigned the one that counts, if it is among them."""
    names = [label["name"].lower() for label in issue["labels"]]
    logins = [person["login"].lower() for person in issue["assignees"]]
    closed = "cancelled" if issue["state_reason"] in ("not_planned", "duplicate") else "done"
    region = read_region(issue["body"])
    return {
        "title": " ".join(issue["title"].split()),
        "body": None if region is None else canonical(region),
        "status": closed if issue["state"] == "closed" else "open",
        "labels": sorted({name.removeprefix(prefix) for name in names if name.startswith(prefix)}),
        "assignee": assignee if assignee in logins else (logins[0] if logins else None),
    }


def is_duplicate(issue: Row) -> bool:
    """Tells whether an issue was closed as a duplicate of another."""
    return bool(issue["state"] == "closed" and issue["state_reason"] == "duplicate")


def all_issues(github: RunningGithub, project_remote_id: str) -> list[Row]:
    """Reads all issues of a repository with their bodies, open and closed."""
    issues: list[Row] = []
    url, headers = f"{github.base_url}/repositories/{project_remote_id}/issues", {"Authorization": f"Bearer {github.token}"}
    with httpx.Client(headers=headers, trust_env=False) as client:
        for page in range(1, 10_000):
            answer = client.get(url, params={"state": "all", "per_page": 100, "page": page, "sort": "created", "direction": "asc"})
            found = answer.raise_for_status().json()
            issues += [issue for issue in found if "pull_request" not in issue]
            if len(found) < 100:
                break
    return issues


def rows(database_url: str, query: str) -> list[Row]:
    """Reads rows, each as PostgreSQL renders it as JSON."""
    found: list[Row] = json.loads(psql(database_url, f"SELECT coalesce(json_agg(found), '[]') FROM ({query.strip()}) AS found;"))
    return found
