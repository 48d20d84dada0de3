"""What an issue says of its task: the managed region of its body, with mentions and references made harmless."""

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

from domain.tasks.table import Task

# An invisible character behind @ and # keeps the text as it reads, but the tracker sees no mention and no reference.
BREAK = "\u200b"
_CODE_SPAN = re.compile(r"(`+)(?!`)(?:.*?[^`])??\1(?!`)", re.DOTALL)
_MENTION = re.compile(r"(?<![\w`])@(?=[A-Za-z0-9])")
_REFERENCE = re.compile(r"(?<![\w&])#(?=\d)|(?<=[\w.-])#(?=\d)|(?<=\bGH)-(?=\d)", re.IGNORECASE)
_PARSER = MarkdownIt("commonmark")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is told of a task besides its own columns."""

    owner: str | None
    postmortem: str | None
    improvement: str | None
    task_url: str


def render_body(task: Task, around: Surroundings) -> str:
    """Writes the managed region in GitHub's Markdown: the description, then the facts. It names no e-mail address."""
    facts = [
        ("Task", f"[{task.key}]({around.task_url})"),
        ("Priority", task.priority.value),
        ("Kind", task.kind.value if task.kind else None),
        ("Owner", around.owner and neutralise(around.owner)),
        ("Due", task.due_on.isoformat() if task.due_on else None),
        ("Improvement", around.improvement and neutralise(around.improvement)),
        ("Postmortem", around.postmortem and neutralise(around.postmortem)),
        ("Source", task.source_url if task.source_url and task.source_url.startswith(("http://", "https://")) else None),
    ]
    lines = [f"- **{name}:** {value}" for name, value in facts if value]
    if task.deleted_at is not None:
        lines.append("- **Deleted:** this task was deleted in Followthrough, so its issue was closed.")
    parts = [neutralise(task.description.strip()), "\n".join(lines), "_Followthrough keeps this part; write outside of it._"]
    return "\n\n".join(part for part in parts if part)


def neutralise(text: str) -> str:
    """Breaks @mentions, #references and HTML comments outside code, so that an issue notifies nobody and forges no marker."""
    lines = text.split("\n")
    code = _code_lines(text)
    blocks: list[str] = []
    plain: list[str] = []
    for number, line in enumerate(lines):
        if number in code:
            _flush(plain, blocks)
            blocks.append(line)
        else:
            plain.append(line)
    _flush(plain, blocks)
    return "\n".join(blocks).replace("<!--", f"<{BREAK}!--")


def _code_lines(text: str) -> set[int]:
    tokens = _PARSER.parse(text)
    spans = [token.map for token in tokens if token.type in {"fence", "code_block"} and token.map]
    return {line for start, end in spans for line in range(start, end)}


def _flush(plain: list[str], blocks: list[str]) -> None:
    if plain:
        blocks.append(_outside_code_spans("\n".join(plain)))
        plain.clear()


def _outside_code_spans(text: str) -> str:
    parts = []
    end = 0
    for span in _CODE_SPAN.finditer(text):
        parts += [_break(text[end : span.start()]), span.group()]
        end = span.end()
    return "".join([*parts, _break(text[end:])])


def _break(text: str) -> str:
    return _REFERENCE.sub(lambda found: found.group() + BREAK, _MENTION.sub("@" + BREAK, text))
