"""What is written beside an action item's text: its owner, its due date, its priority, whether it is done."""

import re
from dataclasses import dataclass
from datetime import date

from domain.postmortems.dates import find_days

SEARCHED = 2_000  # characters of an item; what follows is prose
OWNER_LENGTH = 255
NOBODY = frozenset({"", "-", "–", "—", "?", "tbd", "tba", "n/a", "na", "none", "nobody", "unassigned", "todo"})
EMAIL = re.compile(r"(?<![\w.+@-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
MENTION = re.compile(r"(?<![\w/`@.])@(?P<name>[A-Za-z0-9][\w-]{0,63})(?![\w/@-]|\.\w)")
OWNER_LABEL = re.compile(
    r"(?<!\w)[(\[]?(?:owner|assignee|assigned to|responsible|dri)\s?:\s?"
    r"(?P<owner>[^()\[\],;|]{1,255}?)(?:[)\],;|]|\.?$)",
    re.IGNORECASE,
)
DUE_WORD = re.compile(r"(?<!\w)(?P<open>[(\[]?)(?:due(?: date)?(?: by| on)?|deadline|by|until|before|eta)\s?:?\s?", re.IGNORECASE)
PRIORITY = re.compile(
    r"[(\[]\s?(?:priority\s?:\s?)?(?P<bracketed>P[0-4])\s?[)\]]|^(?P<first>P[0-4])\s?[:–-]|\bpriority\s?:\s?(?P<named>P[0-4])\b",
    re.IGNORECASE,
)
PRIORITY_WORDS = {
    "critical": "P0",
    "urgent": "P0",
    "highest": "P0",
    "high": "P1",
    "medium": "P2",
    "normal": "P2",
    "low": "P3",
    "lowest": "P4",
}
DONE = re.compile(r"[(\[](?:done|completed?|fixed|shipped|closed)[)\]]|✅|☑|✔", re.IGNORECASE)
GROUP = re.compile(r"(?<!\w)[(\[](?P<inner>[^()\[\]]{1,500})[)\]](?!\()")
# A comma before a year alone belongs to the date ("August 1, 2026").
BETWEEN = re.compile(r"[,;|](?!\s?(?:19|20)[0-9]{2}\s?(?:$|[,;|]))")
HOLLOW = (
    (re.compile(r"(?<=[(\[])[\s,;]{1,8}"), ""),
    (re.compile(r"[\s,;]{1,8}(?=[)\]])"), ""),
    (re.compile(r"(?<!\w)(?:\(\)|\[\])"), ""),
)
CHECKBOX = re.compile(r"\[(?P<mark>[ xX])\](?=\s|$)")
DONE_WORDS = frozenset({"done", "complete", "completed", "closed", "fixed", "shipped", "resolved", "✅", "yes", "x"})
OPEN_WORDS = (
    "open", "to do", "todo", "to-do", "in progress", "in-progress", "in review", "not started", "not done", "pending", "new", "no",
    "planned", "blocked", "wip", "doing", "backlog", "started", "ongoing", "scheduled", "assigned", "accepted", "⬜", "☐",
)  # fmt: skip
KIND_WORDS = {
    "mitigat": "mitigate", "repair": "mitigate", "prevent": "prevent", "detect": "detect", "monitor": "detect",
    "alert": "detect", "process": "process",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Markers:
    """An item's text without the markers that stand apart from its sentence, and what they say."""

    text: str
    owner: str | None = None
    due_on: date | None = None
    priority: str | None = None
    is_done: bool = False


def read_markers(text: str) -> Markers:
    """Markers in brackets, at the start or at the end are taken out of the text; those inside a sentence stay in it."""
    head, tail = text[:SEARCHED], text[SEARCHED:]
    checkbox = CHECKBOX.match(head)
    head = _without(head, checkbox.span() if checkbox else None)
    head = GROUP.sub(_each_in_its_own, head)
    done = DONE.search(head)
    priority, head = _take_priority(head)
    due_on, head = _take_due(head)
    owner, head = _take_owner(head)
    head = _without_hollows(head) if due_on or owner else head
    is_done = bool(done) or bool(checkbox and checkbox["mark"] in "xX")
    return Markers((DONE.sub("", head).strip() + tail).strip(), owner, due_on, priority, is_done)


def _each_in_its_own(group: re.Match[str]) -> str:
    """ "(owner: Kim, due 2026-08-01)" as "(owner: Kim) (due 2026-08-01)", where there is nothing but markers in the brackets."""
    parts = [part.strip() for part in BETWEEN.split(group["inner"])]
    return " ".join(f"({part})" for part in parts) if len(parts) > 1 and all(map(_is_marker, parts)) else group[0]


def _is_marker(part: str) -> bool:
    whole = f"({part})"
    due = DUE_WORD.match(part)
    is_due = due is not None and any(day.start == due.end() and day.end == len(part) for day in find_days(part))
    is_person = EMAIL.fullmatch(part) or MENTION.fullmatch(part)
    return is_due or bool(is_person or any(marker.fullmatch(whole) for marker in (OWNER_LABEL, PRIORITY, DONE)))


def _without_hollows(text: str) -> str:
    """Without what markers leave behind in brackets: commas at their edges, and brackets with nothing in them."""
    for hollow, filling in HOLLOW:
        text = hollow.sub(filling, text)
    return " ".join(text.split())


def _without(text: str, span: tuple[int, int] | None) -> str:
    return (text[: span[0]].rstrip() + " " + text[span[1] :].lstrip()).strip() if span else text.strip()


def _take_priority(text: str) -> tuple[str | None, str]:
    match = PRIORITY.search(text)
    if match is None:
        return None, text
    value = match["bracketed"] or match["first"] or match["named"]
    return value.upper(), _without(text, match.span())


def _take_due(text: str) -> tuple[date | None, str]:
    for mention in find_days(text):
        day = mention.date()
        word = next((match for match in DUE_WORD.finditer(text[: mention.start]) if match.end() == mention.start), None)
        if day is None or word is None:
            continue
        end = mention.end + (1 if word["open"] and text[mention.end : mention.end + 1] in {")", "]"} else 0)
        is_apart = end > mention.end or not text[end:].strip(" .,;)")
        return day, _without(text, (word.start(), end)).rstrip(" ,;–-(") if is_apart else text
    return None, text


def _take_owner(text: str) -> tuple[str | None, str]:
    label = OWNER_LABEL.search(text)
    if label:
        start, end = label.span()
        # "(owner: Kim, see the runbook)": the rest stays in its brackets.
        start += label[0][0] in "([" and label[0][-1] in ",;|"
        return as_owner(label["owner"]), _without(text, (start, end))
    match = EMAIL.search(text) or MENTION.search(text)
    if match is None:
        return None, text
    start, end = match.span()
    if text[start - 1 : start] in {"(", "["} and text[end : end + 1] in {")", "]"}:
        start, end = start - 1, end + 1
    following = text[end:].lstrip()
    if start == 0 and following.startswith(":"):
        end = text.index(":", end) + 1
    is_apart = (start == 0 and end < len(text) and text[end - 1] in ":)]") or not following.strip(" .,;")
    rest = _without(text, (start, end)).rstrip(" ,;–-.(") if is_apart else text
    return as_owner(match[0]), rest or text


def as_owner(text: str) -> str | None:
    """A person as written, without the @ of a mention; None for "TBD" and the like."""
    name = text.strip().removeprefix("@").strip()
    return None if name.casefold() in NOBODY else name[:OWNER_LENGTH]


def as_due(text: str) -> date | None:
    """The first day with a year in a text."""
    return next((day for day in (mention.date() for mention in find_days(text)) if day), None)


def as_priority(text: str) -> str | None:
    """ "P1" from "P1", "p1 - urgent" or "High"; else None."""
    words = text.strip().casefold().split()
    first = words[0].strip(":-,.()[]") if words else ""
    if len(first) == 2 and first[0] == "p" and first[1] in "01234":
        return first.upper()
    return PRIORITY_WORDS.get(first)


def as_done(text: str) -> bool:
    """Whether a status says that the work is done."""
    words = text.strip().casefold().split()
    return bool(words) and words[0].strip("()[].,!") in DONE_WORDS


def as_open(text: str) -> bool:
    """Whether a status says that the work is still to be done."""
    return text.strip().casefold().strip("()[].,! ").startswith(OPEN_WORDS)


def as_kind(text: str) -> str | None:
    """The one kind of action that a heading or a cell names; None if it names none or several."""
    words = text.casefold().split()[:12]
    kinds = {kind for word in words for start, kind in KIND_WORDS.items() if word.startswith(start)}
    return kinds.pop() if len(kinds) == 1 else None
