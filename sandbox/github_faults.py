"""Faults that a test orders from the sandbox GitHub: for some operation, so many times, something goes wrong."""

import re
from dataclasses import dataclass, field

DROP_AFTER_COMMIT = "drop_after_commit"  # the call takes effect, the connection is reset before any answer
HANG_AFTER_COMMIT = "hang_after_commit"  # the call takes effect, the answer waits some seconds and then the connection is reset
HANG = "hang"  # nothing happens for some seconds; then the call is carried out if the client is still there

OPERATIONS = (
    ("create_issue", "POST", r"/issues"),
    ("list_issues", "GET", r"/issues"),
    ("get_issue", "GET", r"/issues/\d+"),
    ("update_issue", "PATCH", r"/issues/\d+"),
    ("list_comments", "GET", r"/issues/\d+/comments"),
    ("create_comment", "POST", r"/issues/\d+/comments"),
    ("list_repository_comments", "GET", r"/issues/comments"),
    ("update_comment", "PATCH", r"/issues/comments/\d+"),
    ("delete_comment", "DELETE", r"/issues/comments/\d+"),
    ("clear_field", "DELETE", r"/issues/\d+/issue-field-values/\d+"),
    ("create_hook", "POST", r"/hooks"),
    ("list_deliveries", "GET", r"/hooks/\d+/deliveries"),
    ("redeliver", "POST", r"/hooks/\d+/deliveries/\d+/attempts"),
    ("get_repository", "GET", ""),
)
CREATIONS = ("create_issue", "create_comment")
GRAPHQL, ACCESS_TOKEN = "graphql", "create_access_token"
ELSEWHERE = ((GRAPHQL, "POST", r"/api/graphql"), (ACCESS_TOKEN, "POST", r"/api/v3/app/installations/\d+/access_tokens"))
REPOSITORY = r"/api/v3/(?:repos/[^/]+/[^/]+|repositories/\d+)"


@dataclass
class Fault:
    """One order: `operation` is a name of OPERATIONS or ELSEWHERE, or `any`; `action` is one of the above or a status to answer."""

    operation: str
    action: str | int
    times: int = 1
    seconds: float = 60.0
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {"any", *(name for name, _, _ in (*OPERATIONS, *ELSEWHERE))}
        if self.operation not in known:
            raise ValueError(f"operation is one of {sorted(known)}")
        if isinstance(self.action, str) and self.action not in (DROP_AFTER_COMMIT, HANG_AFTER_COMMIT, HANG):
            raise ValueError(f"action is {DROP_AFTER_COMMIT!r}, {HANG_AFTER_COMMIT!r}, {HANG!r} or a status")


class Faults:
    """The faults still to come, in the order in which they were ordered."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def order(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()

    def waiting(self) -> list[Fault]:
        return list(self._waiting)

    def take(self, operation: str | None) -> Fault | None:
        """Return the next fault for an operation and count it."""
        for fault in self._waiting:
            if fault.operation in ("any", operation):
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None


def operation_of(method: str, path: str) -> str | None:
    """Return the name of the operation that a call is, if it has one."""
    patterns = (*((name, verb, REPOSITORY + rest) for name, verb, rest in OPERATIONS), *ELSEWHERE)
    return next((name for name, verb, pattern in patterns if method == verb and re.fullmatch(pattern, path)), None)
