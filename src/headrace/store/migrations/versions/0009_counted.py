"""A document's part in what its job has counted, so that a retry counts nothing twice.

Frozen, as every migration.
"""

import sqlalchemy as sa
from alembic import op

from headrace.store.types import Json

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column; of documents from before nothing is taken off."""
    op.add_column("item", sa.Column("counted", Json, nullable=False, server_default="{}"))


def downgrade() -> None:
    """A retry counts twice again."""
    op.drop_column("item", "counted")
