"""The workers of an installation: who is there, what each may take, and what it has in hand.

For people to look at. Nothing is decided by it: whether a worker lives is told by its lock, see `engine/takeover.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.model.ids import JobId, UserId
from headrace.store.database import Transaction
from headrace.store.schema import job, worker

SILENT_SECONDS = 30.0
"""A worker that says nothing for so long is not listed any more."""

FORGOTTEN_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker as it last described itself."""

    worker_id: str
    host: str
    pid: int
    version: str
    capacity: int
    tags: Sequence[str]
    is_draining: bool
    job_ids: Sequence[JobId]


def note(transaction: Transaction, one: Worker) -> None:
    """Write how a worker describes itself; also a sign of life."""
    insert = sqlite_insert if transaction.is_sqlite else postgres_insert
    values: dict[str, Any] = {
        "worker_id": one.worker_id,
        "host": one.host[:255],
        "pid": one.pid,
        "version": one.version,
        "capacity": one.capacity,
        "tags": list(one.tags),
        "is_draining": one.is_draining,
        "job_ids": list(one.job_ids),
        "started_at": transaction.now,
        "seen_at": transaction.now,
    }
    again = {name: value for name, value in values.items() if name not in ("worker_id", "started_at")}
    statement = insert(worker).values(values)
    transaction.execute(statement.on_conflict_do_update(index_elements=["worker_id"], set_=again))
    oldest = transaction.now - timedelta(seconds=FORGOTTEN_SECONDS)
    transaction.execute(sa.delete(worker).where(worker.c.seen_at < oldest))


def forget(transaction: Transaction, worker_id: str) -> None:
    """A worker is gone."""
    transaction.execute(sa.delete(worker).where(worker.c.worker_id == worker_id))


def select(connection: sa.Connection, now: Any) -> list[Mapping[str, Any]]:
    """The workers of whom something was heard lately, the longest serving first."""
    lately = worker.c.seen_at >= now - timedelta(seconds=SILENT_SECONDS)
    statement = sa.select(worker).where(lately).order_by(worker.c.started_at, worker.c.worker_id)
    return [dict(row) for row in connection.execute(statement).mappings()]


def own_jobs(connection: sa.Connection, user_id: UserId, job_ids: Sequence[JobId]) -> set[JobId]:
    """Those of some jobs that are the user's."""
    statement = sa.select(job.c.job_id).where(job.c.user_id == user_id, job.c.job_id.in_(job_ids))
    return {JobId(row[0]) for row in connection.execute(statement)}
