"""What was sent before is known again: recipes, verdicts, revisions, likenesses; and workspaces know their vectors.

Frozen, as every migration.
"""

import sqlalchemy as sa
from alembic import op

from headrace.store.types import Json

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns that may be empty, and two tables."""
    op.add_column("document", sa.Column("recipe", sa.String(length=64), nullable=True))
    op.create_index("ix_document_same", "document", ["workspace_id", "sha256"], unique=False)
    op.add_column("item", sa.Column("verdict", sa.String(length=16), nullable=False, server_default="new"))
    op.add_column("workspace", sa.Column("embedder", sa.String(length=128), nullable=True))
    op.add_column("workspace", sa.Column("vectors_number", Number, nullable=False, server_default="0"))
    op.create_table(
        "revision",
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(length=128), nullable=False),
        sa.Column("size", Number, nullable=False),
        sa.Column("blob_key", sa.String(length=64), nullable=False),
        sa.Column("blob_offset", Number, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("recipe", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.document_id"], name=op.f("fk_revision_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", "version", name=op.f("pk_revision")),
        comment="the bytes and metadata of a version of a document that was sent again, changed",
    )
    op.create_index(op.f("ix_revision_blob_key"), "revision", ["blob_key"], unique=False)
    op.create_table(
        "likeness",
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("band", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("simhash", sa.LargeBinary(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.document_id"], name=op.f("fk_likeness_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace_id", "band", "document_id", name=op.f("pk_likeness")),
        comment="a quarter of a document's simhash, in which texts that are nearly the same agree",
    )
    op.create_index(op.f("ix_likeness_document_id"), "likeness", ["document_id"], unique=False)
