"""What an issue says of its task: the managed region of its body, with mentions and references made harmless."""

from dataclasses import dataclass

from domain.sync.neutral import neutralise
from domain.tasks.table import Task


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is told of a task besides its own columns."""

    owner: str | None
    postmortem: str | None
    improvement: str | None
    task_url: str


def render_body(task: Task, around: Surroundings, *, native: frozenset[str] = frozenset()) -> str:
    """Writes the managed region in GitHub's Markdown: the description, then the facts that the issue has no `native` field for.

    It names no e-mail address.
    """
    facts = [
        ("Task", f"[{task.key}]({around.task_url})"),
        ("Priority", None if "priority" in native else task.priority.value),
        ("Kind", task.kind.value if task.kind else None),
        ("Owner", around.owner and neutralise(around.owner)),
        ("Due", task.due_on.isoformat() if task.due_on and "due_on" not in native else None),
        ("Improvement", around.improvement and neutralise(around.improvement)),
        ("Postmortem", around.postmortem and neutralise(around.postmortem)),
        ("Source", task.source_url if task.source_url and task.source_url.startswith(("http://", "https://")) else None),
    ]
    lines = [f"- **{name}:** {value}" for name, value in facts if value]
    if task.deleted_at is not None:
        lines.append("- **Deleted:** this task was deleted in Followthrough, so its issue was closed.")
    parts = [neutralise(task.description.strip()), "\n".join(lines), "_Followthrough keeps this part; write outside of it._"]
    return "\n\n".join(part for part in parts if part)
