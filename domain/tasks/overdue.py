"""Overdue, defined once: open, and the day it was due has ended where its team is (UTC without a team)."""

# Needs the aliases t (tasks) and g (teams, left joined).
OVERDUE_SQL = """(t.closed_at IS NULL AND t.due_on IS NOT NULL
    AND t.due_on < (now() AT TIME ZONE coalesce(g.timezone, 'UTC'))::date)"""
