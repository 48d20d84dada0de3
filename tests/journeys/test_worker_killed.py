"""A worker that dies between "issue created" and "recorded" leaves one issue, not two."""

import signal

from tests.journeys.product import Product


def test_worker_killed_after_the_issue_was_made_leaves_no_second_issue(product: Product) -> None:
    product.connect()
    product.order_fault(operation="create_issue", action="hang_after_commit", seconds=60)
    worker = product.start("workers")
    task = product.call("POST", "/v1/tasks", json={"title": "Made once"})
    product.wait_until(lambda: len(product.ask_github("GET", "/issues")) == 1)
    link = product.call("GET", f"/v1/tasks/{task['id']}/links")["items"][0]
    assert link["state"] == "creating"

    worker.send_signal(signal.SIGKILL)
    worker.wait()
    # People go on meanwhile: their edits must survive the repair.
    product.edit_as_human(1, title="Made once, and renamed")
    product.start("workers")

    assert product.wait_for_link(task["id"])["key"] == "acme/checkout#1"
    assert product.wait_for_task(task["id"], lambda found: found["title"] != "Made once")["title"] == "Made once, and renamed"
    assert len(product.ask_github("GET", "/issues?state=all")) == 1
    attempts = product.call("GET", f"/v1/links/{link['id']}/attempts")["items"]
    assert [(attempt["operation"], attempt["outcome"]) for attempt in attempts] == [("create", "ambiguous")]


def test_lost_answer_leaves_no_second_issue(product: Product) -> None:
    product.connect()
    product.order_fault(operation="create_issue", action="drop_after_commit")
    product.start("workers")
    task = product.call("POST", "/v1/tasks", json={"title": "Answer lost"})
    assert product.wait_for_link(task["id"])["key"] == "acme/checkout#1"
    assert len(product.ask_github("GET", "/issues?state=all")) == 1


def test_refused_create_is_shown_and_retried_by_hand(product: Product) -> None:
    product.connect()
    product.order_fault(operation="create_issue", action=403)
    product.start("workers")
    task = product.call("POST", "/v1/tasks", json={"title": "Not allowed yet"})
    link = product.wait_for_links(task["id"], lambda found: found["state"] == "needs_attention")
    assert (link["error"]["code"], link["error"]["count"]) == ("forbidden", 1)
    assert product.call("GET", "/v1/links?state=needs_attention")["items"][0]["id"] == link["id"]
    product.call("POST", f"/v1/links/{link['id']}/retry")
    assert product.wait_for_link(task["id"])["error"] is None


def test_failed_create_is_tried_again_without_a_second_issue(product: Product) -> None:
    product.connect()
    product.order_fault(operation="create_issue", action=502)
    product.start("workers")
    task = product.call("POST", "/v1/tasks", json={"title": "Bad gateway"})
    product.wait_for_links(task["id"], lambda found: found["state"] == "unknown")
    # The issue is proven absent by three probes before another is sent.
    product.wait_for_link(task["id"])
    assert len(product.ask_github("GET", "/issues?state=all")) == 1
    assert product.github_calls().count("POST /repositories/487094015/issues 201") == 1
