"""How links, their ledger and their conflicts are read."""

from domain.filters import an_instant, ids, one_of_several
from domain.reading import Listing, Sort
from domain.trackers.link import LinkState

LINK_COLUMNS = """l.id, l.task_id, l.tracker_project_id, l.state, l.remote_key AS key, l.url,
    (SELECT coalesce(json_object_agg(f.name, json_build_object(
            'base', l.base -> f.name, 'remote', l.remote -> 'fields' -> f.name, 'note', l.notes -> f.name ->> 'text')), '{}')
     FROM (SELECT jsonb_object_keys(l.base) AS name) f) AS fields,
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
        "tracker_project_id": ids("l.tracker_project_id = ANY({})", "Only links into these projects."),
        "updated_since": an_instant("l.updated_at >= {}", "Only links changed at or after this instant."),
    },
    sorts={"created_at": Sort("l.id", "uuid"), "updated_at": Sort("l.updated_at", "timestamptz")},
)

ATTEMPTS = Listing(
    columns="""a.id, a.link_id, a.operation, a.fields, a.started_at, a.finished_at, a.outcome, a.http_status, a.remote_request_id,
        a.error_text, a.calls""",
    source="sync_attempts a",
    id="a.id",
    filters={"link_id": ids("a.link_id = ANY({})", "Only attempts of these links.")},
    sorts={"started_at": Sort("a.id", "uuid")},
    default_sort="-started_at",
)
