"""The texts of pages that are pictures: a crash, a retry or other settings do not have them recognized again.

Frozen, as every migration.
"""

import sqlalchemy as sa
from alembic import op

from headrace.store.types import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table; workers that do not know it recognize anew."""
    op.create_table(
        "recognition",
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.document_id"],
            name=op.f("fk_recognition_document_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("document_id", "key", name=op.f("pk_recognition")),
        comment="texts of pages that are pictures: `key` is the sha256 of the pixels, the program and its languages",
    )


def downgrade() -> None:
    """What is lost is recognized again."""
    op.drop_table("recognition")
