"""Overdue, defined once: open, and the day it was due has ended where its team is (UTC without a team)."""

# Needs the aliases t (tasks) and g (teams, left joined), and a session in UTC. No place is more than a day off the day in UTC, so that
# only for tasks that were due yesterday or today the team's clock has to be read.
OVERDUE_SQL = """(t.closed_at IS NULL AND t.due_on IS NOT NULL AND t.due_on <= current_date
    AND (t.due_on < current_date - 1 OR t.due_on < (now() AT TIME ZONE coalesce(g.timezone, 'UTC'))::date))"""
