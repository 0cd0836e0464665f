"""The tables of who may do what."""

import sqlalchemy as sa

from headrace.store.schema.columns import ID, USER, metadata
from headrace.store.types import Instant

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
