"""Documents: added, handed from job to job, swapped, hidden and removed."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from headrace.model.document import Document
from headrace.model.errors import DocumentNotFound
from headrace.model.ids import DocumentId, JobId, UserId, WorkspaceId
from headrace.model.job import Item, Job
from headrace.model.vocabulary import FINAL_STATUSES, ProcessingStatus, Stage, Verdict
from headrace.store import record, revisions, rows
from headrace.store.database import Transaction
from headrace.store.schema import chunk, document, item, workspace
from headrace.store.schema import job as job_table

IDS_AT_ONCE = 500
"""Keeps statements below SQLite's limit on variables."""

INSERT = sa.insert(document)
PUBLISH = (
    sa.update(document)
    .where(document.c.document_id == sa.bindparam("of_document"))
    .values(
        live_version=sa.bindparam("new_version"),
        processing_status=sa.bindparam("new_status"),
        processing_error=sa.bindparam("new_error"),
        chunk_count=sa.bindparam("new_count"),
        metadata=sa.bindparam("new_metadata"),
        recipe=sa.bindparam("new_recipe"),
        updated_at=sa.bindparam("now"),
    )
)


def add(transaction: Transaction, new: Sequence[Document]) -> None:
    """Write new documents."""
    transaction.execute_many(INSERT, [rows.from_document(one) for one in new])


def hand_over(
    transaction: Transaction, job: Job, ids: Sequence[DocumentId] | None = None, *, is_new_version: bool = False
) -> None:
    """Let `job` be the latest job of its documents, which now wait for it; an older version stays searchable."""
    values: dict[str, Any] = {
        "job_id": job.job_id,
        "processing_status": ProcessingStatus.PENDING,
        "processing_error": None,
        "updated_at": transaction.now,
    }
    if ids is None:
        mine = sa.select(item.c.document_id).where(item.c.job_id == job.job_id)
        values["next_version"] = document.c.next_version + 1
        is_new = document.c.document_id.in_(mine.where(item.c.verdict != Verdict.UNCHANGED))
        transaction.execute(sa.update(document).where(is_new).values(values))
        if job.processed_items:
            # An unchanged one is this job's too from now on: the end of another takes nothing of it back.
            is_known = document.c.document_id.in_(mine.where(item.c.verdict == Verdict.UNCHANGED))
            transaction.execute(sa.update(document).where(is_known).values(job_id=job.job_id))
        return
    if is_new_version:
        values["next_version"] = document.c.next_version + 1
    for some in in_portions(ids):
        transaction.execute(sa.update(document).where(document.c.document_id.in_(some)).values(values))


def take_back(transaction: Transaction, cancelled: Job, reason: str) -> list[Document]:
    """Give each document of a cancelled attempt its older version again; returns them as they are now.

    What an earlier attempt has finished is not touched. One that another job is still to ingest is that job's again; of
    the rest, one that was served before the job is `ready` in that version, any other is failed for `reason`. Older
    versions are kept until a job has ended, for this.
    """
    its_item = (
        item.c.job_id == cancelled.job_id,
        item.c.attempt == cancelled.attempt,
        item.c.document_id == document.c.document_id,
    )
    older = sa.select(sa.func.min(item.c.leftover_version)).where(*its_item)
    made_live = sa.exists().where(*its_item, item.c.stage == Stage.COMPLETED, item.c.version == document.c.live_version)
    mine = (
        revisions.is_held_by(cancelled.job_id),
        document.c.deleted_at.is_(None),
        sa.exists().where(*its_item),
    )
    lock(transaction, *mine)
    back = sa.update(document).where(*mine, made_live).values(live_version=older.scalar_subquery())
    workspaces = {row[0] for row in transaction.execute(back.returning(document.c.workspace_id))}
    transaction.execute(
        sa.update(workspace)
        .where(workspace.c.workspace_id.in_(workspaces))
        .values(index_number=workspace.c.index_number + 1)
    )
    revisions.restore(transaction, cancelled)
    return _let_go(transaction, cancelled, reason, *mine)


def release(transaction: Transaction, job: Job, failed: Item, reason: str) -> Document | None:
    """Take a document back from a job that could not ingest it; returns it as it is now.

    It is another job's that is still to ingest it; else one that is served in an older version is `ready` again, any
    other is failed for `reason`. None when it is in the hands of a later job, which has not ended, or deleted.
    """
    later_has_ended = sa.exists().where(job_table.c.job_id == document.c.job_id, job_table.c.status.in_(FINAL_STATUSES))
    mine = (
        document.c.document_id == failed.document_id,
        sa.or_(document.c.job_id == job.job_id, later_has_ended),
        document.c.deleted_at.is_(None),
    )
    released = _let_go(transaction, job, reason, *mine)
    return released[0] if released else None


def _let_go(transaction: Transaction, ended: Job, reason: str, *mine: sa.ColumnElement[bool]) -> list[Document]:
    """No longer `ended` but another job has these documents, or none; returns them as they are now."""
    lock(transaction, *mine)
    ids = [DocumentId(row[0]) for row in transaction.execute(sa.select(document.c.document_id).where(*mine))]
    _give_to_others(transaction, ended, *mine)
    _set_served_or_failed(transaction, reason, *mine)
    found = get_many(transaction.connection, ids)
    return [found[one] for one in ids]


def _give_to_others(transaction: Transaction, ended: Job, *mine: sa.ColumnElement[bool]) -> None:
    """Let documents that others are still to ingest be the newest one's."""
    unfinished = (
        item.c.job_id != ended.job_id,
        item.c.stage_rank < Stage.COMPLETED.rank,
        sa.exists().where(job_table.c.job_id == item.c.job_id, job_table.c.status.not_in(FINAL_STATUSES)),
    )
    these = sa.select(document.c.document_id).where(*mine)
    others = sa.select(item.c.job_id).where(*unfinished, item.c.document_id.in_(these)).distinct()
    ids = [JobId(row[0]) for row in transaction.execute(others)]
    if not ids:
        return
    record.lock(transaction, ids)  # so that what they are about to write is seen here, and they see what is written
    its_parts = (*unfinished, item.c.document_id == document.c.document_id)
    newest = sa.select(item).where(*its_parts).order_by(item.c.job_id.desc()).limit(1).correlate(document)
    its_id = newest.with_only_columns(item.c.job_id).scalar_subquery()
    its_stage = newest.with_only_columns(item.c.stage).scalar_subquery()
    has_begun = sa.case((its_stage == Stage.RECEIVED, ProcessingStatus.PENDING), else_=ProcessingStatus.PROCESSING)
    given = {"job_id": its_id, "processing_status": has_begun, "processing_error": None, "updated_at": transaction.now}
    is_wanted = sa.exists().where(*its_parts).correlate(document)
    transaction.execute(sa.update(document).where(*mine, is_wanted).values(given))


def _set_served_or_failed(transaction: Transaction, reason: str, *which: sa.ColumnElement[bool]) -> None:
    is_served = document.c.live_version.is_not(None)
    count = sa.select(sa.func.count()).where(
        chunk.c.document_id == document.c.document_id, chunk.c.version == document.c.live_version
    )
    transaction.execute(
        sa.update(document)
        .where(*which)
        .values(
            processing_status=sa.case((is_served, ProcessingStatus.READY), else_=ProcessingStatus.FAILED),
            processing_error=sa.case((is_served, None), else_=reason),
            chunk_count=sa.case((is_served, count.scalar_subquery()), else_=None),
            updated_at=transaction.now,
        )
    )


def get(connection: sa.Connection, user_id: UserId, document_id: str) -> Document:
    """One document.

    Raises:
        DocumentNotFound: there is none of that id, or it is someone else's.
    """
    statement = sa.select(document).filter_by(user_id=user_id, document_id=document_id, deleted_at=None)
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise DocumentNotFound(document_id)
    return rows.to_document(row)


def get_many(connection: sa.Connection, ids: Iterable[DocumentId]) -> dict[DocumentId, Document]:
    """Documents by id, whoever owns them; for workers."""
    found = {}
    for some in in_portions(list(ids)):
        known = sa.select(document).where(document.c.document_id.in_(some), document.c.deleted_at.is_(None))
        for row in connection.execute(known).mappings():
            found[DocumentId(row["document_id"])] = rows.to_document(row)
    return found


def select_page(
    connection: sa.Connection,
    user_id: UserId,
    *,
    limit: int,
    before: str | None = None,
    workspace_id: WorkspaceId | None = None,
    status: ProcessingStatus | None = None,
) -> list[Document]:
    """At most `limit` documents, newest first, from the one after `before` on."""
    mine = sa.select(document).filter_by(user_id=user_id, deleted_at=None)
    statement = mine.order_by(document.c.document_id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(document.c.document_id < before)
    if workspace_id is not None:
        statement = statement.filter_by(workspace_id=workspace_id)
    if status is not None:
        statement = statement.filter_by(processing_status=status)
    return [rows.to_document(row) for row in connection.execute(statement).mappings()]


def publish(transaction: Transaction, live: Sequence[Document]) -> None:
    """Write which version of each document readers see, and what is known of it."""
    values = [
        {
            "of_document": one.document_id,
            "new_version": one.live_version,
            "new_status": one.processing_status,
            "new_error": one.processing_error,
            "new_count": one.chunk_count,
            "new_metadata": dict(one.metadata),
            "new_recipe": one.recipe,
            "now": transaction.now,
        }
        for one in live
    ]
    transaction.execute_many(PUBLISH, values)


def lock(transaction: Transaction, *which: sa.ColumnElement[bool]) -> None:
    """Lock several documents in the order of their ids, as workers come by them too: so nobody waits in a circle."""
    if not transaction.is_sqlite:
        mine = sa.select(document.c.document_id).where(*which, document.c.deleted_at.is_(None))
        transaction.execute(mine.order_by(document.c.document_id).with_for_update(of=document))


def hide(transaction: Transaction, *which: sa.ColumnElement[bool]) -> None:
    """Let documents be gone for everyone at once; housekeeping removes them later."""
    lock(transaction, *which)
    gone = {"deleted_at": transaction.now, "live_version": None}
    transaction.execute(sa.update(document).where(*which, document.c.deleted_at.is_(None)).values(gone))


def select_hidden(connection: sa.Connection, limit: int) -> list[DocumentId]:
    """Documents that are to be removed."""
    statement = sa.select(document.c.document_id).where(document.c.deleted_at.is_not(None)).limit(limit)
    return [DocumentId(row[0]) for row in connection.execute(statement)]


def remove(transaction: Transaction, document_id: DocumentId) -> None:
    """Forget a hidden document whose chunks are dropped. Its bytes go with the next cleaning."""
    hidden = (document.c.document_id == document_id, document.c.deleted_at.is_not(None))
    transaction.execute(sa.delete(document).where(*hidden))


def in_portions(ids: Sequence[DocumentId]) -> Iterable[Sequence[DocumentId]]:
    """`ids` in runs that fit into one statement."""
    return (ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE))
