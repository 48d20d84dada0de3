"""How links, their ledger and their conflicts are read."""

from domain.filters import a_flag, an_instant, ids, one_of_several, texts
from domain.reading import Listing, Sort
from domain.sync.table import Operation, Outcome
from domain.trackers.contract import Field
from domain.trackers.link import LinkState

# What the task holds now; the body is made by the sync, and so is the assignee's login: those are as it left them the last time.
_LOCAL = """CASE f.name
        WHEN 'title' THEN to_jsonb(regexp_replace(btrim(t.title), '\\s+', ' ', 'g'))
        WHEN 'labels' THEN coalesce((SELECT jsonb_agg(label ORDER BY label COLLATE "C") FROM unnest(t.labels) label), '[]')
        WHEN 'due_on' THEN to_jsonb(t.due_on)
        WHEN 'priority' THEN to_jsonb(t.priority)
        ELSE l.local -> f.name END"""

# Each field that either side has, with the last conflict about it; all of a link's conflicts are found with one look into their index.
_FIELDS = f"""(SELECT coalesce(json_object_agg(f.name, json_build_object(
            'base', l.base -> f.name, 'local', {_LOCAL}, 'remote', l.remote -> 'fields' -> f.name,
            'note', l.notes -> f.name ->> 'text', 'conflict', c.shown)), '{{}}')
        FROM jsonb_object_keys(l.base || l.local || coalesce(l.remote -> 'fields', '{{}}')) f(name)
        JOIN tasks t ON t.id = l.task_id
        LEFT JOIN (SELECT DISTINCT ON (c.field) c.field, json_build_object(
                'id', c.id, 'winner', c.winner, 'rule', c.rule, 'at', c.created_at) AS shown
            FROM sync_conflicts c WHERE c.link_id = l.id ORDER BY c.field, c.id DESC) c ON c.field = f.name)"""

LINK_COLUMNS = f"""l.id, l.task_id, l.tracker_project_id, l.state, l.remote_key AS key, l.url, l.issue_type,
    coalesce((l.remote ->> 'locked')::boolean, false) AS locked, l.background, {_FIELDS} AS fields,
    CASE WHEN l.error_code IS NULL THEN NULL ELSE json_build_object(
        'code', l.error_code, 'text', l.error_text, 'since', l.error_since, 'count', l.error_count) END AS error,
    l.desired_version > l.pushed_version AS behind, l.due_at, l.last_synced_at, l.version, l.created_at, l.updated_at"""

LINKS = Listing(
    columns=LINK_COLUMNS,
    source="issue_links l",
    id="l.id",
    version="l.version",
    filters={
        "state": one_of_several("l.state = ANY({})", LinkState, "Only links in one of these states."),
        "task_id": ids("l.task_id = ANY({})", "Only links of these tasks."),
        "tracker_id": ids(
            "l.tracker_project_id IN (SELECT id FROM tracker_projects WHERE tracker_id = ANY({}))", "Only links into these trackers."
        ),
        "tracker_project_id": ids("l.tracker_project_id = ANY({})", "Only links into these projects."),
        "error_code": texts("l.error_code = ANY({})", "Only links with one of these errors."),
        "updated_since": an_instant("l.updated_at >= {}", "Only links changed at or after this instant."),
    },
    sorts={"created_at": Sort("l.id", "uuid"), "updated_at": Sort("l.updated_at", "timestamptz")},
)

ATTEMPTS = Listing(
    columns="""a.id, a.link_id, a.comment_id, a.operation, a.fields, a.started_at, a.finished_at, a.outcome, a.http_status,
        a.remote_request_id, a.error_text, a.calls""",
    source="sync_attempts a",
    id="a.id",
    filters={
        "link_id": ids("a.link_id = ANY({})", "Only attempts of these links."),
        "operation": one_of_several("a.operation = ANY({})", Operation, "Only calls that do one of these."),
        "outcome": one_of_several("a.outcome = ANY({})", Outcome, "Only calls that ended in one of these ways."),
    },
    sorts={"started_at": Sort("a.id", "uuid")},
    default_sort="-started_at",
)

CONFLICTS = Listing(
    columns="""c.id, c.link_id, l.task_id, c.field, c.base, c.local, c.remote, c.winner, c.rule, c.created_at,
        CASE WHEN c.resolution IS NULL THEN NULL ELSE json_build_object(
            'side', c.resolution, 'at', c.resolved_at, 'by', c.resolved_by) END AS resolution""",
    source="sync_conflicts c JOIN issue_links l ON l.id = c.link_id",
    id="c.id",
    filters={
        "link_id": ids("c.link_id = ANY({})", "Only conflicts of these links."),
        "task_id": ids("l.task_id = ANY({})", "Only conflicts of these tasks."),
        "field": one_of_several("c.field = ANY({})", Field, "Only conflicts about one of these fields."),
        "resolved": a_flag("c.resolution IS NOT NULL", "Only conflicts in which somebody chose a side, or only the others."),
        "created_since": an_instant("c.created_at >= {}", "Only conflicts since this instant."),
        "updated_since": an_instant("coalesce(c.resolved_at, c.created_at) >= {}", "Only conflicts that came up or were resolved since."),
    },
    sorts={"created_at": Sort("c.id", "uuid")},
)
