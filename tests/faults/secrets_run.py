"""A run that does everything once, with secrets and texts that can be recognised, and keeps all that it wrote."""

import base64
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from redis import Redis

from sandbox.github_process import RunningGithub
from sandbox.postgres import psql
from tests.journeys.product import TOKEN, Document, Product

WRONG_TOKEN = f"ghp_refused{uuid4().hex}"
# Refuses a row in both ways in which PostgreSQL may quote its words: a constraint shows the row, a trigger says what it likes.
REFUSE = """
    ALTER TABLE tasks ADD CONSTRAINT no_bad_words CHECK (title NOT LIKE 'Refused%') NOT VALID;
    CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'No room for %.', NEW.title; END $$;
    CREATE TRIGGER complain BEFORE UPDATE ON tasks FOR EACH ROW WHEN (NEW.title LIKE 'Complained%') EXECUTE FUNCTION complain();
"""
ALLOW = "ALTER TABLE tasks DROP CONSTRAINT no_bad_words; DROP TRIGGER complain ON tasks; DROP FUNCTION complain;"
# Tables whose texts come from the sync; an issue's own words belong elsewhere.
LEDGER = """
    SELECT to_jsonb(attempt)::text FROM sync_attempts attempt
    UNION ALL SELECT concat_ws(' ', link.error_code, link.error_text) FROM issue_links link
    UNION ALL SELECT tracker.state_reason FROM trackers tracker;
"""


@dataclass
class Words:
    """What must not be found: `secrets` nowhere, `texts` (words of tasks, issues, comments) not in logs, metrics and problem documents."""

    secrets: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Makes a word that nobody else uses."""
        return self.texts.setdefault(name, f"{name}{uuid4().hex}")


def traces(words: dict[str, str], written: str) -> list[str]:
    """Names the words that a text holds, as they are or in base64; of a word of several lines any long line counts."""
    return sorted(name for name, word in words.items() if any(form in written for form in _forms(word)))


def _forms(word: str) -> list[str]:
    lines = [line for line in word.splitlines() if len(line) >= 16 and not line.startswith("-----")]
    return [form for line in lines for form in (line, base64.b64encode(line.encode()).decode().rstrip("=")[:-1])]


class Run:
    """The product at work; `problems` are all its answers of 400 and above."""

    def __init__(self, product: Product, app_github: RunningGithub, *, private_key: str) -> None:
        self.product, self.app_github = product, app_github
        self.words, self.problems = Words(), list[str]()
        self.words.secrets = {
            "tracker token": product.github.token,
            "refused tracker token": WRONG_TOKEN,
            "bootstrap token": TOKEN,
            "secret key": product.environment["FOLLOWTHROUGH_SECRET_KEY"],
            "private key": private_key,
        }
        product.client.event_hooks["response"].append(self._keep)

    def _keep(self, answer: httpx.Response) -> None:
        if answer.status_code >= 400:
            self.problems.append(answer.read().decode())

    def do_everything(self) -> None:
        """Connects, imports, edits, comments, fails in every way, and is at rest at the end."""
        worker = self.product.start("workers")
        tracker = self._connect(self.product.github, {"token": self.product.github.token}, name="by token")
        self.product.call("POST", "/v1/teams", json={"slug": "app", "name": "App"})
        app = {"app_id": "4711", "private_key": self.words.secrets["private key"]}
        self._connect(self.app_github, app, name="by app", only_for="app")
        self.words.secrets["API token"] = self.product.call("POST", "/v1/tokens", json={"name": "ci", "scopes": ["read"]})["token"]
        self._import()
        task = self._edit()
        self._fail_at_tracker(task)
        self._refuse_token(tracker, task)
        self._break_rules(tracker, task)
        self._break_database()
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self._lose_worker()

    def _connect(self, github: RunningGithub, credentials: Document, *, name: str, only_for: str | None = None) -> Document:
        body = {"name": name, "base_url": github.base_url, "credentials": credentials}
        made: Document = self.product.call("POST", "/v1/trackers", json=body)
        tracker = made["tracker"]
        project = self.product.call("POST", f"/v1/trackers/{tracker['id']}/projects", json={"key": github.repository})
        route = {"tracker_project_id": project["id"]} | ({"team": only_for, "position": 1} if only_for else {})
        self.product.call("POST", "/v1/routes", json=route)
        self.words.secrets[f"webhook secret {name}"] = made["webhook"]["secret"]
        self.product.call("POST", f"/v1/trackers/{tracker['id']}/check")
        config = {"url": made["webhook"]["url"], "secret": made["webhook"]["secret"], "content_type": "json"}
        hook = {"name": "web", "active": True, "events": ["issues", "issue_comment"], "config": config}
        url = f"{github.base_url}/repos/{github.repository}/hooks"
        httpx.post(url, json=hook, headers={"Authorization": f"Bearer {github.token}"}, trust_env=False).raise_for_status()
        return dict(tracker)

    def _import(self) -> None:
        word = self.words.text
        document = f"# {word('Postmortem')}\n\n## Action items\n\n- [ ] {word('Imported')} the thing (P1)\n"
        headers = {"Content-Type": "text/markdown"}
        tree = self.product.call("POST", "/v1/postmortems/import", content=document, headers=headers)
        for task in tree["tasks"]:
            self.product.wait_for_link(task["id"])

    def _edit(self) -> str:
        product, word = self.product, self.words.text
        app_task = product.call("POST", "/v1/tasks", json={"title": word("ByApp"), "team": "app"})
        product.wait_for_link(app_task["id"])
        task = product.call("POST", "/v1/tasks", json={"title": word("Title"), "description": word("Description")})
        number = int(product.wait_for_link(task["id"])["key"].rpartition("#")[2])
        product.call("POST", f"/v1/tasks/{task['id']}/comments", json={"body": word("Comment")})
        body = product.ask_github("GET", f"/issues/{number}")["body"]
        product.edit_as_human(number, title=word("Renamed"), body=f"{body}\n{word('Outside')}\n")
        product.wait_for_task(task["id"], lambda found: found["title"] == word("Renamed"))
        product.ask_github("POST", f"/issues/{number}/comments", json={"body": word("Theirs")})
        product.wait_for_link(task["id"])
        return str(task["id"])

    def _fail_at_tracker(self, task: str) -> None:
        for status in (422, 500):
            self.product.order_fault(operation="update_issue", action=status)
            self.product.call("PATCH", f"/v1/tasks/{task}", json={"title": self.words.text(f"Title{status}")})
            link = self.product.wait_for_links(task, lambda found: found["error"] is not None)
            self.product.call("POST", f"/v1/links/{link['id']}/retry")
            self.product.wait_for_link(task)

    def _refuse_token(self, tracker: Document, task: str) -> None:
        """A token that the tracker refuses while a change waits; then the right one again."""
        path = f"/v1/trackers/{tracker['id']}"
        self.product.call("PATCH", path, json={"credentials": {"token": WRONG_TOKEN}})
        self.product.call("PATCH", f"/v1/tasks/{task}", json={"title": self.words.text("Unauthorized")})
        self.product.wait_until(lambda: self.product.call("GET", path)["state"] == "auth_failed")
        self.product.call("POST", f"{path}/check")
        self.product.call("PATCH", path, json={"credentials": {"token": self.product.github.token}})
        self.product.call("POST", f"{path}/check")
        self.product.wait_for_link(task)

    def _break_rules(self, tracker: Document, task: str) -> None:
        """What the API refuses, with a secret or a text in every place where one can be put by mistake."""
        word, ask = self.words.text, self.product.client.request
        secret = self.words.secrets["webhook secret by token"]
        forged = {"X-Hub-Signature-256": "sha256=" + "0" * 64, "X-GitHub-Event": "issues", "X-GitHub-Delivery": "forged"}
        ask("POST", f"/webhooks/{tracker['id']}", content=f'{{"title": "{word("Forged")}"}}', headers=forged)
        ask("GET", "/v1/tasks", headers={"Authorization": f"Bearer {secret}"})
        ask("POST", "/v1/tasks", json={"title": word("Unknown"), "colour": word("Unknown")})
        ask("POST", "/v1/tasks", json={"title": [word("List")]})
        ask("POST", "/v1/tasks", content=f'{{"title": "{word("Broken")}')
        ask("PATCH", f"/v1/tasks/{task}", json={"description": word("Long") + "x" * 2_000_000})
        ask("PATCH", f"/v1/tasks/{task}", json={"status": word("Status")})
        key = self.words.secrets["private key"]
        ask("POST", "/v1/trackers", json={"name": "x", "credentials": {"private_key": key}})
        ask("POST", "/v1/trackers", json={"name": "x", "credentials": {"token": [WRONG_TOKEN]}})
        ask("POST", "/v1/trackers", json={"name": "x", "credentials": {"token": WRONG_TOKEN}, "base_url": "ftp://nowhere"})

    def _break_database(self) -> None:
        """What the database refuses, in a request and in a job, with the words of a task in its complaint."""
        word, database_url = self.words.text, self.product.environment["DATABASE_URL"]
        task = self.product.call("POST", "/v1/tasks", json={"title": word("Welcome")})["id"]
        number = int(self.product.wait_for_link(task)["key"].rpartition("#")[2])
        psql(database_url, REFUSE)
        for name in ("RefusedRequest", "ComplainedRequest"):
            self.product.client.request("PATCH", f"/v1/tasks/{task}", json={"title": word(name)})
        self.product.edit_as_human(number, title=word("RefusedJob"))
        self.product.wait_until(lambda: self._has_failed("23514"))
        self.product.edit_as_human(number, title=word("ComplainedJob"))
        self.product.wait_until(lambda: self._has_failed("P0001"))
        psql(database_url, ALLOW)
        self.product.wait_for_task(task, lambda found: bool(found["title"] == word("ComplainedJob")))
        self.product.wait_for_link(task)

    def _has_failed(self, code: str) -> bool:
        return any("reconcile_failed" in line and f"sqlstate={code}" in line for line in self.logs().splitlines())

    def _lose_worker(self) -> None:
        self.product.order_fault(operation="create_issue", action="hang_after_commit", seconds=60)
        worker = self.product.start("workers")
        task = self.product.call("POST", "/v1/tasks", json={"title": self.words.text("Lost")})
        self.product.wait_until(lambda: self.words.texts["Lost"] in str(self.product.ask_github("GET", "/issues?per_page=100")))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self.product.start("workers")
        self.product.wait_for_link(task["id"])

    def metrics(self) -> str:
        """Both processes' figures."""
        worker = httpx.get(f"http://127.0.0.1:{self.product.environment['FOLLOWTHROUGH_WORKER_METRICS_PORT']}/metrics", trust_env=False)
        return self.product.client.get("/metrics").text + worker.text

    def logs(self) -> str:
        """All lines of all processes."""
        return "".join(path.read_text() for path in sorted(Path(self.product.logs).glob("*.log")))

    def shown(self) -> str:
        """What the API shows of trackers, links, attempts and the activity."""
        links = self.product.call("GET", "/v1/links")["items"]
        paths = ["/v1/activity", "/v1/trackers", "/v1/tokens", "/v1/links", *(f"/v1/links/{link['id']}/attempts" for link in links)]
        return "".join(self.product.client.get(path).text for path in paths)

    def ledger(self, database_url: str) -> str:
        """What the sync noted of its calls and errors."""
        return psql(database_url, LEDGER)


def everything_in(redis_url: str) -> str:
    """Reads all that Redis holds, key by key."""
    readers: dict[str, Any] = {
        "string": lambda client, key: client.get(key),
        "hash": lambda client, key: client.hgetall(key),
        "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
        "list": lambda client, key: client.lrange(key, 0, -1),
        "set": lambda client, key: client.smembers(key),
    }
    with Redis.from_url(redis_url, decode_responses=True, encoding_errors="replace") as client:
        return "\n".join(f"{key} {readers[client.type(key)](client, key)}" for key in client.scan_iter() if client.type(key) in readers)
