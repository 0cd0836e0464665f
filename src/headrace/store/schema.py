"""The tables. What can be said as a constraint is said as one; the migrations sum up to exactly this."""

import sqlalchemy as sa

from headrace.model.vocabulary import (
    FINAL_STATUSES,
    DeliveryStatus,
    JobStatus,
    ProcessingStatus,
    Stage,
    Verdict,
    WorkspaceStatus,
)
from headrace.store.types import HalfVector, Instant, Json

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

ID = sa.String(36)
USER = sa.String(255)
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _one_of(column: str, words: object) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)  # type: ignore[attr-defined]
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def _not_negative(*columns: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns]


installation = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    comment="facts of this database: `epoch` names its log and is renewed when a backup is restored",
)

account = sa.Table(
    "account",
    metadata,
    sa.Column("user_id", USER, primary_key=True),
    sa.Column("last_number", Number, nullable=False, server_default="0"),
    sa.Column("pruned_number", Number, nullable=False, server_default="0"),
    *_not_negative("last_number", "pruned_number"),
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
    _one_of("status", WorkspaceStatus),
)

rag_default = sa.Table(
    "rag_default",
    metadata,
    sa.Column("user_id", USER, primary_key=True),
    sa.Column("rag_config", Json, nullable=False),
    comment="what a user's workspaces have where they set nothing themselves",
)

job = sa.Table(
    "job",
    metadata,
    sa.Column("job_id", ID, primary_key=True),
    sa.Column("user_id", USER, nullable=False),
    sa.Column("workspace_id", ID),
    sa.Column("job_type", sa.String(32), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("error_message", sa.Text),
    sa.Column("waiting_for", sa.Text),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("stats", Json, nullable=False),
    sa.Column("progress", sa.Double, nullable=False),
    sa.Column("total_items", sa.Integer, nullable=False),
    sa.Column("processed_items", sa.Integer, nullable=False),
    sa.Column("failed_items", sa.Integer, nullable=False),
    sa.Column("chunks_created", sa.Integer, nullable=False),
    sa.Column("current_chunk", sa.Integer),
    sa.Column("total_chunks", sa.Integer),
    sa.Column("work_done", Number, nullable=False),
    sa.Column("work_total", Number, nullable=False),
    sa.Column("work_done_at_start", Number, nullable=False),
    sa.Column("work_started_at", Instant),
    sa.Column("forecast", Json),
    sa.Column("progress_reported_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("completed_at", Instant),
    sa.Column("queue_tag", Number, nullable=False),
    sa.Column("force_recreate", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("lease_seconds", sa.Double),
    sa.Column("lease_renewals", Number, nullable=False, server_default="0"),
    sa.Column("sequence", Number, nullable=False),
    sa.Column("last_number", Number, nullable=False),
    sa.Column("idempotency_key", sa.String(255)),
    sa.Column("request_hash", sa.String(64)),
    sa.UniqueConstraint("user_id", "idempotency_key"),
    sa.Index("ix_job_newest", "user_id", "job_id"),
    sa.Index("ix_job_status", "user_id", "status", "job_id"),
    sa.Index("ix_job_queue", "status", "queue_tag"),
    _one_of("status", JobStatus),
    _one_of("stage", Stage),
    sa.CheckConstraint(
        f"(status IN ({', '.join(repr(str(word)) for word in sorted(FINAL_STATUSES))})) = (completed_at IS NOT NULL)",
        name="ended_jobs_say_when",
    ),
    sa.CheckConstraint("progress >= 0 AND progress <= 1", name="progress_is_a_share"),
    sa.CheckConstraint("(progress = 1) = (status = 'completed')", name="all_done_only_when_completed"),
    sa.CheckConstraint("failed_items <= processed_items AND processed_items <= total_items", name="items_add_up"),
    sa.CheckConstraint("total_chunks IS NULL OR total_chunks > 0", name="never_of_zero"),
    *_not_negative("failed_items", "chunks_created", "work_done", "sequence", "last_number"),
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
    _one_of("processing_status", ProcessingStatus),
    *_not_negative("size", "blob_offset"),
)

item = sa.Table(
    "item",
    metadata,
    sa.Column("job_id", ID, sa.ForeignKey("job.job_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("document_id", ID, nullable=False, index=True),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("stage_rank", sa.Integer, nullable=False),
    sa.Column("work_done", Number, nullable=False),
    sa.Column("work_total", Number, nullable=False),
    sa.Column("sections_done", sa.Integer, nullable=False),
    sa.Column("page_count", sa.Integer),
    sa.Column("chunk_count", sa.Integer, nullable=False),
    sa.Column("chunks_indexed", sa.Integer, nullable=False),
    sa.Column("claim", sa.Integer, nullable=False),
    sa.Column("deaths", sa.Integer, nullable=False),
    sa.Column("description", Json, nullable=False),
    sa.Column("leftover_version", sa.Integer),
    sa.Column("error_code", sa.String(32)),
    sa.Column("error_message", sa.Text),
    sa.Column("verdict", sa.String(16), nullable=False, server_default=Verdict.NEW),
    sa.Index("ix_item_stage", "job_id", "stage_rank"),
    sa.Index(
        "ix_item_leftover",
        "leftover_version",
        sqlite_where=sa.text("leftover_version IS NOT NULL"),
        postgresql_where=sa.text("leftover_version IS NOT NULL"),
    ),
    _one_of("stage", Stage),
    sa.CheckConstraint("work_done <= work_total", name="work_adds_up"),
    sa.CheckConstraint("chunks_indexed <= chunk_count", name="chunks_add_up"),
    *_not_negative("work_done", "sections_done", "chunks_indexed", "claim", "deaths"),
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

event = sa.Table(
    "event",
    metadata,
    sa.Column("user_id", USER, primary_key=True),
    sa.Column("number", Number, primary_key=True, autoincrement=False),
    sa.Column("job_id", ID),
    sa.Column("sequence", Number),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("ix_event_job", "job_id", "sequence", unique=True),
    sa.CheckConstraint("(job_id IS NULL) = (sequence IS NULL)", name="numbered_in_its_job"),
    comment="the log; `body` is the frame without its event_id, as text",
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

token = sa.Table(
    "token",
    metadata,
    sa.Column("token_id", sa.String(16), primary_key=True),
    sa.Column("token_hash", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("parent_id", sa.String(16), sa.ForeignKey("token.token_id", ondelete="CASCADE"), index=True),
    sa.Column("user_id", USER, nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("scopes", sa.String(64), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_used_at", Instant),
    sa.Column("expires_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.CheckConstraint("parent_id IS NULL OR expires_at IS NOT NULL", name="sessions_expire"),
    comment="API tokens, and the sessions made from them (those have a parent); only the sha256 of the secret is here",
)

telemetry = sa.Table(
    "telemetry",
    metadata,
    sa.Column("worker_id", sa.String(64), primary_key=True),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("samples", sa.Text, nullable=False),
    comment="each worker's numbers as it last told them, in Prometheus' text format",
)

job_trace = sa.Table(
    "job_trace",
    metadata,
    sa.Column("job_id", ID, sa.ForeignKey("job.job_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("traceparent", sa.String(64), nullable=False),
    comment="the trace (W3C traceparent) that a job's work belongs to, where its request came with one",
)

ticket = sa.Table(
    "ticket",
    metadata,
    sa.Column("ticket_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("user_id", USER, nullable=False),
    sa.Column("token_id", sa.String(16), sa.ForeignKey("token.token_id", ondelete="CASCADE"), index=True),
    sa.Column("job_id", ID),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    comment="each opens one stream once, within seconds; deleted when used",
)

relay = sa.Table(
    "relay",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("started_at", Instant, nullable=False),
    comment="other systems that the log is sent on to; one that was never here starts at the present",
)

relay_position = sa.Table(
    "relay_position",
    metadata,
    sa.Column("name", sa.String(255), sa.ForeignKey("relay.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", USER, primary_key=True),
    sa.Column("number", Number, nullable=False),
    *_not_negative("number"),
    comment="the newest event of each user that a relay has certainly sent",
)

webhook = sa.Table(
    "webhook",
    metadata,
    sa.Column("workspace_id", ID, sa.ForeignKey("workspace.workspace_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", USER, nullable=False, index=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.String(128), nullable=False),
    sa.Column("types", Json, nullable=False),
    sa.Column("number", Number, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    *_not_negative("number"),
    comment="where a workspace's events are posted to; `number` is the newest of its user's that was looked at",
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("delivery_id", Number, primary_key=True, autoincrement=True),
    sa.Column("workspace_id", ID, sa.ForeignKey("webhook.workspace_id", ondelete="CASCADE"), nullable=False),
    sa.Column("event_id", sa.String(64), nullable=False),
    sa.Column("line", sa.String(36), nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.Column("next_attempt_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("workspace_id", "event_id"),
    sa.Index("ix_delivery_line", "workspace_id", "line", "status", "delivery_id"),
    sa.Index("ix_delivery_due", "status", "next_attempt_at"),
    _one_of("status", DeliveryStatus),
    sa.CheckConstraint("(status = 'pending') = (next_attempt_at IS NOT NULL)", name="pending_says_when"),
    *_not_negative("attempts"),
    sqlite_autoincrement=True,
    comment="events on their way to a webhook; those of one line (a job) go one after the other",
)

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("worker_id", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("tags", Json, nullable=False),
    sa.Column("is_draining", sa.Boolean, nullable=False),
    sa.Column("job_ids", Json, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    comment="the workers as they last described themselves; for people to look at, nothing is decided by it",
)

pace = sa.Table(
    "pace",
    metadata,
    sa.Column("stage", sa.String(16), primary_key=True),
    sa.Column("kind", sa.String(512), primary_key=True),
    sa.Column("unit", sa.String(16), primary_key=True),
    sa.Column("count", sa.Double, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    *_not_negative("count", "seconds"),
    comment="how long finished work took, older work counting less: what the time left of a new job is drawn from",
)
