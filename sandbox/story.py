"""The story that `make run` tells, all over HTTP: a document comes in, its tasks become issues, and both stay the same whatever happens."""

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from sandbox.connection import connect
from sandbox.launch import ServerFailedError
from sandbox.start import Services, Target
from sandbox.story_calls import Caller, Document

SAMPLE = Path(__file__).with_name("sample_postmortem.md")
WAIT_SECONDS = 30
COMMENT = "The dashboard for this is ready; the alert follows on Monday."
RISKY_TASK = "Load-test the checkout at twice the usual traffic"


class Story:
    """Tells it to a terminal, step by step, with what the API really answered."""

    def __init__(self, services: Services, console: Console) -> None:
        self.services = services
        self.console = console
        self.api = Caller(services.api_url, services.token)

    def tell(self) -> None:
        """Connects the tracker, and then tells the story, or, at a later start, how things stand."""
        github = self.services.github
        is_our_stage = connect(self.api, self.services, self.console)
        if github.sandbox is None:
            self._point_to_import("every action item of what you import becomes an issue in your repository")
            return
        imported = self.api.get("/v1/postmortems", source_url=_source_url())["items"]
        if imported:
            self._show_again(imported[0])
        elif not is_our_stage:
            self._point_to_import("other trackers than the sandbox are connected here, and its sample is not for them")
        else:
            tasks = self._wait_for_issues(self._import()["tasks"])
            self._close_one(github, tasks[0])
            self._comment_on_one(github, tasks[1])
            self._lose_an_answer(github)

    def _import(self) -> Document:
        self._title("A postmortem comes in")
        answer = self.api.call(
            "POST",
            "/v1/postmortems/import",
            params={"source_url": _source_url()},
            content=SAMPLE.read_bytes(),
            headers={"Content-Type": "text/markdown"},
        )
        tree: Document = answer.json()
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
        self._sandbox(github).post(f"/_sandbox/issues/{github.repository}/{number}", {"state": "closed"})
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
        change = self.api.get("/v1/activity", task_id=done["id"])["items"][0]
        self._line(f"[dim]activity: {change['actor']['name']} changed status {' → '.join(change['changes']['status'])}[/dim]")

    def _comment_on_one(self, github: Target, task: Document) -> None:
        self._title("Somebody comments on an issue")
        issue = _issue(task) or {}
        number = issue["key"].rpartition("#")[2]
        self._sandbox(github).post(f"/_sandbox/issues/{github.repository}/{number}/comments", {"body": COMMENT})
        path = f"/v1/tasks/{task['id']}/comments"
        self._until(lambda: bool(self.api.get(path)["items"]), f"the comment on {issue['key']} didn't arrive")
        comment = self.api.get(path)["items"][0]
        self._line(
            f'{comment["author"]} on {issue["key"]}: "{escape(comment["body"])}", now on {task["key"]} too  {self.services.api_url}{path}'
        )

    def _lose_an_answer(self, github: Target) -> None:
        """What makes duplicates elsewhere: the tracker does what it was asked, and its answer never arrives."""
        self._title("GitHub makes an issue, and its answer is lost on the way")
        start = time.monotonic()
        self._sandbox(github).post("/_sandbox/faults", {"operation": "create_issue", "action": "drop_after_commit"})
        task: Document = self.api.post("/v1/tasks", {"title": RISKY_TASK, "kind": "prevent"})
        task = self._wait(task["id"], lambda found: _issue(found) is not None)
        issue = _issue(task) or {}
        seconds = time.monotonic() - start
        attempt = self.api.get(f"/v1/links/{issue['id']}/attempts", sort="started_at")["items"][0]
        self._line(f"{task['key']} create: {attempt['outcome']}. {escape(attempt['error_text'] or '')}")
        self._line(f"found again by the marker in it: [bold]{issue['key']}[/bold], and no second one was made  [dim]{seconds:.2f} s[/dim]")

    def _sandbox(self, github: Target) -> Caller:
        return Caller(github.page_url, github.token)

    def _last_delivery(self, github: Target) -> Document:
        sandbox, path = Caller(github.base_url, github.token), f"/repos/{github.repository}/hooks"
        deliveries = sandbox.get(f"{path}/{sandbox.get(path)[0]['id']}/deliveries")
        found: Document = next((one for one in deliveries if one["action"] == "closed"), deliveries[0])
        return found

    def _show_again(self, postmortem: Document) -> None:
        self._title(f"{postmortem['title']} was imported at an earlier start")
        for task in self.api.get("/v1/tasks", postmortem_id=postmortem["id"], sort="created_at")["items"]:
            issue = _issue(task)
            where = f"{issue['key']}  {issue['url']}" if issue else "no issue yet"
            self._line(f"{task['key']}  [bold]{task['status']:<11}[/bold] {escape(task['title'])}\n      → {where}")

    def _point_to_import(self, why: str) -> None:
        self._title("Ready for your own postmortems")
        self._line(f"Nothing was imported: {why}.")

    def _wait(self, task_id: str, ready: Callable[[Document], bool]) -> Document:
        self._until(lambda: ready(self.api.get(f"/v1/tasks/{task_id}")), f"the task {task_id} didn't get so far")
        found: Document = self.api.get(f"/v1/tasks/{task_id}")
        return found

    def _until(self, ready: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not ready():
            if time.monotonic() > deadline:
                raise ServerFailedError(f"In {WAIT_SECONDS} s {otherwise}: see .followthrough/workers.log and GET /v1/links")
            time.sleep(0.03)

    def _title(self, text: str) -> None:
        self.console.print(f"\n[bold]{escape(text)}[/bold]")

    def _line(self, text: str) -> None:
        self.console.print(f"  {text}")


def _issue(task: Document) -> Document | None:
    return next((link for link in task["links"] if link["state"] == "linked"), None)


def _source_url() -> str:
    return "https://example.com/postmortems/2026-03-03-checkout"
