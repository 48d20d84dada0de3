"""People at the sandbox GitHub: what they do to the issues of one repository, and what they see there."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from domain.trackers.github_body import read_marker
from sandbox.github_process import RunningGithub

PREFIX = "ft/"
Document = dict[str, Any]


@dataclass(slots=True)
class People:
    """Whoever sits at the keyboard of the sandbox. Nothing here counts as a call of the API, but `all_issues` and `comments`."""

    github: RunningGithub
    repository: str
    client: httpx.Client
    numbers: dict[UUID, int] = field(default_factory=dict)
    seen: int = 0

    def order(self, path: str, **body: Any) -> Any:
        """Orders something at the sandbox's control endpoints."""
        answer = self.client.post(f"{self.github.page_url}/_sandbox/{path}", json=body)
        assert not answer.is_error, answer.text
        return answer.json() if answer.content else None

    def look(self, number: int) -> Document:
        """Reads an issue without a call of the API: a change that changes nothing."""
        found: Document = self.order(f"issues/{self.repository}/{number}")
        return found

    def edit(self, number: int, **change: Any) -> Document:
        """Changes an issue; gives it as it is then."""
        found: Document = self.order(f"issues/{self.repository}/{number}", **change)
        return found

    def comment(self, number: int, body: str) -> None:
        """Comments on an issue."""
        self.order(f"issues/{self.repository}/{number}/comments", body=body)

    def lock(self, number: int, *, locked: bool) -> None:
        """Locks an issue's conversation or opens it again."""
        self.order(f"issues/{self.repository}/{number}/lock", locked=locked)

    def number_of(self, marker: UUID) -> int | None:
        """Finds the issue that was made with a marker, whatever became of its text since."""
        while True:
            url = f"{self.github.page_url}/_sandbox/issues/{self.repository}/{self.seen + 1}"
            answer = self.client.post(url, json={})
            if answer.status_code == 404:
                return self.numbers.get(marker)
            self.seen += 1
            found = read_marker(answer.json()["body"])
            if found is not None:
                self.numbers.setdefault(found, self.seen)

    def ask(self, path: str) -> Any:
        """Asks the API of the repository."""
        url = f"{self.github.base_url}/repos/{self.repository}{path}"
        answer = self.client.get(url, headers={"Authorization": f"Bearer {self.github.token}"})
        assert not answer.is_error, answer.text
        return answer.json()

    def all_issues(self) -> list[Document]:
        """Lists all issues."""
        found: list[Document] = self.ask("/issues?state=all&per_page=100")
        return found

    def comments(self, number: int) -> list[Document]:
        """Lists the comments of an issue."""
        found: list[Document] = self.ask(f"/issues/{number}/comments?per_page=100")
        return found

    def calls(self) -> list[str]:
        """Gives the calls of the API since they were forgotten: `METHOD path`."""
        found = self.client.get(f"{self.github.page_url}/_sandbox/calls").json()
        return [f"{call['method']} {call['path']}" for call in found]

    def forget_calls(self) -> None:
        """Forgets the calls so far, and all faults that were ordered."""
        self.client.delete(f"{self.github.page_url}/_sandbox/calls")
        self.client.delete(f"{self.github.page_url}/_sandbox/faults")


def status_of(issue: Document) -> str:
    """Gives an issue's status as a task would have it."""
    if issue["state"] == "open":
        return "open"
    return "cancelled" if issue["state_reason"] in ("not_planned", "duplicate") else "done"


def labels_of(issue: Document) -> tuple[frozenset[str], frozenset[str]]:
    """Gives an issue's labels: ours without their prefix, and everybody else's."""
    names = {label["name"] for label in issue["labels"]}
    ours = {name for name in names if name.startswith(PREFIX)}
    return frozenset(name.removeprefix(PREFIX) for name in ours), frozenset(names - ours)


def logins_of(issue: Document) -> list[str]:
    """Gives who is assigned."""
    return [user["login"] for user in issue["assignees"]]


def is_duplicate(issue: Document) -> bool:
    """Tells whether an issue was closed as another one's duplicate."""
    return bool(issue["state_reason"] == "duplicate")
