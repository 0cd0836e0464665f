"""The first schema: jobs, items, documents, workspaces, the log, chunks and their index.

Frozen: it says what was shipped, whatever `schema.py` says by now. Changes are migrations of their own.
"""

import sqlalchemy as sa
from alembic import op

from headrace.store.types import HalfVector, Instant, Json

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

KEYWORD_INDEX = {
    "sqlite": [
        "CREATE VIRTUAL TABLE chunk_fts USING fts5("
        "text, content='chunk', content_rowid='chunk_id', tokenize='porter unicode61')"
    ],
    "postgresql": [
        "CREATE TABLE chunk_fts ("
        "chunk_id bigint PRIMARY KEY REFERENCES chunk ON DELETE CASCADE, words tsvector NOT NULL)",
        "CREATE INDEX ix_chunk_fts_words ON chunk_fts USING gin (words)",
    ],
}


def upgrade() -> None:
    """Create everything."""
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    _create_tables()
    for statement in KEYWORD_INDEX[dialect]:
        op.execute(statement)


def _create_tables() -> None:
    op.create_table(
        "account",
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("last_number", Number, server_default="0", nullable=False),
        sa.Column("pruned_number", Number, server_default="0", nullable=False),
        sa.CheckConstraint("last_number >= 0", name=op.f("ck_account_last_number_not_negative")),
        sa.CheckConstraint("pruned_number >= 0", name=op.f("ck_account_pruned_number_not_negative")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_account")),
        comment="each user's stream: its newest number, and the newest that was cleaned away",
    )
    op.create_table(
        "chunk",
        sa.Column("chunk_id", Number, autoincrement=True, nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("start_offset", Number, nullable=False),
        sa.Column("end_offset", Number, nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("heading", sa.Text(), nullable=True),
        sa.Column("is_indexed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("vector", HalfVector(), nullable=True),
        sa.PrimaryKeyConstraint("chunk_id", name=op.f("pk_chunk")),
        sa.UniqueConstraint("document_id", "version", "ordinal", name=op.f("uq_chunk_document_id_version_ordinal")),
        comment="passages; searched when their version is their document's live one",
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_chunk_workspace_id"), "chunk", ["workspace_id"], unique=False)
    op.create_table(
        "event",
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("number", Number, autoincrement=False, nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("sequence", Number, nullable=True),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("(job_id IS NULL) = (sequence IS NULL)", name=op.f("ck_event_numbered_in_its_job")),
        sa.PrimaryKeyConstraint("user_id", "number", name=op.f("pk_event")),
        comment="the log; `body` is the frame without its event_id, as text",
    )
    op.create_index("ix_event_job", "event", ["job_id", "sequence"], unique=True)
    op.create_table(
        "installation",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
        comment="facts of this database: `epoch` names its log and is renewed when a backup is restored",
    )
    op.create_table(
        "job",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=True),
        sa.Column("job_type", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("waiting_for", sa.Text(), nullable=True),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("stats", Json, nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("total_items", sa.Integer(), nullable=False),
        sa.Column("processed_items", sa.Integer(), nullable=False),
        sa.Column("failed_items", sa.Integer(), nullable=False),
        sa.Column("chunks_created", sa.Integer(), nullable=False),
        sa.Column("current_chunk", sa.Integer(), nullable=True),
        sa.Column("total_chunks", sa.Integer(), nullable=True),
        sa.Column("work_done", Number, nullable=False),
        sa.Column("work_total", Number, nullable=False),
        sa.Column("work_done_at_start", Number, nullable=False),
        sa.Column("work_started_at", Instant(), nullable=True),
        sa.Column("progress_reported_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("completed_at", Instant(), nullable=True),
        sa.Column("queue_tag", Number, nullable=False),
        sa.Column("force_recreate", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("lease_seconds", sa.Double(), nullable=True),
        sa.Column("lease_renewals", Number, server_default="0", nullable=False),
        sa.Column("sequence", Number, nullable=False),
        sa.Column("last_number", Number, nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("request_hash", sa.String(length=64), nullable=True),
        sa.CheckConstraint("(progress = 1) = (status = 'completed')", name=op.f("ck_job_all_done_only_when_completed")),
        sa.CheckConstraint(
            "(status IN ('cancelled', 'completed', 'failed')) = (completed_at IS NOT NULL)",
            name=op.f("ck_job_ended_jobs_say_when"),
        ),
        sa.CheckConstraint(
            "stage IN ('received', 'extracting', 'chunking', 'enriching', 'indexing', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_job_stage_known"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_job_status_known"),
        ),
        sa.CheckConstraint("chunks_created >= 0", name=op.f("ck_job_chunks_created_not_negative")),
        sa.CheckConstraint(
            "failed_items <= processed_items AND processed_items <= total_items", name=op.f("ck_job_items_add_up")
        ),
        sa.CheckConstraint("failed_items >= 0", name=op.f("ck_job_failed_items_not_negative")),
        sa.CheckConstraint("last_number >= 0", name=op.f("ck_job_last_number_not_negative")),
        sa.CheckConstraint("progress >= 0 AND progress <= 1", name=op.f("ck_job_progress_is_a_share")),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_job_sequence_not_negative")),
        sa.CheckConstraint("total_chunks IS NULL OR total_chunks > 0", name=op.f("ck_job_never_of_zero")),
        sa.CheckConstraint("work_done >= 0", name=op.f("ck_job_work_done_not_negative")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job")),
        sa.UniqueConstraint("user_id", "idempotency_key", name=op.f("uq_job_user_id_idempotency_key")),
    )
    op.create_index("ix_job_newest", "job", ["user_id", "job_id"], unique=False)
    op.create_index("ix_job_queue", "job", ["status", "queue_tag"], unique=False)
    op.create_index("ix_job_status", "job", ["user_id", "status", "job_id"], unique=False)
    op.create_table(
        "rag_default",
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("rag_config", Json, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_rag_default")),
        comment="what a user's workspaces have where they set nothing themselves",
    )
    op.create_table(
        "receipt",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_receipt")),
        comment="embeddings paid for: sha256 of model, parameters and text, and the float16 vector",
    )
    op.create_table(
        "relay",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_relay")),
        comment="other systems that the log is sent on to; one that was never here starts at the present",
    )
    op.create_table(
        "token",
        sa.Column("token_id", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("parent_id", sa.String(length=16), nullable=True),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.CheckConstraint("parent_id IS NULL OR expires_at IS NOT NULL", name=op.f("ck_token_sessions_expire")),
        sa.ForeignKeyConstraint(["parent_id"], ["token.token_id"], name=op.f("fk_token_parent_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_token_token_hash")),
        comment="API tokens, and the sessions made from them (those have a parent); only the sha256 of the secret is here",
    )
    op.create_index(op.f("ix_token_parent_id"), "token", ["parent_id"], unique=False)
    op.create_table(
        "workspace",
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("rag_config", Json, nullable=False),
        sa.Column("index_number", Number, server_default="0", nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.CheckConstraint("status IN ('provisioning', 'ready', 'error')", name=op.f("ck_workspace_status_known")),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_workspace")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_workspace_user_id_name")),
    )
    op.create_index(op.f("ix_workspace_status"), "workspace", ["status"], unique=False)
    op.create_table(
        "document",
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(length=128), nullable=False),
        sa.Column("size", Number, nullable=False),
        sa.Column("blob_key", sa.String(length=64), nullable=False),
        sa.Column("blob_offset", Number, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("processing_status", sa.String(length=16), nullable=False),
        sa.Column("processing_error", sa.Text(), nullable=True),
        sa.Column("chunk_count", sa.Integer(), nullable=True),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("live_version", sa.Integer(), nullable=True),
        sa.Column("next_version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "processing_status IN ('pending', 'processing', 'ready', 'failed')",
            name=op.f("ck_document_processing_status_known"),
        ),
        sa.CheckConstraint("blob_offset >= 0", name=op.f("ck_document_blob_offset_not_negative")),
        sa.CheckConstraint(
            "deleted_at IS NULL OR live_version IS NULL", name=op.f("ck_document_deleted_is_not_searched")
        ),
        sa.CheckConstraint("size >= 0", name=op.f("ck_document_size_not_negative")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.workspace_id"], name=op.f("fk_document_workspace_id")),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_document")),
    )
    op.create_index(op.f("ix_document_blob_key"), "document", ["blob_key"], unique=False)
    op.create_index(
        "ix_document_deleted",
        "document",
        ["deleted_at"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index("ix_document_newest", "document", ["user_id", "document_id"], unique=False)
    op.create_index(op.f("ix_document_processing_status"), "document", ["processing_status"], unique=False)
    op.create_index("ix_document_workspace", "document", ["workspace_id", "live_version"], unique=False)
    op.create_table(
        "item",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("stage_rank", sa.Integer(), nullable=False),
        sa.Column("work_done", Number, nullable=False),
        sa.Column("work_total", Number, nullable=False),
        sa.Column("sections_done", sa.Integer(), nullable=False),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("chunk_count", sa.Integer(), nullable=False),
        sa.Column("chunks_indexed", sa.Integer(), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("description", Json, nullable=False),
        sa.Column("leftover_version", sa.Integer(), nullable=True),
        sa.Column("error_code", sa.String(length=32), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "stage IN ('received', 'extracting', 'chunking', 'enriching', 'indexing', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_item_stage_known"),
        ),
        sa.CheckConstraint("chunks_indexed <= chunk_count", name=op.f("ck_item_chunks_add_up")),
        sa.CheckConstraint("chunks_indexed >= 0", name=op.f("ck_item_chunks_indexed_not_negative")),
        sa.CheckConstraint("claim >= 0", name=op.f("ck_item_claim_not_negative")),
        sa.CheckConstraint("deaths >= 0", name=op.f("ck_item_deaths_not_negative")),
        sa.CheckConstraint("sections_done >= 0", name=op.f("ck_item_sections_done_not_negative")),
        sa.CheckConstraint("work_done <= work_total", name=op.f("ck_item_work_adds_up")),
        sa.CheckConstraint("work_done >= 0", name=op.f("ck_item_work_done_not_negative")),
        sa.ForeignKeyConstraint(["job_id"], ["job.job_id"], name=op.f("fk_item_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "ordinal", name=op.f("pk_item")),
    )
    op.create_index(op.f("ix_item_document_id"), "item", ["document_id"], unique=False)
    op.create_index(
        "ix_item_leftover",
        "item",
        ["leftover_version"],
        unique=False,
        sqlite_where=sa.text("leftover_version IS NOT NULL"),
        postgresql_where=sa.text("leftover_version IS NOT NULL"),
    )
    op.create_index("ix_item_stage", "item", ["job_id", "stage_rank"], unique=False)
    op.create_table(
        "relay_position",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("number", Number, nullable=False),
        sa.CheckConstraint("number >= 0", name=op.f("ck_relay_position_number_not_negative")),
        sa.ForeignKeyConstraint(["name"], ["relay.name"], name=op.f("fk_relay_position_name"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name", "user_id", name=op.f("pk_relay_position")),
        comment="the newest event of each user that a relay has certainly sent",
    )
    op.create_table(
        "ticket",
        sa.Column("ticket_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("token_id", sa.String(length=16), nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["token.token_id"], name=op.f("fk_ticket_token_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("ticket_hash", name=op.f("pk_ticket")),
        comment="each opens one stream once, within seconds; deleted when used",
    )
    op.create_index(op.f("ix_ticket_expires_at"), "ticket", ["expires_at"], unique=False)
    op.create_index(op.f("ix_ticket_token_id"), "ticket", ["token_id"], unique=False)
    op.create_table(
        "webhook",
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=128), nullable=False),
        sa.Column("types", Json, nullable=False),
        sa.Column("number", Number, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.CheckConstraint("number >= 0", name=op.f("ck_webhook_number_not_negative")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.workspace_id"], name=op.f("fk_webhook_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_webhook")),
        comment="where a workspace's events are posted to; `number` is the newest of its user's that was looked at",
    )
    op.create_index(op.f("ix_webhook_user_id"), "webhook", ["user_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("delivery_id", Number, autoincrement=True, nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("line", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("next_attempt_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "(status = 'pending') = (next_attempt_at IS NOT NULL)", name=op.f("ck_delivery_pending_says_when")
        ),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'failed')", name=op.f("ck_delivery_status_known")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_delivery_attempts_not_negative")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["webhook.workspace_id"], name=op.f("fk_delivery_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("workspace_id", "event_id", name=op.f("uq_delivery_workspace_id_event_id")),
        comment="events on their way to a webhook; those of one line (a job) go one after the other",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_due", "delivery", ["status", "next_attempt_at"], unique=False)
    op.create_index("ix_delivery_line", "delivery", ["workspace_id", "line", "status", "delivery_id"], unique=False)
