"""An improvement's progress: how many of its tasks are done. A cancelled or deleted task doesn't count."""

# Needs the alias i (improvements).
PROGRESS_SQL = """(SELECT json_build_object('total', count(*), 'done', count(*) FILTER (WHERE t.status = 'done'))
    FROM tasks t WHERE t.improvement_id = i.id AND t.deleted_at IS NULL AND t.status <> 'cancelled')"""
