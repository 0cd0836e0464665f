"""Workers say who they are and what they have in hand.

Frozen, as every migration.
"""

import sqlalchemy as sa
from alembic import op

from headrace.store.types import Instant, Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table more: servers and workers that do not know it go on without."""
    op.create_table(
        "worker",
        sa.Column("worker_id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("is_draining", sa.Boolean(), nullable=False),
        sa.Column("job_ids", Json, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("pk_worker")),
        comment="the workers as they last described themselves; for people to look at, nothing is decided by it",
    )


def downgrade() -> None:
    """Nobody misses it."""
    op.drop_table("worker")
