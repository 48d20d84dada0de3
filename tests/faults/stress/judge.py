"""The judgement after the stress run: duplicates, lost edits, and what is not the same on both sides."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import msgspec

from domain.sync.merge import canon
from domain.trackers.contract import Field
from domain.trackers.github_body import read_marker, read_region
from tests.faults.machine_remote import Document, is_duplicate, labels_of, status_of
from tests.faults.stress.ground import Ground
from tests.faults.stress.ledger import Edit, Ledger

TITLE_LIMIT = 256
TERMINAL = ("gone", "detached", "needs_attention")
ROWS = """SELECT l.id, l.task_id::text, l.state, l.remote_id, l.marker, l.base, l.local, l.notes, l.error_code, l.error_text,
    t.title, t.status, t.labels, t.description, t.deleted_at
    FROM issue_links l JOIN tasks t ON t.id = l.task_id"""
WRITES = "SELECT link_id::text, started_at, finished_at, fields FROM sync_attempts WHERE operation = 'update' ORDER BY id"
OPEN = ("open", "in_progress", "blocked")
NAMES = {"label": "labels", "foreign label": "labels", "text": "body"}


@dataclass(slots=True)
class Judgement:
    """What was found; each list holds sentences that name the task."""

    issues: int = 0
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    raced: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    terminal: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether nothing was lost or made twice, and all came together."""
        return not (self.duplicates or self.lost or self.apart or self.stuck)


@dataclass(frozen=True, slots=True)
class Write:
    """A change that we sent: its fields, and when it was under way."""

    fields: list[str]
    started_at: datetime
    finished_at: datetime


@dataclass(slots=True)
class Evidence:
    """Everything that the judgement is made from."""

    rows: dict[str, Any]
    issues: dict[str, Document]
    remarks: dict[str, list[str]]
    pulled: Counter[str]
    conflicts: dict[str, list[tuple[str, Any, Any]]]
    writes: dict[str, list["Write"]]
    reads: dict[str, list[datetime]]


async def gather(ground: Ground, connection: Any) -> Evidence:
    """Reads all tasks, links and conflicts, all issues and all comments."""
    rows = {row["task_id"]: row for row in await connection.fetch(ROWS)}
    conflicts: dict[str, list[tuple[str, Any, Any]]] = defaultdict(list)
    for row in await connection.fetch("SELECT link_id::text, field, local, remote FROM sync_conflicts"):
        conflicts[row["link_id"]].append((row["field"], _json(row["local"]), _json(row["remote"])))
    writes: dict[str, list[Write]] = defaultdict(list)
    for row in await connection.fetch(WRITES):
        writes[row["link_id"]].append(Write(row["fields"], row["started_at"], row["finished_at"] or row["started_at"]))
    pulled = Counter(
        row["body"] for row in await connection.fetch("SELECT body FROM comments WHERE origin = 'tracker' AND deleted_at IS NULL")
    )
    reads: dict[str, list[datetime]] = defaultdict(list)
    for call in ground.sandbox("GET", "calls"):
        if call["operation"] == "get_issue":
            reads[call["path"].rpartition("/")[2]].append(datetime.fromisoformat(call["at"]))
    issues = {str(issue["number"]): issue for issue in _pages(ground, "/issues?state=all")}
    remarks: dict[str, list[str]] = defaultdict(list)
    for comment in _pages(ground, "/issues/comments?sort=created"):
        remarks[comment["issue_url"].rpartition("/")[2]].append(comment["body"])
    return Evidence(rows, issues, remarks, pulled, conflicts, writes, reads)


def _json(value: str | None) -> Any:
    return None if value is None else msgspec.json.decode(value)


def _pages(ground: Ground, path: str) -> list[Document]:
    url: str | None = f"{ground.github.base_url}/repos/{ground.github.repository}{path}&per_page=100"
    found: list[Document] = []
    with httpx.Client(headers={"Authorization": f"Bearer {ground.github.token}"}, trust_env=False, timeout=60) as client:
        while url:
            answer = client.get(url).raise_for_status()
            found += answer.json()
            url = answer.links.get("next", {}).get("url")
    return found


def judge(evidence: Evidence, ledger: Ledger) -> Judgement:
    """Judges a run that has come to rest."""
    found = Judgement(issues=len(evidence.issues))
    _count_duplicates(evidence, found)
    for row in evidence.rows.values():
        _compare(evidence, row, found)
    for (task_id, name), edits in ledger.by_task_and_field():
        row = evidence.rows[task_id]
        if row["state"] == "linked":
            _look_for(evidence, row, name, edits, found)
    return found


def _count_duplicates(evidence: Evidence, found: Judgement) -> None:
    live = Counter(read_marker(issue["body"]) for issue in evidence.issues.values() if not is_duplicate(issue))
    found.duplicates = [f"{count} live issues carry the marker {marker}" for marker, count in live.items() if count > 1]


def _compare(evidence: Evidence, row: Any, found: Judgement) -> None:
    if row["state"] in TERMINAL:
        found.terminal[row["error_code"] or row["state"]] += 1
        if row["state"] == "needs_attention" and not row["error_text"]:
            found.stuck.append(f"task {row['task_id']} needs attention without a reason")
        return
    issue = evidence.issues.get(row["remote_id"] or "")
    if row["state"] != "linked" or issue is None:
        found.stuck.append(f"task {row['task_id']} is {row['state']}")
        return
    base, region = _json(row["base"]), canon(Field.BODY, read_region(issue["body"]), title_limit=TITLE_LIMIT)
    sides = {
        "title": (row["title"], base["title"], issue["title"]),
        "status": ("open" if row["status"] in OPEN else row["status"], base["status"], status_of(issue)),
        "labels": (sorted(row["labels"]), base["labels"], sorted(labels_of(issue)[0])),
        "body": (_json(row["local"])["body"], base["body"], region),
    }
    for name, values in sides.items():
        if any(value != values[0] for value in values):
            found.apart.append(f"task {row['task_id']} #{row['remote_id']}: {name} is {values} (task, base, issue)")
    if read_marker(issue["body"]) != row["marker"]:
        found.apart.append(f"task {row['task_id']} #{row['remote_id']}: the marker is gone")


def _look_for(evidence: Evidence, row: Any, name: str, edits: list[Edit], found: Judgement) -> None:
    issue = evidence.issues[row["remote_id"]]
    if name in ("title", "status"):
        lost = [edit for edit in edits[-1:] if not _is_held(evidence, row, issue, edit)]
    else:
        lost = [edit for edit in edits if not _is_there(evidence, row, issue, edit)]
    for edit in lost:
        sentence = f"task {row['task_id']} #{row['remote_id']}: {edit.field} of {edit.at:%H:%M:%S.%f} ({edit.side}: {edit.value!r}) is lost"
        (found.raced if _was_raced(evidence, row, edit, edits) else found.lost).append(sentence)


def _is_held(evidence: Evidence, row: Any, issue: Document, edit: Edit) -> bool:
    """Tells whether the field's last edit is what the issue shows, or is kept as the loser of a conflict."""
    shown = issue["title"] if edit.field == "title" else status_of(issue)
    kept = [value for name, *values in evidence.conflicts[str(row["id"])] if name == edit.field for value in values]
    return edit.value == shown or edit.value in kept


def _is_there(evidence: Evidence, row: Any, issue: Document, edit: Edit) -> bool:
    """Tells whether what was added is found exactly once."""
    ours, theirs = labels_of(issue)
    match edit.field, edit.side:
        case "label", _:
            return edit.value in ours and edit.value in row["labels"]
        case "foreign label", _:
            return edit.value in theirs
        case "text", "here":
            return edit.value in (read_region(issue["body"]) or "")
        case "text", _:
            return bool(issue["body"].count(edit.value) == 1)
        case _, "here":
            return sum(edit.value in body for body in evidence.remarks[row["remote_id"]]) == 1
    return evidence.remarks[row["remote_id"]].count(edit.value) == 1 and evidence.pulled[edit.value] == 1


def _was_raced(evidence: Evidence, row: Any, edit: Edit, edits: list[Edit]) -> bool:
    """Tells whether two wrote the same field of an issue as a whole, of which neither could see the other's.

    GitHub has no conditional write: it keeps whichever comes last, and nobody can tell that there was another. Either a person wrote
    between our read and our write, or we wrote between a person's read and write.
    """
    writes = [write for write in evidence.writes[str(row["id"])] if NAMES.get(edit.field, edit.field) in write.fields]
    if edit.side == "here":
        others = [other for other in edits if other.side == "there"]
        return any(other.sent_at <= write.finished_at and write.started_at <= other.at for other in others for write in writes)
    return any(_last_read(evidence, row, write) < edit.at and edit.sent_at < write.finished_at for write in writes)


def _last_read(evidence: Evidence, row: Any, write: Write) -> datetime:
    reads = [at for at in evidence.reads[row["remote_id"]] if at < write.started_at]
    return max(reads, default=write.started_at)
