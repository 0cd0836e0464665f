"""The tables of what is kept: users, workspaces, documents and the passages that are searched."""

import sqlalchemy as sa

from headrace.model.vocabulary import ProcessingStatus, WorkspaceStatus
from headrace.store.schema.columns import ID, USER, Number, metadata, not_negative, one_of
from headrace.store.types import HalfVector, Instant, Json

account = sa.Table(
    "account",
    metadata,
    sa.Column("user_id", USER, primary_key=True),
    sa.Column("last_number", Number, nullable=False, server_default="0"),
    sa.Column("pruned_number", Number, nullable=False, server_default="0"),
    *not_negative("last_number", "pruned_number"),
    comment="each user's stream: its newest number, and the newest that was cleaned away",
)

workspace = sa.Table(
    "workspace",
    metadata,
    sa.Column("workspace_id", ID, primary_key=True),
    sa.Column("user_id", USER, nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("status_message", sa.Text),
    sa.Column("rag_config", Json, nullable=False),
    sa.Column("index_number", Number, nullable=False, server_default="0"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.Column("embedder", sa.String(128)),
    sa.Column("vectors_number", Number, nullable=False, server_default="0"),
    sa.UniqueConstraint("user_id", "name"),
    one_of("status", WorkspaceStatus),
)

rag_default = sa.Table(
    "rag_default",
    metadata,
    sa.Column("user_id", USER, primary_key=True),
    sa.Column("rag_config", Json, nullable=False),
    comment="what a user's workspaces have where they set nothing themselves",
)

document = sa.Table(
    "document",
    metadata,
    sa.Column("document_id", ID, primary_key=True),
    sa.Column("user_id", USER, nullable=False),
    sa.Column("workspace_id", ID, sa.ForeignKey("workspace.workspace_id"), nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("content_type", sa.String(128), nullable=False),
    sa.Column("size", Number, nullable=False),
    sa.Column("blob_key", sa.String(64), nullable=False, index=True),
    sa.Column("blob_offset", Number, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("processing_status", sa.String(16), nullable=False, index=True),
    sa.Column("processing_error", sa.Text),
    sa.Column("chunk_count", sa.Integer),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("job_id", ID),
    sa.Column("live_version", sa.Integer),
    sa.Column("next_version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.Column("recipe", sa.String(64)),
    sa.Index("ix_document_same", "workspace_id", "sha256"),
    sa.Index(
        "ix_document_deleted",
        "deleted_at",
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    ),
    sa.CheckConstraint("deleted_at IS NULL OR live_version IS NULL", name="deleted_is_not_searched"),
    sa.Index("ix_document_newest", "user_id", "document_id"),
    sa.Index("ix_document_workspace", "workspace_id", "live_version"),
    one_of("processing_status", ProcessingStatus),
    *not_negative("size", "blob_offset"),
)

revision = sa.Table(
    "revision",
    metadata,
    sa.Column("document_id", ID, sa.ForeignKey("document.document_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("content_type", sa.String(128), nullable=False),
    sa.Column("size", Number, nullable=False),
    sa.Column("blob_key", sa.String(64), nullable=False, index=True),
    sa.Column("blob_offset", Number, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("recipe", sa.String(64)),
    comment="the bytes and metadata of a version of a document that was sent again, changed",
)

likeness = sa.Table(
    "likeness",
    metadata,
    sa.Column("workspace_id", ID, primary_key=True),
    sa.Column("band", sa.Integer, primary_key=True),
    sa.Column(
        "document_id", ID, sa.ForeignKey("document.document_id", ondelete="CASCADE"), primary_key=True, index=True
    ),
    sa.Column("simhash", sa.LargeBinary(8), nullable=False),
    comment="a quarter of a document's simhash, in which texts that are nearly the same agree",
)

chunk = sa.Table(
    "chunk",
    metadata,
    sa.Column("chunk_id", Number, primary_key=True, autoincrement=True),
    sa.Column("document_id", ID, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("workspace_id", ID, nullable=False, index=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("start_offset", Number, nullable=False),
    sa.Column("end_offset", Number, nullable=False),
    sa.Column("page", sa.Integer),
    sa.Column("heading", sa.Text),
    sa.Column("is_indexed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("vector", HalfVector),
    sa.UniqueConstraint("document_id", "version", "ordinal"),
    sqlite_autoincrement=True,
    comment="passages; searched when their version is their document's live one",
)

receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    comment="embeddings paid for: sha256 of model, parameters and text, and the float16 vector",
)

recognition = sa.Table(
    "recognition",
    metadata,
    sa.Column("document_id", ID, sa.ForeignKey("document.document_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    comment="texts of pages that are pictures: `key` is the sha256 of the pixels, the program and its languages",
)

payment = sa.Table(
    "payment",
    metadata,
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("worker_id", sa.String(64), nullable=False, index=True),
    comment="receipts that a worker is about to write; void once it is gone, which its lock tells (Postgres only)",
)
