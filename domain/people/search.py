"""How people and teams are read."""

from domain.filters import an_instant, texts
from domain.reading import Listing, Sort

PEOPLE = Listing(
    columns="""p.id, p.email, p.name, p.github_login, p.jira_account_id,
        (SELECT coalesce(json_agg(g.slug ORDER BY g.slug), '[]') FROM memberships b JOIN teams g ON g.id = b.team_id
         WHERE b.person_id = p.id) AS teams,
        p.version, p.created_at, p.updated_at""",
    source="people p",
    id="p.id",
    version="p.version",
    filters={
        "email": texts("p.email = ANY({})", "Only people with one of these e-mail addresses.", lower=True),
        "github_login": texts("lower(p.github_login) = ANY({})", "Only people with one of these GitHub logins.", lower=True),
        "team": texts(
            "p.id IN (SELECT b.person_id FROM memberships b JOIN teams g ON g.id = b.team_id WHERE g.slug = ANY({}))",
            "Only members of teams with one of these slugs.",
        ),
        "updated_since": an_instant("p.updated_at >= {}", "Only people changed at or after this instant."),
    },
    sorts={"created_at": Sort("p.id", "uuid"), "email": Sort("p.email", "text")},
)

TEAMS = Listing(
    columns="""g.id, g.slug, g.name, g.timezone, p.email AS lead,
        (SELECT coalesce(json_agg(q.email ORDER BY q.email), '[]') FROM memberships b JOIN people q ON q.id = b.person_id
         WHERE b.team_id = g.id) AS members,
        g.version, g.created_at, g.updated_at""",
    source="teams g LEFT JOIN people p ON p.id = g.lead_id",
    id="g.id",
    version="g.version",
    filters={
        "slug": texts("g.slug = ANY({})", "Only teams with one of these slugs."),
        "updated_since": an_instant("g.updated_at >= {}", "Only teams changed at or after this instant."),
    },
    sorts={"created_at": Sort("g.id", "uuid"), "slug": Sort("g.slug", "text")},
)
