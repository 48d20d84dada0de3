"""The web pages of the sandbox GitHub."""

from collections.abc import Iterator

import httpx
import pytest

from sandbox.github_process import RunningGithub, start_github
from tests.sandbox.github_peers import WebhookReceiver, connect, receiving

EVIL = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGithub]:
    running = start_github()
    yield running
    running.stop()


@pytest.fixture
def browser(running: RunningGithub) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.page_url, trust_env=False, follow_redirects=True) as browser:
        yield browser


def test_pages_show_issues_and_escape_them(running: RunningGithub, browser: httpx.Client) -> None:
    with connect(running) as client:
        issue = client.get_repo(running.repository_id).create_issue(EVIL, body=f"{EVIL}\nbody", labels=[EVIL])
        issue.create_comment(EVIL)

    assert running.repository in browser.get("/").text
    for page in (f"/{running.repository}", f"/{running.repository}/issues", issue.html_url):
        shown = browser.get(page)
        assert shown.headers["content-type"].startswith("text/html")
        assert "&lt;script&gt;alert(&quot;x&quot;)" in shown.text
        assert "<script" not in shown.text


def test_button_closes_and_reopens_as_a_person(running: RunningGithub, browser: httpx.Client) -> None:
    with connect(running) as client, receiving() as receiver:
        repository = client.get_repo(running.repository_id)
        issue = repository.create_issue("With a button")
        repository.create_hook("web", {"url": receiver.url, "content_type": "json"}, ["issues"])

        assert f'action="/{running.repository}/issues/{issue.number}"' in browser.get(issue.html_url).text
        assert browser.post(issue.html_url, data={"state": "closed"}).status_code == 200
        closed_by = repository.get_issue(issue.number).closed_by
        assert closed_by is not None
        assert closed_by.login == "octo-dev"
        assert _announced(receiver, 2) == {"ping.", "issues.closed"}
        browser.post(issue.html_url, data={"state": "open"})
        assert _announced(receiver, 1) == {"issues.reopened"}


def _announced(receiver: WebhookReceiver, count: int) -> set[str]:
    return set(receiver.take(count))


def test_page_of_another_site_presses_no_button(running: RunningGithub, browser: httpx.Client) -> None:
    with connect(running) as client:
        issue = client.get_repo(running.repository_id).create_issue("Safe")

    answer = browser.post(issue.html_url, data={"state": "closed"}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403


def test_unknown_page_is_404(browser: httpx.Client) -> None:
    assert browser.get("/nobody/nothing/issues").status_code == 404
