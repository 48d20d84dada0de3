"""How postmortems and their timelines are read."""

from domain.filters import a_text, an_instant, one_of_several, texts
from domain.postmortems.table import PostmortemStatus
from domain.reading import Listing, Sort

TIMELINE_SQL = """(SELECT coalesce(json_agg(json_build_object('at', e.at, 'time', e.time, 'text', e.text, 'line', e.line)
    ORDER BY e.position), '[]') FROM timeline_events e WHERE e.postmortem_id = m.id)"""

POSTMORTEMS = Listing(
    columns=f"""m.id, m.title, m.status, m.severity, m.summary, m.impact, m.started_at, m.detected_at, m.resolved_at, m.timezone,
        m.root_causes, m.contributing_factors, m.resolution, m.lessons, m.conclusion, g.slug AS team, m.source_url,
        {TIMELINE_SQL} AS timeline, m.version, m.created_at, m.updated_at""",
    source="postmortems m LEFT JOIN teams g ON g.id = m.team_id",
    id="m.id",
    version="m.version",
    filters={
        "status": one_of_several("m.status = ANY({})", PostmortemStatus, "Only postmortems with one of these statuses."),
        "severity": texts("m.severity = ANY({})", "Only postmortems with one of these severities."),
        "team": texts("m.team_id IN (SELECT id FROM teams WHERE slug = ANY({}))", "Only postmortems of teams with one of these slugs."),
        "source_url": a_text("m.source_url = {}", "Only the postmortem that came from this address."),
        "started_before": an_instant("m.started_at < {}", "Only incidents that started before this instant."),
        "started_after": an_instant("m.started_at > {}", "Only incidents that started after this instant."),
        "updated_since": an_instant("m.updated_at >= {}", "Only postmortems changed at or after this instant."),
        "q": a_text(
            "to_tsvector('english', m.title || ' ' || m.summary || ' ' || m.impact) @@ websearch_to_tsquery('english', {})",
            "Full text search in title, summary and impact.",
        ),
    },
    sorts={"created_at": Sort("m.id", "uuid"), "updated_at": Sort("m.updated_at", "timestamptz")},
)
