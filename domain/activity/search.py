"""How activity is read."""

from domain.activity.record import SUBJECT_KINDS
from domain.filters import an_instant, ids, texts
from domain.reading import Filter, Listing, Sort


def _about(kind: str, noun: str) -> Filter:
    return ids(f"(a.subject_kind = '{kind}' AND a.subject_id = ANY({{}}))", f"Only what was done to one of these {noun}.")


ACTIVITY = Listing(
    columns="""a.id, a.at, json_build_object('kind', a.actor_kind, 'id', a.actor_id, 'name', a.actor_name) AS actor,
        json_build_object('kind', a.subject_kind, 'id', a.subject_id) AS subject, a.action, a.changes, a.request_id""",
    source="activities a",
    id="a.id",
    filters={
        "task_id": _about("task", "tasks"),
        "postmortem_id": _about("postmortem", "postmortems"),
        "improvement_id": _about("improvement", "improvements"),
        "link_id": _about("link", "links"),
        "subject": texts("a.subject_kind = ANY({})", f"Only what was done to these kinds: {', '.join(SUBJECT_KINDS.values())}."),
        "since": an_instant("a.at >= {}", "Only what was done at or after this instant."),
    },
    sorts={"at": Sort("a.id", "uuid")},
    default_sort="-at",
)
