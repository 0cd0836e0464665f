"""The tables of who is told: other systems, and those who look after an installation."""

import sqlalchemy as sa

from headrace.model.vocabulary import DeliveryStatus
from headrace.store.schema.columns import ID, USER, Number, metadata, not_negative, one_of
from headrace.store.types import Instant, Json

installation = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    comment="facts of this database: `epoch` names its log and is renewed when a backup is restored",
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
    *not_negative("number"),
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
    *not_negative("number"),
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
    one_of("status", DeliveryStatus),
    sa.CheckConstraint("(status = 'pending') = (next_attempt_at IS NOT NULL)", name="pending_says_when"),
    *not_negative("attempts"),
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

telemetry = sa.Table(
    "telemetry",
    metadata,
    sa.Column("worker_id", sa.String(64), primary_key=True),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("samples", sa.Text, nullable=False),
    comment="each worker's numbers as it last told them, in Prometheus' text format",
)
