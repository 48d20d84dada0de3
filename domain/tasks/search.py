"""How tasks are read, filtered and sorted."""

from domain.filters import a_date, a_flag, a_text, an_instant, ids, one_of_several, texts
from domain.reading import Listing, Sort
from domain.tasks.overdue import OVERDUE_SQL
from domain.tasks.table import DUE_ORDER, Priority, TaskKind, TaskStatus
from domain.trackers.link import LinkState

TASK_COLUMNS = f"""
    t.id, 'FT-' || t.number AS key, t.title, t.description, t.kind, t.priority, t.status, t.reason, p.email AS owner, g.slug AS team,
    t.due_on, t.first_due_on, t.slips, {OVERDUE_SQL} AS overdue, t.postmortem_id, t.improvement_id, t.evidence_url, t.labels,
    ARRAY(SELECT row_to_json(shown_link) FROM issue_links l
        CROSS JOIN LATERAL (SELECT l.id, l.state, l.remote_key AS key, l.url) shown_link WHERE l.task_id = t.id ORDER BY l.id) AS links,
    CASE WHEN t.source_url IS NULL AND t.source_line IS NULL THEN '{{"url":null,"line":null}}'::json
        ELSE json_build_object('url', t.source_url, 'line', t.source_line) END AS source,
    t.version, t.created_at, t.updated_at, t.closed_at
"""

_LINKED = "EXISTS (SELECT FROM issue_links l WHERE l.task_id = t.id AND {})"
# The words of the index, so that a filter by due date finds it too.
_DUE = DUE_ORDER.replace("due_on", "t.due_on")

TASKS = Listing(
    columns=TASK_COLUMNS,
    source="tasks t LEFT JOIN people p ON p.id = t.owner_id LEFT JOIN teams g ON g.id = t.team_id",
    id="t.id",
    condition="t.deleted_at IS NULL",
    version="t.version",
    filters={
        "status": one_of_several("t.status = ANY({})", TaskStatus, "Only tasks with one of these statuses."),
        "priority": one_of_several("t.priority = ANY({})", Priority, "Only tasks with one of these priorities."),
        "kind": one_of_several("t.kind = ANY({})", TaskKind, "Only tasks of one of these kinds."),
        "team": texts("t.team_id IN (SELECT id FROM teams WHERE slug = ANY({}))", "Only tasks of teams with one of these slugs."),
        "owner": texts(
            "t.owner_id IN (SELECT id FROM people WHERE email = ANY({}))",
            "Only tasks owned by one of these e-mail addresses.",
            lower=True,
        ),
        "postmortem_id": ids("t.postmortem_id = ANY({})", "Only tasks of one of these postmortems."),
        "improvement_id": ids("t.improvement_id = ANY({})", "Only tasks that serve one of these improvements."),
        "overdue": a_flag(OVERDUE_SQL, "Only tasks that are overdue, or only those that aren't."),
        "due_before": a_date(f"{_DUE} < {{}}", "Only tasks due before this day."),
        "due_after": a_date(f"({_DUE} > {{}} AND t.due_on IS NOT NULL)", "Only tasks due after this day."),
        "updated_since": an_instant("t.updated_at >= {}", "Only tasks changed at or after this instant."),
        "tracker_state": one_of_several(_LINKED.format("l.state = ANY({})"), LinkState, "Only tasks with a link in one of these states."),
        "linked": a_flag(_LINKED.format("true"), "Only tasks that go to a tracker, or only those that don't."),
        "q": a_text("t.search @@ websearch_to_tsquery('english', {})", "Full text search in title and description; quotes, OR and - work."),
    },
    sorts={
        "created_at": Sort("t.id", "uuid"),
        "updated_at": Sort("t.updated_at", "timestamptz"),
        "due_on": Sort(_DUE, "date"),
        "priority": Sort("t.priority", "text"),
    },
)
