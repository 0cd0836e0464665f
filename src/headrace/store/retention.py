"""What is cleaned away, and when. Nothing that is alive is ever touched.

The events of an ended job are kept for `max_age_hours`, and those of each user's newest `max_jobs` jobs however old
they are; its last event and its summary row stay for `history_days`.
"""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from headrace.model.ids import BlobKey, DocumentId
from headrace.model.vocabulary import FINAL_STATUSES, Stage
from headrace.store import revisions
from headrace.store.database import Transaction
from headrace.store.schema import account, document, event, item, job, revision

PORTION = 500

_HAS_ENDED = job.c.status.in_(FINAL_STATUSES)
_IS_LEFT_OVER = sa.and_(
    item.c.leftover_version.is_not(None), sa.exists().where(job.c.job_id == item.c.job_id, _HAS_ENDED)
)


def prune_events(transaction: Transaction, *, max_age_hours: float, max_jobs: int) -> int:
    """Delete the detailed events of old ended jobs, at most a portion of jobs at once; returns how many jobs."""
    newest = (
        sa.select(
            job.c.job_id,
            sa.func.row_number().over(partition_by=job.c.user_id, order_by=job.c.job_id.desc()).label("place"),
        )
    ).subquery()
    oldest_kept = transaction.now - timedelta(hours=max_age_hours)
    first_left = sa.exists().where(event.c.job_id == job.c.job_id, event.c.number < job.c.last_number)
    old = (
        sa.select(job.c.job_id, job.c.user_id, job.c.last_number)
        .join(newest, newest.c.job_id == job.c.job_id)
        .where(_HAS_ENDED, job.c.completed_at < oldest_kept, newest.c.place > max_jobs, first_left)
        .order_by(job.c.job_id)
        .limit(PORTION)
    )
    found = transaction.execute(_held(old)).all()
    for row in found:
        _prune(transaction, row.job_id, row.user_id, row.last_number)
    return len(found)


def _held(ended: sa.Select[Any]) -> sa.Select[Any]:
    """These jobs, so that none is retried meanwhile; without those that somebody is changing just now."""
    return ended.with_for_update(of=job, skip_locked=True)


def _prune(transaction: Transaction, job_id: str, user_id: str, last_number: int) -> None:
    mine = (event.c.job_id == job_id, event.c.number < last_number)
    newest = transaction.execute(sa.select(sa.func.max(event.c.number)).where(*mine)).scalar()
    transaction.execute(sa.delete(event).where(*mine))
    if newest is not None:
        highest = sa.case((account.c.pruned_number < newest, newest), else_=account.c.pruned_number)
        transaction.execute(sa.update(account).where(account.c.user_id == user_id).values(pruned_number=highest))


def forget_jobs(transaction: Transaction, *, history_days: float) -> int:
    """Delete ended jobs that are too old to be looked at, with all that is theirs; returns how many."""
    oldest_kept = transaction.now - timedelta(days=history_days)
    old = (
        sa.select(job.c.job_id, job.c.user_id, job.c.last_number)
        .where(_HAS_ENDED, job.c.completed_at < oldest_kept)
        .order_by(job.c.job_id)
        .limit(PORTION)
    )
    found = transaction.execute(_held(old)).all()
    for row in found:
        _prune(transaction, row.job_id, row.user_id, row.last_number + 1)
        revisions.forget_all(transaction, row.job_id)
        transaction.execute(sa.delete(item).where(item.c.job_id == row.job_id))
        transaction.execute(sa.delete(job).where(job.c.job_id == row.job_id))
    return len(found)


def leftovers(connection: sa.Connection, limit: int = PORTION) -> list[tuple[DocumentId, int]]:
    """Versions whose chunks nobody will search again; of ended jobs alone, for a cancel may need the older one."""
    statement = sa.select(item.c.document_id, item.c.leftover_version).where(_IS_LEFT_OVER).limit(limit)
    return [(DocumentId(row[0]), int(row[1])) for row in connection.execute(statement)]


def is_leftover(transaction: Transaction, document_id: DocumentId, version: int) -> bool:
    """Whether that is still so: a retry may have begun since. None begins until the transaction is over."""
    mine = (item.c.document_id == document_id, item.c.leftover_version == version)
    of_ended = sa.select(job.c.job_id).join(item, item.c.job_id == job.c.job_id).where(_HAS_ENDED, *mine).limit(1)
    return transaction.execute(_held(of_ended)).first() is not None


def clear_leftover(transaction: Transaction, document_id: DocumentId, version: int) -> None:
    """Note that the chunks of a leftover version are gone. What it consists of is kept while a retry may ask for it."""
    mine = (item.c.document_id == document_id, item.c.leftover_version == version)
    transaction.execute(sa.update(item).where(*mine).values(leftover_version=None))
    failed = (item.c.document_id == document_id, item.c.version == version, item.c.stage == Stage.FAILED)
    if transaction.execute(sa.select(item.c.ordinal).where(*failed).limit(1)).first() is None:
        revisions.forget(transaction, document_id, version)


def is_blob_used(connection: sa.Connection, key: BlobKey) -> bool:
    """Whether any document's bytes, in any version that is kept, are in that blob."""
    used = (sa.select(table.c.document_id).filter_by(blob_key=key).limit(1) for table in (document, revision))
    return any(connection.execute(statement).first() is not None for statement in used)
