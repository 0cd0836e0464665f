"""How fast work went is remembered, and a job knows what it was expected to take.

Frozen, as every migration.
"""

import sqlalchemy as sa
from alembic import op

from headrace.store.types import Instant, Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table, and a column that may be empty: servers and workers that do not know them go on without."""
    op.add_column("job", sa.Column("forecast", Json, nullable=True))
    op.create_table(
        "pace",
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=512), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("count", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.CheckConstraint("count >= 0", name=op.f("ck_pace_count_not_negative")),
        sa.CheckConstraint("seconds >= 0", name=op.f("ck_pace_seconds_not_negative")),
        sa.PrimaryKeyConstraint("stage", "kind", "unit", name=op.f("pk_pace")),
        comment="how long finished work took, older work counting less: what the time left of a new job is drawn from",
    )


def downgrade() -> None:
    """Times left are measured anew in each job."""
    op.drop_table("pace")
    op.drop_column("job", "forecast")
