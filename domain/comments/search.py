"""How comments are read."""

from domain.filters import ids
from domain.reading import Listing, Sort

COMMENT_COLUMNS = """c.id, c.task_id, c.origin, c.author, c.body, c.url, c.link_id,
    ARRAY(SELECT row_to_json(shown_post) FROM comment_posts p
        CROSS JOIN LATERAL (SELECT p.link_id, p.state, p.url, p.note) shown_post WHERE p.comment_id = c.id ORDER BY p.id) AS posts,
    c.created_at, c.updated_at"""

COMMENTS = Listing(
    columns=COMMENT_COLUMNS,
    source="comments c",
    id="c.id",
    condition="c.deleted_at IS NULL AND EXISTS (SELECT FROM tasks t WHERE t.id = c.task_id AND t.deleted_at IS NULL)",
    version="1",  # nobody edits a comment here
    filters={"task_id": ids("c.task_id = ANY({})", "Only comments on these tasks.")},
    sorts={"created_at": Sort("c.created_at", "timestamptz")},
)
