"""Which receipts a worker is about to write, so that no other pays for the same.

Frozen, as every migration.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table; workers that do not know it pay without asking."""
    op.create_table(
        "payment",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("worker_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_payment")),
        comment="receipts that a worker is about to write; void once it is gone, which its lock tells (Postgres only)",
    )
    op.create_index(op.f("ix_payment_worker_id"), "payment", ["worker_id"])


def downgrade() -> None:
    """Nothing of it is a promise."""
    op.drop_table("payment")
