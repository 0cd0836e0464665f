"""The tables. What can be said as a constraint is said as one; the migrations sum up to exactly this."""

from headrace.store.schema.access import ticket, token
from headrace.store.schema.columns import metadata
from headrace.store.schema.library import (
    account,
    chunk,
    document,
    likeness,
    payment,
    rag_default,
    receipt,
    recognition,
    revision,
    workspace,
)
from headrace.store.schema.outside import delivery, installation, relay, relay_position, telemetry, webhook, worker
from headrace.store.schema.work import event, item, job, job_trace, pace

__all__ = [
    "account",
    "chunk",
    "delivery",
    "document",
    "event",
    "installation",
    "item",
    "job",
    "job_trace",
    "likeness",
    "metadata",
    "pace",
    "payment",
    "rag_default",
    "receipt",
    "recognition",
    "relay",
    "relay_position",
    "revision",
    "telemetry",
    "ticket",
    "token",
    "webhook",
    "worker",
    "workspace",
]
