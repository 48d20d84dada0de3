"""How trackers, their projects and routes are read: never a secret."""

from domain.filters import an_instant, ids, one_of_several
from domain.reading import Listing, Sort
from domain.trackers.table import TrackerKind, TrackerState

TRACKERS = Listing(
    columns="""r.id, r.kind, r.name, r.base_url, r.state, r.state_reason, r.blocked_until, r.failures,
        r.limited_at, r.bot_account_id AS account,
        r.previous_webhook_secret IS NOT NULL AS webhook_secret_rotating, r.version, r.created_at, r.updated_at""",
    source="trackers r",
    id="r.id",
    version="r.version",
    filters={
        "kind": one_of_several("r.kind = ANY({})", TrackerKind, "Only trackers of these kinds."),
        "state": one_of_several("r.state = ANY({})", TrackerState, "Only trackers in these states."),
        "updated_since": an_instant("r.updated_at >= {}", "Only trackers changed at or after this instant."),
    },
    sorts={"created_at": Sort("r.id", "uuid"), "name": Sort("r.name", "text")},
)

PROJECTS = Listing(
    columns="""j.id, j.tracker_id, j.remote_id, j.key, j.url, coalesce((j.details ->> 'issues_enabled')::boolean, true) AS issues_enabled,
        coalesce((j.details ->> 'writable')::boolean, true) AS writable,
        json_build_object('due_on', j.details -> 'native' -> 'due_on' IS NOT NULL,
            'priority', j.details -> 'native' -> 'priority' IS NOT NULL) AS native,
        coalesce(j.details -> 'types', '[]') AS types, j.fetched_at, j.swept_at, j.last_audit_at, j.webhook_at, j.hook, j.version,
        j.created_at, j.updated_at""",
    source="tracker_projects j",
    id="j.id",
    version="j.version",
    filters={"tracker_id": ids("j.tracker_id = ANY({})", "Only projects of these trackers.")},
    sorts={"created_at": Sort("j.id", "uuid"), "key": Sort("j.key", "text")},
)

ROUTES = Listing(
    columns="""o.id, o.position, o.tracker_project_id, g.slug AS team, o.priority, o.task_kind AS kind, o.label_prefix, o.issue_type,
        o.version, o.created_at, o.updated_at""",
    source="routes o LEFT JOIN teams g ON g.id = o.team_id",
    id="o.id",
    version="o.version",
    filters={"tracker_project_id": ids("o.tracker_project_id = ANY({})", "Only routes to these projects.")},
    sorts={"position": Sort("o.position", "int"), "created_at": Sort("o.id", "uuid")},
    default_sort="position",
)
