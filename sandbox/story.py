"""The story that `make run` tells: a postmortem comes in, its tasks become issues, a closed issue closes its task. All over HTTP."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape

from sandbox.launch import ServerFailedError
from sandbox.services import Services, Target

SAMPLE = Path(__file__).with_name("sample_postmortem.md")
WAIT_SECONDS = 30
SANDBOX_NAME, GITHUB_NAME = "Sandbox GitHub", "GitHub"

Document = dict[str, Any]


class Story:
    """Tells it to a terminal, step by step, with what the API really answered."""

    def __init__(self, services: Services, console: Console) -> None:
        self.services = services
        self.console = console
        self.api = httpx.Client(
            base_url=services.api_url, headers={"Authorization": f"Bearer {services.token}"}, timeout=30, trust_env=False
        )

    def tell(self) -> None:
        """Connects the tracker, and then tells the story, or, at a later start, how things stand."""
        github = self.services.github
        tracker = self._connect(github)
        if github.sandbox is None:
            self._point_to_import()
            return
        imported = self._get("/v1/postmortems", source_url=_source_url())["items"]
        if imported:
            self._show_again(imported[0])
            return
        tree = self._import()
        tasks = self._wait_for_issues(tree["tasks"])
        if tracker is not None:
            self._close_one(github, tasks[0])

    def _connect(self, github: Target) -> Document | None:
        """Registers the tracker, its repository, a default route and its webhook; nothing of it twice. None: others are used."""
        name = SANDBOX_NAME if github.sandbox else GITHUB_NAME
        trackers = self._get("/v1/trackers")["items"]
        tracker: Document | None = next((one for one in trackers if one["name"] == name), None)
        if tracker is None and trackers and github.sandbox:
            return None
        if tracker is None:
            made = self._post("/v1/trackers", {"name": name, "base_url": github.base_url, "credentials": {"token": github.token}})
            tracker = made["tracker"]
            project = self._post(f"/v1/trackers/{tracker['id']}/projects", {"key": github.repository})
            self._post("/v1/routes", {"tracker_project_id": project["id"]})
            self._set_up_webhook(github, made["webhook"])
        elif tracker["base_url"] != github.base_url:
            self._patch(f"/v1/trackers/{tracker['id']}", {"base_url": github.base_url})
        return tracker

    def _set_up_webhook(self, github: Target, webhook: Document) -> None:
        if github.sandbox is None:
            self.console.print(f"\nSet up the webhook at {github.page_url}/settings/hooks, so that changes there arrive at once:")
            self.console.print(f"  URL {webhook['url']}  content type {webhook['content_type']}  events issues")
            self.console.print(f"  secret {webhook['secret']}")
            return
        config = {"url": webhook["url"], "secret": webhook["secret"], "content_type": "json"}
        body = {"name": "web", "active": True, "events": webhook["events"], "config": config}
        _github(github, "POST", f"/repos/{github.repository}/hooks", json=body)

    def _import(self) -> Document:
        self._title("A postmortem comes in")
        answer = self.api.post(
            "/v1/postmortems/import",
            params={"source_url": _source_url()},
            content=SAMPLE.read_bytes(),
            headers={"Content-Type": "text/markdown"},
        )
        tree: Document = _checked(answer)
        postmortem = tree["postmortem"]
        self._line(f"POST /v1/postmortems/import  ({SAMPLE.name})  [green]{answer.status_code}[/green]")
        self._line(f"postmortem  {postmortem['id']}  [bold]{escape(postmortem['title'])}[/bold]")
        self._line(f"{len(postmortem['timeline'])} events, {len(tree['improvements'])} improvements, {len(tree['tasks'])} tasks stored:")
        for improvement in tree["improvements"]:
            self._line(f"  improvement  {improvement['id']}  {escape(improvement['title'])}")
        for task in tree["tasks"]:
            facts = "  ".join(str(fact) for fact in (task["priority"], task["owner"], task["due_on"] and f"due {task['due_on']}") if fact)
            self._line(f"  {task['key']}  {task['id']}  {escape(task['title'])}  [dim]{facts}[/dim]")
        return tree

    def _wait_for_issues(self, tasks: list[Document]) -> list[Document]:
        self._title("Its tasks become issues")
        start = time.monotonic()
        linked = [self._wait(task["id"], lambda found: _issue(found) is not None) for task in tasks]
        for task in linked:
            issue = _issue(task) or {}
            self._line(f"{task['key']} → [bold]{issue['key']}[/bold]  {issue['url']}")
        self._line(f"[dim]{len(linked)} issues made over HTTP by PyGithub, {time.monotonic() - start:.1f} s after the answer[/dim]")
        return linked

    def _close_one(self, github: Target, task: Document) -> None:
        self._title("Somebody closes an issue")
        issue = _issue(task) or {}
        number = issue["key"].rpartition("#")[2]
        start = time.monotonic()
        closing = httpx.post(f"{github.page_url}/_sandbox/issues/{github.repository}/{number}", json={"state": "closed"}, trust_env=False)
        _checked(closing)
        self._line(f"octo-dev closes {issue['key']} in the sandbox")
        done = self._wait(task["id"], lambda found: found["status"] == "done")
        seconds = time.monotonic() - start
        delivery = self._last_delivery(github)
        self._line(
            f"webhook {delivery['event']}.{delivery['action']} {delivery['guid']} received  [green]{delivery['status_code']}[/green]"
        )
        self._line(
            f"[bold]{done['key']} is {done['status']}[/bold]  {self.services.api_url}/v1/tasks/{done['id']}  [dim]{seconds:.2f} s[/dim]"
        )
        change = self._get("/v1/activity", task_id=done["id"])["items"][0]
        self._line(f"[dim]activity: {change['actor']['name']} changed status {' → '.join(change['changes']['status'])}[/dim]")

    def _last_delivery(self, github: Target) -> Document:
        hooks = _github(github, "GET", f"/repos/{github.repository}/hooks")
        deliveries = _github(github, "GET", f"/repos/{github.repository}/hooks/{hooks[0]['id']}/deliveries")
        return next((one for one in deliveries if one["action"] == "closed"), deliveries[0])

    def _show_again(self, postmortem: Document) -> None:
        self._title(f"{postmortem['title']} was imported at an earlier start")
        for task in self._get("/v1/tasks", postmortem_id=postmortem["id"], sort="created_at")["items"]:
            issue = _issue(task)
            where = f"{issue['key']}  {issue['url']}" if issue else "no issue yet"
            self._line(f"{task['key']}  [bold]{task['status']:<11}[/bold] {escape(task['title'])}\n      → {where}")

    def _point_to_import(self) -> None:
        self._title("Ready for your own postmortems")
        self._line("Nothing was imported: every action item of what you import becomes an issue in your repository.")

    def _wait(self, task_id: str, ready: Callable[[Document], bool]) -> Document:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            task: Document = self._get(f"/v1/tasks/{task_id}")
            if ready(task):
                return task
            if time.monotonic() > deadline:
                raise ServerFailedError(f"{task['key']} did not get so far in {WAIT_SECONDS} s; its links: {task['links']}")
            time.sleep(0.03)

    def _get(self, path: str, **parameters: str) -> Any:
        return _checked(self.api.get(path, params=parameters))

    def _post(self, path: str, body: Document) -> Any:
        return _checked(self.api.post(path, json=body))

    def _patch(self, path: str, body: Document) -> Any:
        return _checked(self.api.patch(path, json=body))

    def _title(self, text: str) -> None:
        self.console.print(f"\n[bold]{escape(text)}[/bold]")

    def _line(self, text: str) -> None:
        self.console.print(f"  {text}")


def _issue(task: Document) -> Document | None:
    return next((link for link in task["links"] if link["state"] == "linked"), None)


def _source_url() -> str:
    return "https://example.com/postmortems/2026-03-03-checkout"


def _github(github: Target, method: str, path: str, **options: Any) -> Any:
    headers = {"Authorization": f"Bearer {github.token}"}
    return _checked(httpx.request(method, f"{github.base_url}{path}", headers=headers, trust_env=False, **options))


def _checked(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise ServerFailedError(f"{answer.request.method} {answer.request.url} answered {answer.status_code}: {answer.text}")
    return answer.json()
