"""What processes leave for those who run them: a worker's numbers, and the trace that a job belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.model.ids import JobId
from headrace.model.vocabulary import DeliveryStatus, JobStatus
from headrace.store.database import Transaction
from headrace.store.schema import account, delivery, document, job, job_trace, relay, relay_position, telemetry

FORGOTTEN_SECONDS = 3600.0
"""The numbers of a worker that is gone are told for so long, that a counter does not fall between two looks."""


@dataclass(frozen=True, slots=True)
class Told:
    """A worker's numbers in Prometheus' text format, as of `seen_at`."""

    worker_id: str
    seen_at: datetime
    samples: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What the database knows of all users together."""

    jobs: dict[str, int]
    documents: dict[str, int]
    chunk_count: int
    queue_depth: int
    oldest_pending_at: datetime | None
    event_count: int
    relay_lags: dict[str, int]
    pending_deliveries: int


def note(transaction: Transaction, worker_id: str, samples: str) -> None:
    """Write a worker's numbers, and forget those of workers that are long gone."""
    values = {"worker_id": worker_id, "seen_at": transaction.now, "samples": samples}
    _upsert(transaction, telemetry, "worker_id", values)
    oldest = transaction.now - timedelta(seconds=FORGOTTEN_SECONDS)
    transaction.execute(sa.delete(telemetry).where(telemetry.c.seen_at < oldest))


def select_told(connection: sa.Connection) -> list[Told]:
    """The numbers of every worker of whom something was heard lately."""
    statement = sa.select(telemetry).order_by(telemetry.c.worker_id)
    return [Told(row["worker_id"], row["seen_at"], row["samples"]) for row in connection.execute(statement).mappings()]


def note_trace(transaction: Transaction, job_id: JobId, traceparent: str | None) -> None:
    """Write the trace that a job's work belongs to from now on; none is no news."""
    if traceparent is not None:
        _upsert(transaction, job_trace, "job_id", {"job_id": job_id, "traceparent": traceparent})


def trace_of(connection: sa.Connection, job_id: JobId) -> str | None:
    """The `traceparent` that came with a job; None when none did."""
    return connection.scalar(sa.select(job_trace.c.traceparent).filter_by(job_id=job_id))


def take_census(connection: sa.Connection) -> Census:
    """Count everything, in one moment."""
    waiting = (job.c.status == JobStatus.PENDING, job.c.total_items > 0)
    by_status = sa.select(job.c.status, sa.func.count()).group_by(job.c.status)
    documents = sa.select(
        document.c.processing_status, sa.func.count(), sa.func.coalesce(sa.func.sum(document.c.chunk_count), 0)
    ).group_by(document.c.processing_status)
    found = connection.execute(documents).all()
    depth, oldest = connection.execute(sa.select(sa.func.count(), sa.func.min(job.c.created_at)).where(*waiting)).one()
    pending = sa.select(sa.func.count()).select_from(delivery).where(delivery.c.status == DeliveryStatus.PENDING)
    return Census(
        jobs=dict(_pairs(connection.execute(by_status).all())),
        documents=dict(_pairs(found)),
        chunk_count=sum(int(row[2]) for row in found),
        queue_depth=int(depth),
        oldest_pending_at=oldest,
        event_count=int(connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(account.c.last_number), 0))) or 0),
        relay_lags=_relay_lags(connection),
        pending_deliveries=int(connection.scalar(pending) or 0),
    )


def _relay_lags(connection: sa.Connection) -> dict[str, int]:
    """How many events each relay has still to send; see `relaying.backlogs`."""
    mine = sa.and_(relay_position.c.user_id == account.c.user_id, relay_position.c.name == relay.c.name)
    sent = sa.func.coalesce(relay_position.c.number, 0)
    ahead = sa.func.sum(sa.case((account.c.last_number > sent, account.c.last_number - sent), else_=0))
    everything = relay.join(account, sa.true(), isouter=True).outerjoin(relay_position, mine)
    statement = sa.select(relay.c.name, sa.func.coalesce(ahead, 0)).select_from(everything).group_by(relay.c.name)
    return dict(_pairs(connection.execute(statement).all()))


def _pairs(rows: Sequence[Any]) -> list[tuple[str, int]]:
    return [(str(row[0]), int(row[1])) for row in rows]


def _upsert(transaction: Transaction, table: sa.Table, key: str, values: dict[str, Any]) -> None:
    insert = sqlite_insert if transaction.is_sqlite else postgres_insert
    again = {name: value for name, value in values.items() if name != key}
    transaction.execute(insert(table).values(values).on_conflict_do_update(index_elements=[key], set_=again))
