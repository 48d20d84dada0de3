"""The sync of all fields: comments, sweeps, pacing."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = '0001'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ATTEMPTS_OF_TRACKERS = """
UPDATE sync_attempts SET tracker_id = tracker_projects.tracker_id
FROM issue_links JOIN tracker_projects ON tracker_projects.id = issue_links.tracker_project_id
WHERE issue_links.id = sync_attempts.link_id
"""
# Table, name, and what it checks from now on and before.
CHECKS = (
    ('issue_links', 'state', "state IN ('pending', 'creating', 'unknown', 'linked', 'moved', 'gone', 'detached', 'needs_attention')", "state IN ('pending', 'creating', 'unknown', 'linked', 'gone', 'detached', 'needs_attention')"),
    ('issue_links', 'remote_id', "state NOT IN ('linked', 'moved', 'gone') OR remote_id IS NOT NULL", "state NOT IN ('linked', 'gone') OR remote_id IS NOT NULL"),
    ('sync_attempts', 'operation', "operation IN ('create', 'update', 'comment', 'close_duplicate')", "operation IN ('create', 'update')"),
)


def upgrade() -> None:
    op.create_table('comments',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('task_id', sa.Uuid(), nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('author', sa.String(300), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('link_id', sa.Uuid(), nullable=True),
    sa.Column('remote_id', sa.String(64), nullable=True),
    sa.Column('url', sa.String(2000), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("origin IN ('here', 'tracker')", name=op.f('ck_comments_origin')),
    sa.CheckConstraint('char_length(body) BETWEEN 0 AND 65536', name=op.f('ck_comments_body_length')),
    sa.ForeignKeyConstraint(['link_id'], ['issue_links.id'], name=op.f('fk_comments_link_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name=op.f('fk_comments_task_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_comments'))
    )
    op.create_index('ix_comments_task_id_id', 'comments', ['task_id', 'id'], unique=False)
    op.create_index('uq_comments_link_id_remote_id', 'comments', ['link_id', 'remote_id'], unique=True, postgresql_where=sa.text("origin = 'tracker'"))
    op.create_table('comment_posts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('comment_id', sa.Uuid(), nullable=False),
    sa.Column('link_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('remote_id', sa.String(64), nullable=True),
    sa.Column('url', sa.String(2000), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('probes', sa.Integer(), nullable=False),
    sa.Column('note', sa.String(2000), nullable=True),
    sa.CheckConstraint("state IN ('waiting', 'sending', 'unknown', 'posted', 'refused')", name=op.f('ck_comment_posts_state')),
    sa.ForeignKeyConstraint(['comment_id'], ['comments.id'], name=op.f('fk_comment_posts_comment_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['link_id'], ['issue_links.id'], name=op.f('fk_comment_posts_link_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_comment_posts'))
    )
    op.create_index('ix_comment_posts_open', 'comment_posts', ['link_id', 'id'], unique=False, postgresql_where=sa.text("state IN ('waiting', 'sending', 'unknown')"))
    op.create_index('uq_comment_posts_comment_id_link_id', 'comment_posts', ['comment_id', 'link_id'], unique=True)
    op.add_column('issue_links', sa.Column('issue_type', sa.String(100), nullable=True))
    op.add_column('issue_links', sa.Column('background', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column('issue_links', 'background', server_default=None)
    op.add_column('issue_links', sa.Column('local', postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default=sa.text("'{}'")))
    op.alter_column('issue_links', 'local', server_default=None)
    op.add_column('issue_links', sa.Column('flips', postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default=sa.text("'[]'")))
    op.alter_column('issue_links', 'flips', server_default=None)
    op.add_column('issue_links', sa.Column('bystanders', postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default=sa.text("'[]'")))
    op.alter_column('issue_links', 'bystanders', server_default=None)
    op.add_column('issue_links', sa.Column('comments_due', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column('issue_links', 'comments_due', server_default=None)
    op.add_column('issue_links', sa.Column('comments_seen', sa.Integer(), nullable=False, server_default='0'))
    op.alter_column('issue_links', 'comments_seen', server_default=None)
    op.add_column('issue_links', sa.Column('comments_seen_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('routes', sa.Column('issue_type', sa.String(100), nullable=True))
    op.add_column('sync_attempts', sa.Column('tracker_id', sa.Uuid(), nullable=True))
    op.execute(ATTEMPTS_OF_TRACKERS)
    op.alter_column('sync_attempts', 'tracker_id', nullable=False)
    op.add_column('sync_attempts', sa.Column('comment_id', sa.Uuid(), nullable=True))
    op.create_index('ix_sync_attempts_tracker_id_started_at', 'sync_attempts', ['tracker_id', 'started_at'], unique=False)
    op.create_foreign_key(op.f('fk_sync_attempts_tracker_id'), 'sync_attempts', 'trackers', ['tracker_id'], ['id'], ondelete='CASCADE')
    op.add_column('sync_conflicts', sa.Column('resolution', sa.Text(), nullable=True))
    op.add_column('sync_conflicts', sa.Column('resolved_by', sa.String(300), nullable=True))
    op.add_column('tracker_projects', sa.Column('due_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('tracker_projects', sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True))
    op.add_column('tracker_projects', sa.Column('swept_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('tracker_projects', sa.Column('audit_after', sa.Uuid(), nullable=True))
    op.add_column('tracker_projects', sa.Column('webhook_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('tracker_projects', sa.Column('unannounced_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('tracker_projects', sa.Column('hook', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True))
    op.add_column('tracker_projects', sa.Column('hook_checked_at', sa.DateTime(timezone=True), nullable=True))
    op.drop_column('tracker_projects', 'sweep_cursor')
    op.add_column('tracker_projects', sa.Column('sweep_cursor', sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE tracker_projects SET due_at = now()")
    op.create_index('ix_tracker_projects_due_at', 'tracker_projects', ['due_at'], unique=False, postgresql_where=sa.text('due_at IS NOT NULL'))
    op.add_column('trackers', sa.Column('failures', sa.Integer(), nullable=False, server_default='0'))
    op.alter_column('trackers', 'failures', server_default=None)
    op.add_column('trackers', sa.Column('limited_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('trackers', sa.Column('limited_creations', sa.Float(), nullable=True))
    op.create_check_constraint("resolution", "sync_conflicts", "resolution IN ('local', 'remote')")
    op.create_check_constraint("resolved_at", "sync_conflicts", "(resolution IS NULL) = (resolved_at IS NULL)")
    for table, name, now, _ in CHECKS:
        _check(table, name, now)


def _check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(name, table, condition)


def downgrade() -> None:
    op.execute("UPDATE issue_links SET state = 'linked' WHERE state = 'moved'")
    op.execute("DELETE FROM sync_attempts WHERE operation NOT IN ('create', 'update')")
    for table, name, _, before in CHECKS:
        _check(table, name, before)
    op.drop_column('trackers', 'limited_creations')
    op.drop_column('trackers', 'limited_at')
    op.drop_column('trackers', 'failures')
    op.drop_index('ix_tracker_projects_due_at', table_name='tracker_projects', postgresql_where=sa.text('due_at IS NOT NULL'))
    op.drop_column('tracker_projects', 'sweep_cursor')
    op.add_column('tracker_projects', sa.Column('sweep_cursor', sa.String(), nullable=True))
    op.drop_column('tracker_projects', 'hook_checked_at')
    op.drop_column('tracker_projects', 'hook')
    op.drop_column('tracker_projects', 'unannounced_since')
    op.drop_column('tracker_projects', 'webhook_at')
    op.drop_column('tracker_projects', 'audit_after')
    op.drop_column('tracker_projects', 'swept_at')
    op.drop_column('tracker_projects', 'lease_until')
    op.drop_column('tracker_projects', 'due_at')
    op.drop_column('sync_conflicts', 'resolved_by')
    op.drop_column('sync_conflicts', 'resolution')
    op.drop_constraint(op.f('fk_sync_attempts_tracker_id'), 'sync_attempts', type_='foreignkey')
    op.drop_index('ix_sync_attempts_tracker_id_started_at', table_name='sync_attempts')
    op.drop_column('sync_attempts', 'comment_id')
    op.drop_column('sync_attempts', 'tracker_id')
    op.drop_column('routes', 'issue_type')
    op.drop_column('issue_links', 'comments_seen_at')
    op.drop_column('issue_links', 'comments_seen')
    op.drop_column('issue_links', 'comments_due')
    op.drop_column('issue_links', 'flips')
    op.drop_column('issue_links', 'bystanders')
    op.drop_column('issue_links', 'local')
    op.drop_column('issue_links', 'background')
    op.drop_column('issue_links', 'issue_type')
    op.drop_index('uq_comment_posts_comment_id_link_id', table_name='comment_posts')
    op.drop_index('ix_comment_posts_open', table_name='comment_posts', postgresql_where=sa.text("state IN ('waiting', 'sending', 'unknown')"))
    op.drop_table('comment_posts')
    op.drop_index('uq_comments_link_id_remote_id', table_name='comments', postgresql_where=sa.text("origin = 'tracker'"))
    op.drop_index('ix_comments_task_id_id', table_name='comments')
    op.drop_table('comments')
