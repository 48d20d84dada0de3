"""first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = '0001'
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table('activities',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_kind', sa.Text(), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('actor_name', sa.String(), nullable=False),
    sa.Column('request_id', sa.String(), nullable=True),
    sa.Column('subject_kind', sa.String(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('action', sa.String(), nullable=False),
    sa.Column('changes', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.CheckConstraint("actor_kind IN ('token', 'tracker', 'system')", name=op.f('ck_activities_actor_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_activities'))
    )
    op.create_index('ix_activities_subject', 'activities', ['subject_kind', 'subject_id', 'id'], unique=False)
    op.create_table('api_tokens',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.Column('hint', sa.String(4), nullable=False),
    sa.Column('scopes', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'sync', 'admin']", name=op.f('ck_api_tokens_scopes')),
    sa.CheckConstraint('char_length(name) BETWEEN 1 AND 200', name=op.f('ck_api_tokens_name_length')),
    sa.CheckConstraint('octet_length(hash) = 32', name=op.f('ck_api_tokens_hash')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_tokens')),
    sa.UniqueConstraint('hash', name=op.f('uq_api_tokens_hash'))
    )
    op.create_table('people',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('github_login', sa.String(100), nullable=True),
    sa.Column('jira_account_id', sa.String(128), nullable=True),
    sa.CheckConstraint("email = lower(email) AND position('@' IN email) > 1", name=op.f('ck_people_email')),
    sa.CheckConstraint('char_length(email) BETWEEN 3 AND 254', name=op.f('ck_people_email_length')),
    sa.CheckConstraint('char_length(name) BETWEEN 0 AND 200', name=op.f('ck_people_name_length')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_people')),
    sa.UniqueConstraint('email', name=op.f('uq_people_email')),
    sa.UniqueConstraint('jira_account_id', name=op.f('uq_people_jira_account_id'))
    )
    op.create_index('uq_people_github_login', 'people', [sa.literal_column('lower(github_login)')], unique=True)
    op.create_table('trackers',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('base_url', sa.String(2000), nullable=False),
    sa.Column('credentials', sa.LargeBinary(), nullable=False),
    sa.Column('webhook_secret', sa.LargeBinary(), nullable=False),
    sa.Column('previous_webhook_secret', sa.LargeBinary(), nullable=True),
    sa.Column('bot_account_id', sa.String(200), nullable=True),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('state_reason', sa.String(), nullable=False),
    sa.Column('blocked_until', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('github')", name=op.f('ck_trackers_kind')),
    sa.CheckConstraint("state IN ('ok', 'degraded', 'auth_failed', 'paused')", name=op.f('ck_trackers_state')),
    sa.CheckConstraint('char_length(name) BETWEEN 1 AND 200', name=op.f('ck_trackers_name_length')),
    sa.CheckConstraint('octet_length(credentials) <= 65536', name=op.f('ck_trackers_credentials_size')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trackers')),
    sa.UniqueConstraint('name', name=op.f('uq_trackers_name'))
    )
    op.create_table('teams',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('slug', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('lead_id', sa.Uuid(), nullable=True),
    sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name=op.f('ck_teams_slug')),
    sa.CheckConstraint('char_length(name) BETWEEN 1 AND 200', name=op.f('ck_teams_name_length')),
    sa.ForeignKeyConstraint(['lead_id'], ['people.id'], name=op.f('fk_teams_lead_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_teams')),
    sa.UniqueConstraint('slug', name=op.f('uq_teams_slug'))
    )
    op.create_index(op.f('ix_teams_lead_id'), 'teams', ['lead_id'], unique=False)
    op.create_table('tracker_projects',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tracker_id', sa.Uuid(), nullable=False),
    sa.Column('remote_id', sa.String(64), nullable=False),
    sa.Column('key', sa.String(300), nullable=False),
    sa.Column('url', sa.String(2000), nullable=False),
    sa.Column('details', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('fetched_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sweep_cursor', sa.String(), nullable=True),
    sa.Column('sweep_etag', sa.String(), nullable=True),
    sa.Column('last_audit_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['tracker_id'], ['trackers.id'], name=op.f('fk_tracker_projects_tracker_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tracker_projects'))
    )
    op.create_index('uq_tracker_projects_tracker_id_remote_id', 'tracker_projects', ['tracker_id', 'remote_id'], unique=True)
    op.create_table('webhook_inbox',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tracker_id', sa.Uuid(), nullable=False),
    sa.Column('delivery_id', sa.String(200), nullable=False),
    sa.Column('event', sa.String(100), nullable=False),
    sa.Column('project_remote_id', sa.String(64), nullable=True),
    sa.Column('remote_id', sa.String(64), nullable=True),
    sa.Column('remote_version', sa.DateTime(timezone=True), nullable=True),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('processed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ignored', sa.String(200), nullable=True),
    sa.ForeignKeyConstraint(['tracker_id'], ['trackers.id'], name=op.f('fk_webhook_inbox_tracker_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_inbox'))
    )
    op.create_index('ix_webhook_inbox_waiting', 'webhook_inbox', ['tracker_id', 'project_remote_id', 'remote_id'], unique=False, postgresql_where=sa.text('processed_at IS NULL'))
    op.create_index('uq_webhook_inbox_tracker_id_delivery_id', 'webhook_inbox', ['tracker_id', 'delivery_id'], unique=True)
    op.create_table('memberships',
    sa.Column('team_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_memberships_person_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['team_id'], ['teams.id'], name=op.f('fk_memberships_team_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('team_id', 'person_id', name=op.f('pk_memberships'))
    )
    op.create_index(op.f('ix_memberships_person_id'), 'memberships', ['person_id'], unique=False)
    op.create_table('postmortems',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('severity', sa.String(50), nullable=True),
    sa.Column('summary', sa.String(), nullable=False),
    sa.Column('impact', sa.String(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('detected_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('timezone', sa.String(64), nullable=True),
    sa.Column('root_causes', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('contributing_factors', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('resolution', sa.String(), nullable=False),
    sa.Column('lessons', sa.String(), nullable=False),
    sa.Column('conclusion', sa.String(), nullable=False),
    sa.Column('team_id', sa.Uuid(), nullable=True),
    sa.Column('source_url', sa.String(2000), nullable=True),
    sa.Column('source_text', sa.String(), nullable=True),
    sa.Column('source_digest', sa.LargeBinary(), nullable=True),
    sa.Column('imported', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.CheckConstraint("status IN ('draft', 'in_review', 'published')", name=op.f('ck_postmortems_status')),
    sa.CheckConstraint('(source_text IS NULL) = (source_digest IS NULL)', name=op.f('ck_postmortems_source_digest')),
    sa.CheckConstraint('char_length(title) BETWEEN 1 AND 256', name=op.f('ck_postmortems_title_length')),
    sa.CheckConstraint('octet_length(source_text) <= 1048576', name=op.f('ck_postmortems_source_size')),
    sa.CheckConstraint('resolved_at >= started_at', name=op.f('ck_postmortems_resolved_after_start')),
    sa.ForeignKeyConstraint(['team_id'], ['teams.id'], name=op.f('fk_postmortems_team_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_postmortems'))
    )
    op.create_index('ix_postmortems_imported_title', 'postmortems', [sa.literal_column("lower(imported #>> '{values,title}')")], unique=False)
    op.create_index('ix_postmortems_source_digest', 'postmortems', ['source_digest'], unique=False)
    op.create_index(op.f('ix_postmortems_team_id'), 'postmortems', ['team_id'], unique=False)
    op.create_index('ix_postmortems_updated_at_id', 'postmortems', ['updated_at', 'id'], unique=False)
    op.create_index('uq_postmortems_source_url', 'postmortems', ['source_url'], unique=True)
    op.create_table('routes',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('tracker_project_id', sa.Uuid(), nullable=False),
    sa.Column('team_id', sa.Uuid(), nullable=True),
    sa.Column('priority', sa.String(), nullable=True),
    sa.Column('task_kind', sa.String(), nullable=True),
    sa.Column('label_prefix', sa.String(), nullable=False),
    sa.CheckConstraint("label_prefix ~ '^[a-z0-9][a-z0-9/:._-]{0,19}$'", name=op.f('ck_routes_label_prefix')),
    sa.CheckConstraint("priority IN ('P0', 'P1', 'P2', 'P3', 'P4')", name=op.f('ck_routes_priority')),
    sa.CheckConstraint("task_kind IN ('mitigate', 'prevent', 'detect', 'process')", name=op.f('ck_routes_task_kind')),
    sa.ForeignKeyConstraint(['team_id'], ['teams.id'], name=op.f('fk_routes_team_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tracker_project_id'], ['tracker_projects.id'], name=op.f('fk_routes_tracker_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_routes'))
    )
    op.create_index(op.f('ix_routes_position'), 'routes', ['position'], unique=False)
    op.create_index(op.f('ix_routes_team_id'), 'routes', ['team_id'], unique=False)
    op.create_index(op.f('ix_routes_tracker_project_id'), 'routes', ['tracker_project_id'], unique=False)
    op.create_table('improvements',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('postmortem_id', sa.Uuid(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('description', sa.String(), nullable=False),
    sa.Column('source_line', sa.Integer(), nullable=True),
    sa.Column('imported', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.CheckConstraint('char_length(description) BETWEEN 0 AND 20000', name=op.f('ck_improvements_description_length')),
    sa.CheckConstraint('char_length(title) BETWEEN 1 AND 256', name=op.f('ck_improvements_title_length')),
    sa.ForeignKeyConstraint(['postmortem_id'], ['postmortems.id'], name=op.f('fk_improvements_postmortem_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_improvements'))
    )
    op.create_index(op.f('ix_improvements_postmortem_id'), 'improvements', ['postmortem_id'], unique=False)
    op.create_index('ix_improvements_updated_at_id', 'improvements', ['updated_at', 'id'], unique=False)
    op.create_table('timeline_events',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('postmortem_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('time', sa.Time(), nullable=True),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('line', sa.Integer(), nullable=True),
    sa.CheckConstraint('at IS NULL OR time IS NULL', name=op.f('ck_timeline_events_one_time')),
    sa.CheckConstraint('char_length(text) BETWEEN 1 AND 10000', name=op.f('ck_timeline_events_text_length')),
    sa.ForeignKeyConstraint(['postmortem_id'], ['postmortems.id'], name=op.f('fk_timeline_events_postmortem_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_timeline_events'))
    )
    op.create_index('uq_timeline_events_postmortem_id_position', 'timeline_events', ['postmortem_id', 'position'], unique=True)
    op.create_table('tasks',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('number', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('description', sa.String(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=True),
    sa.Column('priority', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=True),
    sa.Column('team_id', sa.Uuid(), nullable=True),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('first_due_on', sa.Date(), nullable=True),
    sa.Column('slips', sa.Integer(), nullable=False),
    sa.Column('postmortem_id', sa.Uuid(), nullable=True),
    sa.Column('improvement_id', sa.Uuid(), nullable=True),
    sa.Column('evidence_url', sa.String(), nullable=True),
    sa.Column('labels', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('source_url', sa.String(2000), nullable=True),
    sa.Column('source_line', sa.Integer(), nullable=True),
    sa.Column('imported', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('search', postgresql.TSVECTOR(), sa.Computed("to_tsvector('english', title || ' ' || description)", persisted=True), nullable=True),
    sa.CheckConstraint("(status IN ('done', 'cancelled')) = (closed_at IS NOT NULL)", name=op.f('ck_tasks_closed_at')),
    sa.CheckConstraint("kind IN ('mitigate', 'prevent', 'detect', 'process')", name=op.f('ck_tasks_kind')),
    sa.CheckConstraint("priority IN ('P0', 'P1', 'P2', 'P3', 'P4')", name=op.f('ck_tasks_priority')),
    sa.CheckConstraint("status <> 'cancelled' OR reason <> ''", name=op.f('ck_tasks_cancelled_with_reason')),
    sa.CheckConstraint("status IN ('open', 'in_progress', 'blocked', 'done', 'cancelled')", name=op.f('ck_tasks_status')),
    sa.CheckConstraint('(due_on IS NULL) OR (first_due_on IS NOT NULL)', name=op.f('ck_tasks_first_due_on')),
    sa.CheckConstraint('cardinality(labels) <= 100', name=op.f('ck_tasks_labels')),
    sa.CheckConstraint('char_length(description) BETWEEN 0 AND 20000', name=op.f('ck_tasks_description_length')),
    sa.CheckConstraint('char_length(reason) BETWEEN 0 AND 2000', name=op.f('ck_tasks_reason_length')),
    sa.CheckConstraint('char_length(title) BETWEEN 1 AND 256', name=op.f('ck_tasks_title_length')),
    sa.CheckConstraint('evidence_url IS NULL OR char_length(evidence_url) <= 2000', name=op.f('ck_tasks_evidence_url_length')),
    sa.CheckConstraint('slips >= 0', name=op.f('ck_tasks_slips')),
    sa.ForeignKeyConstraint(['improvement_id'], ['improvements.id'], name=op.f('fk_tasks_improvement_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['owner_id'], ['people.id'], name=op.f('fk_tasks_owner_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['postmortem_id'], ['postmortems.id'], name=op.f('fk_tasks_postmortem_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['team_id'], ['teams.id'], name=op.f('fk_tasks_team_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tasks')),
    sa.UniqueConstraint('number', name=op.f('uq_tasks_number'))
    )
    op.create_index('ix_tasks_due_order', 'tasks', [sa.literal_column("coalesce(due_on, 'infinity'::date)"), 'id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_tasks_improvement_id_id', 'tasks', ['improvement_id', 'id'], unique=False)
    op.create_index('ix_tasks_live_id', 'tasks', ['id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_tasks_owner_id_id', 'tasks', ['owner_id', 'id'], unique=False)
    op.create_index('ix_tasks_postmortem_id_id', 'tasks', ['postmortem_id', 'id'], unique=False)
    op.create_index('ix_tasks_priority_id', 'tasks', ['priority', 'id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('ix_tasks_search', 'tasks', ['search'], unique=False, postgresql_using='gin')
    op.create_index('ix_tasks_team_id_id', 'tasks', ['team_id', 'id'], unique=False)
    op.create_index('ix_tasks_updated_at_id', 'tasks', ['updated_at', 'id'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_table('issue_links',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('task_id', sa.Uuid(), nullable=False),
    sa.Column('tracker_project_id', sa.Uuid(), nullable=False),
    sa.Column('label_prefix', sa.String(), nullable=False),
    sa.Column('marker', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('remote_id', sa.String(64), nullable=True),
    sa.Column('remote_global_id', sa.String(200), nullable=True),
    sa.Column('remote_key', sa.String(400), nullable=True),
    sa.Column('url', sa.String(2000), nullable=True),
    sa.Column('base', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('remote', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('remote_etag', sa.String(), nullable=True),
    sa.Column('remote_version', sa.DateTime(timezone=True), nullable=True),
    sa.Column('notes', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('desired_version', sa.BigInteger(), nullable=False),
    sa.Column('pushed_version', sa.BigInteger(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('probes', sa.Integer(), nullable=False),
    sa.Column('unknown_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('fence', sa.BigInteger(), nullable=False),
    sa.Column('error_code', sa.String(64), nullable=True),
    sa.Column('error_text', sa.String(2000), nullable=True),
    sa.Column('error_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('error_count', sa.Integer(), nullable=False),
    sa.Column('last_synced_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('pending', 'creating', 'unknown', 'linked', 'gone', 'detached', 'needs_attention')", name=op.f('ck_issue_links_state')),
    sa.CheckConstraint("state NOT IN ('linked', 'gone') OR remote_id IS NOT NULL", name=op.f('ck_issue_links_remote_id')),
    sa.CheckConstraint('(error_code IS NULL) = (error_since IS NULL)', name=op.f('ck_issue_links_error_since')),
    sa.CheckConstraint('pushed_version <= desired_version', name=op.f('ck_issue_links_pushed_version')),
    sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name=op.f('fk_issue_links_task_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tracker_project_id'], ['tracker_projects.id'], name=op.f('fk_issue_links_tracker_project_id'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_issue_links'))
    )
    op.create_index('ix_issue_links_due_at', 'issue_links', ['due_at'], unique=False, postgresql_where=sa.text('due_at IS NOT NULL'))
    op.create_index('ix_issue_links_state_id', 'issue_links', ['state', 'id'], unique=False)
    op.create_index('ix_issue_links_task_id_id', 'issue_links', ['task_id', 'id'], unique=False)
    op.create_index('ix_issue_links_updated_at_id', 'issue_links', ['updated_at', 'id'], unique=False)
    op.create_index('uq_issue_links_live', 'issue_links', ['task_id', 'tracker_project_id'], unique=True, postgresql_where=sa.text("state NOT IN ('gone', 'detached')"))
    op.create_index('uq_issue_links_marker', 'issue_links', ['marker'], unique=True)
    op.create_index('uq_issue_links_tracker_project_id_remote_id', 'issue_links', ['tracker_project_id', 'remote_id'], unique=True)
    op.create_table('sync_attempts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('link_id', sa.Uuid(), nullable=False),
    sa.Column('fence', sa.BigInteger(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('fields', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=True),
    sa.Column('http_status', sa.Integer(), nullable=True),
    sa.Column('remote_request_id', sa.String(200), nullable=True),
    sa.Column('error_text', sa.String(2000), nullable=True),
    sa.Column('calls', sa.Integer(), nullable=False),
    sa.CheckConstraint("operation IN ('create', 'update')", name=op.f('ck_sync_attempts_operation')),
    sa.CheckConstraint("outcome IN ('ok', 'failed', 'ambiguous')", name=op.f('ck_sync_attempts_outcome')),
    sa.CheckConstraint('(outcome IS NULL) = (finished_at IS NULL)', name=op.f('ck_sync_attempts_finished_at')),
    sa.ForeignKeyConstraint(['link_id'], ['issue_links.id'], name=op.f('fk_sync_attempts_link_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sync_attempts'))
    )
    op.create_index('ix_sync_attempts_link_id_id', 'sync_attempts', ['link_id', 'id'], unique=False)
    op.create_index('uq_sync_attempts_open_create', 'sync_attempts', ['link_id'], unique=True, postgresql_where=sa.text("operation = 'create' AND outcome IS NULL"))
    op.create_table('sync_conflicts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('link_id', sa.Uuid(), nullable=False),
    sa.Column('field', sa.String(), nullable=False),
    sa.Column('base', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('local', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('remote', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('winner', sa.Text(), nullable=False),
    sa.Column('rule', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("winner IN ('local', 'remote')", name=op.f('ck_sync_conflicts_winner')),
    sa.ForeignKeyConstraint(['link_id'], ['issue_links.id'], name=op.f('fk_sync_conflicts_link_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sync_conflicts'))
    )
    op.create_index('ix_sync_conflicts_link_id_id', 'sync_conflicts', ['link_id', 'id'], unique=False)
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON activities
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
    )



def downgrade() -> None:
    op.drop_index('ix_sync_conflicts_link_id_id', table_name='sync_conflicts')
    op.drop_table('sync_conflicts')
    op.drop_index('uq_sync_attempts_open_create', table_name='sync_attempts', postgresql_where=sa.text("operation = 'create' AND outcome IS NULL"))
    op.drop_index('ix_sync_attempts_link_id_id', table_name='sync_attempts')
    op.drop_table('sync_attempts')
    op.drop_index('uq_issue_links_tracker_project_id_remote_id', table_name='issue_links')
    op.drop_index('uq_issue_links_marker', table_name='issue_links')
    op.drop_index('uq_issue_links_live', table_name='issue_links', postgresql_where=sa.text("state NOT IN ('gone', 'detached')"))
    op.drop_index('ix_issue_links_updated_at_id', table_name='issue_links')
    op.drop_index('ix_issue_links_task_id_id', table_name='issue_links')
    op.drop_index('ix_issue_links_state_id', table_name='issue_links')
    op.drop_index('ix_issue_links_due_at', table_name='issue_links', postgresql_where=sa.text('due_at IS NOT NULL'))
    op.drop_table('issue_links')
    op.drop_index('ix_tasks_updated_at_id', table_name='tasks', postgresql_where=sa.text('deleted_at IS NULL'))
    op.drop_index('ix_tasks_team_id_id', table_name='tasks')
    op.drop_index('ix_tasks_search', table_name='tasks', postgresql_using='gin')
    op.drop_index('ix_tasks_priority_id', table_name='tasks', postgresql_where=sa.text('deleted_at IS NULL'))
    op.drop_index('ix_tasks_postmortem_id_id', table_name='tasks')
    op.drop_index('ix_tasks_owner_id_id', table_name='tasks')
    op.drop_index('ix_tasks_live_id', table_name='tasks', postgresql_where=sa.text('deleted_at IS NULL'))
    op.drop_index('ix_tasks_improvement_id_id', table_name='tasks')
    op.drop_index('ix_tasks_due_order', table_name='tasks', postgresql_where=sa.text('deleted_at IS NULL'))
    op.drop_table('tasks')
    op.drop_index('uq_timeline_events_postmortem_id_position', table_name='timeline_events')
    op.drop_table('timeline_events')
    op.drop_index('ix_improvements_updated_at_id', table_name='improvements')
    op.drop_index(op.f('ix_improvements_postmortem_id'), table_name='improvements')
    op.drop_table('improvements')
    op.drop_index(op.f('ix_routes_tracker_project_id'), table_name='routes')
    op.drop_index(op.f('ix_routes_team_id'), table_name='routes')
    op.drop_index(op.f('ix_routes_position'), table_name='routes')
    op.drop_table('routes')
    op.drop_index('uq_postmortems_source_url', table_name='postmortems')
    op.drop_index('ix_postmortems_updated_at_id', table_name='postmortems')
    op.drop_index(op.f('ix_postmortems_team_id'), table_name='postmortems')
    op.drop_index('ix_postmortems_source_digest', table_name='postmortems')
    op.drop_index('ix_postmortems_imported_title', table_name='postmortems')
    op.drop_table('postmortems')
    op.drop_index(op.f('ix_memberships_person_id'), table_name='memberships')
    op.drop_table('memberships')
    op.drop_index('uq_webhook_inbox_tracker_id_delivery_id', table_name='webhook_inbox')
    op.drop_index('ix_webhook_inbox_waiting', table_name='webhook_inbox', postgresql_where=sa.text('processed_at IS NULL'))
    op.drop_table('webhook_inbox')
    op.drop_index('uq_tracker_projects_tracker_id_remote_id', table_name='tracker_projects')
    op.drop_table('tracker_projects')
    op.drop_index(op.f('ix_teams_lead_id'), table_name='teams')
    op.drop_table('teams')
    op.drop_table('trackers')
    op.drop_index('uq_people_github_login', table_name='people')
    op.drop_table('people')
    op.drop_table('api_tokens')
    op.drop_index('ix_activities_subject', table_name='activities')
    op.drop_table('activities')
    op.execute("DROP FUNCTION refuse_change()")
