"""How improvements are read: with their progress, computed from their tasks."""

from domain.filters import a_text, an_instant, ids
from domain.improvements.progress import PROGRESS_SQL
from domain.reading import Listing, Sort

IMPROVEMENTS = Listing(
    columns=f"""i.id, i.postmortem_id, i.title, i.description, {PROGRESS_SQL} AS progress,
        json_build_object('url', m.source_url, 'line', i.source_line) AS source, i.version, i.created_at, i.updated_at""",
    source="improvements i JOIN postmortems m ON m.id = i.postmortem_id",
    id="i.id",
    version="i.version",
    filters={
        "postmortem_id": ids("i.postmortem_id = ANY({})", "Only improvements of one of these postmortems."),
        "updated_since": an_instant("i.updated_at >= {}", "Only improvements changed at or after this instant."),
        "q": a_text(
            "to_tsvector('english', i.title || ' ' || i.description) @@ websearch_to_tsquery('english', {})",
            "Full text search in title and description.",
        ),
    },
    sorts={"created_at": Sort("i.id", "uuid"), "updated_at": Sort("i.updated_at", "timestamptz")},
)
