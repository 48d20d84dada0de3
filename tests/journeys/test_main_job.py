"""The main job, as a user sees it: a document's tasks become issues, and a closed issue closes its task."""

import json
from pathlib import Path

import httpx

from tests.journeys.product import Product

SAMPLE = Path(__file__).resolve().parents[2] / "sandbox" / "sample_postmortem.md"


def test_postmortem_becomes_issues_and_a_closed_issue_closes_its_task(product: Product) -> None:
    product.start("workers")
    product.connect()
    tree = product.call(
        "POST",
        "/v1/postmortems/import",
        content=SAMPLE.read_bytes(),
        headers={"Content-Type": "text/markdown", "X-Request-Id": "journey-1"},
    )
    assert (len(tree["improvements"]), len(tree["tasks"]), tree["warnings"]) == (2, 3, [])
    for task in tree["tasks"]:
        product.wait_for_link(task["id"])
    issues = product.ask_github("GET", "/issues")
    assert sorted(issue["title"] for issue in issues) == sorted(task["title"] for task in tree["tasks"])
    assert product.github_calls().count("POST /repositories/487094015/issues 201") == 3

    link = product.task(tree["tasks"][0]["id"])["links"][0]
    product.edit_as_human(int(link["key"].rpartition("#")[2]), state="closed")
    done = product.wait_for_task(tree["tasks"][0]["id"], lambda task: task["status"] == "done")
    assert done["closed_at"] is not None
    latest = product.call("GET", "/v1/activity", params={"task_id": done["id"]})["items"][0]
    assert latest["changes"] == {"status": ["open", "done"]}
    assert latest["actor"]["name"] == "sandbox: octo-dev"
    lines = [json.loads(line) for line in (product.logs / "workers.log").read_text().splitlines()]
    assert "journey-1" in {line.get("request_id") for line in lines}


def test_edits_flow_both_ways_and_an_echo_costs_nothing(product: Product) -> None:
    product.start("workers")
    product.connect()
    task = product.call("POST", "/v1/tasks", json={"title": "Add stress tests", "labels": ["Load"]})
    link = product.wait_for_link(task["id"])
    number = int(link["key"].rpartition("#")[2])

    product.call("PATCH", f"/v1/tasks/{task['id']}", json={"title": "Add stress tests for checkout", "status": "done"})
    product.wait_for_link(task["id"])
    issue = product.ask_github("GET", f"/issues/{number}")
    assert (issue["title"], issue["state"], issue["state_reason"]) == ("Add stress tests for checkout", "closed", "completed")
    assert [label["name"] for label in issue["labels"]] == ["ft/load"]
    writes = [call for call in product.github_calls() if call.startswith(("POST /repositories", "PATCH"))]
    assert len(writes) == 2  # one to make the issue, one for all changed fields; none for the webhooks that came back

    human = issue["body"] + "\n\nSeen by the on-call, too."
    product.edit_as_human(number, title="Stress tests", state="open", body=human, labels=["ft/load", "ft/peak", "bug"])
    product.wait_for_task(task["id"], lambda found: found["title"] == "Stress tests" and found["labels"] == ["load", "peak"])
    assert product.task(task["id"])["status"] == "open"
    product.call("PATCH", f"/v1/tasks/{task['id']}", json={"description": "Ask @octo-dev, see #1", "labels": ["peak"]})
    product.wait_for_link(task["id"])
    issue = product.ask_github("GET", f"/issues/{number}")
    assert issue["body"].endswith("Seen by the on-call, too.")
    assert "Ask @\u200bocto-dev, see #\u200b1" in issue["body"]
    assert sorted(label["name"] for label in issue["labels"]) == ["bug", "ft/peak"]


def test_task_without_a_route_says_so_and_goes_when_sent(product: Product) -> None:
    product.start("workers")
    tracker = product.connect()
    for route in product.call("GET", "/v1/routes")["items"]:
        product.call("DELETE", f"/v1/routes/{route['id']}")
    task = product.call("POST", "/v1/tasks", json={"title": "Nowhere to go"})
    assert task["links"] == []
    assert [found["id"] for found in product.call("GET", "/v1/tasks?linked=false")["items"]] == [task["id"]]
    project = product.call("GET", f"/v1/trackers/{tracker['id']}/projects")["items"][0]
    product.call("POST", f"/v1/tasks/{task['id']}/links", json={"tracker_project_id": project["id"]})
    assert product.wait_for_link(task["id"])["key"] == "acme/checkout#1"


def test_deleted_task_closes_its_issue_and_never_deletes_it(product: Product) -> None:
    product.start("workers")
    product.connect()
    task = product.call("POST", "/v1/tasks", json={"title": "Not needed"})
    link = product.wait_for_link(task["id"])
    product.call("DELETE", f"/v1/tasks/{task['id']}")
    product.wait_until(lambda: product.ask_github("GET", "/issues/1")["state"] == "closed")
    issue = product.ask_github("GET", "/issues/1")
    assert issue["state_reason"] == "not_planned"
    assert "was deleted in Followthrough" in issue["body"]
    assert product.client.get(f"/v1/tasks/{task['id']}").status_code == 404
    assert product.call("GET", f"/v1/links/{link['id']}")["state"] == "linked"


def test_forged_webhook_changes_nothing(product: Product) -> None:
    product.start("workers")
    tracker = product.connect()
    headers = {"X-GitHub-Event": "issues", "X-GitHub-Delivery": "1", "X-Hub-Signature-256": "sha256=" + "0" * 64}
    answer = httpx.post(f"{product.api_url}/webhooks/{tracker['id']}", content=b"{}", headers=headers, trust_env=False)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
