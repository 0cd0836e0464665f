"""What workers tell of themselves, and the trace that a job belongs to.

Frozen, as every migration.
"""

import sqlalchemy as sa
from alembic import op

from headrace.store.types import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; servers and workers that do not know them go on without."""
    op.create_table(
        "telemetry",
        sa.Column("worker_id", sa.String(length=64), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("samples", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("pk_telemetry")),
        comment="each worker's numbers as it last told them, in Prometheus' text format",
    )
    op.create_table(
        "job_trace",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.job_id"], name=op.f("fk_job_trace_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_trace")),
        comment="the trace (W3C traceparent) that a job's work belongs to, where its request came with one",
    )


def downgrade() -> None:
    """Nothing of it is a promise."""
    op.drop_table("job_trace")
    op.drop_table("telemetry")
