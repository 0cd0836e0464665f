"""What is asked of the queue whenever a job is accepted takes as long with 100,000 that wait as with ten.

Frozen, as every migration.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index."""
    op.create_index("ix_job_waiting", "job", ["status", "user_id", "queue_tag", "total_items"])


def downgrade() -> None:
    """Accepting is as slow as before in a long queue."""
    op.drop_index("ix_job_waiting", table_name="job")
