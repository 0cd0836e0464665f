"""What a job says of itself, drawn from its items: its stage, its chunks, its progress, and its last words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from headrace.model.document import Document
from headrace.model.ids import JobId
from headrace.model.job import Job
from headrace.model.progress import advanced
from headrace.model.vocabulary import EventType, JobType, Stage
from headrace.store import jobs, record
from headrace.store.database import Transaction
from headrace.store.schema import item as item_table

_ERRANDS_DONE = {JobType.PROVISIONING: "The workspace is ready", JobType.DELETION: "The workspace is deleted"}
"""Jobs without documents."""


def draw(
    draft: record.Draft,
    told: Sequence[tuple[Document, Mapping[str, Any]]],
    interval: timedelta,
    *,
    must_count_chunks: bool,
) -> None:
    """Draw the job's stage, chunks and progress from its items; tell of these documents, and how far the job is."""
    now = draft.transaction.now
    before = draft.job.progress
    stage = _least_advanced(draft.transaction, draft.job.job_id)
    if stage is Stage.INDEXING and (draft.job.total_chunks is None or must_count_chunks):
        draft.job = replace(draft.job, **_count_chunks(draft.transaction, draft.job.job_id))
    if draft.job.total_chunks is not None:
        draft.job = replace(draft.job, current_chunk=min(draft.job.chunks_created, draft.job.total_chunks))
    draft.job = advanced(draft.job)
    if stage is not None:
        draft.advance_to(stage)
    draft.job = replace(draft.job, message=_progress_message(draft.job))
    draft.report_documents([(document.document_id, facts) for document, facts in told])
    reported = draft.job.progress_reported_at
    is_due = reported is None or not timedelta(0) <= now - reported < interval
    if is_due and draft.job.progress > before:
        draft.job = replace(draft.job, progress_reported_at=now)
        draft.report(EventType.JOB_PROGRESS)


def _least_advanced(transaction: Transaction, job_id: JobId) -> Stage | None:
    """The stage of the least advanced unfinished document; None when all are finished."""
    statement = sa.select(sa.func.min(item_table.c.stage_rank)).where(item_table.c.job_id == job_id)
    rank = transaction.execute(statement).scalar()
    stage = next((one for one in Stage if one.rank == rank), None)
    return None if stage is None or stage.is_final else stage


def _count_chunks(transaction: Transaction, job_id: JobId) -> dict[str, Any]:
    counts = sa.select(sa.func.sum(item_table.c.chunk_count), sa.func.sum(item_table.c.chunks_indexed)).where(
        item_table.c.job_id == job_id, item_table.c.stage != Stage.FAILED
    )
    total, indexed = tuple(transaction.execute(counts).one())
    return {"total_chunks": int(total) if total else None, "chunks_created": int(indexed or 0)}


def _progress_message(job: Job) -> str:
    if job.stage is Stage.INDEXING and job.total_chunks is not None:
        return f"Embedding {job.current_chunk} of {job.total_chunks} chunks"
    if job.stats.pages:
        return f"Extracting text: {job.stats.pages} pages read"
    return job.message


def last_words(transaction: Transaction, ended: Job) -> dict[str, Any]:
    """What the end of a job says, in one sentence; and the chunks that its finished documents really have."""
    if ended.job_type in _ERRANDS_DONE:
        return {"message": _ERRANDS_DONE[ended.job_type]}
    counted = _count_chunks(transaction, ended.job_id)
    words: dict[str, Any] = counted | {"current_chunk": counted["total_chunks"]}
    if not ended.failed_items:
        told = f"{_documents(ended.total_items)} ingested, {counted['chunks_created']} chunks"
        return words | {"message": told + _unread_pages(ended.stats.failed_pages)}
    first = next(one for one in jobs.items(transaction.connection, ended.job_id) if one.stage is Stage.FAILED)
    reason = f"{first.filename}: {first.error_message}"
    if ended.failed_items < ended.total_items:
        summary = f"{ended.failed_items} of {_documents(ended.total_items)} failed"
        return words | {"message": summary, "error_message": f"{summary}; {reason}"}
    if ended.total_items == 1:
        return words | {"message": "The document failed", "error_message": reason}
    return words | {"message": "All documents failed", "error_message": f"all failed; {reason}"}


def _documents(count: int) -> str:
    return "1 document" if count == 1 else f"{count} documents"


def _unread_pages(count: int) -> str:
    return f"; {'1 page' if count == 1 else f'{count} pages'} could not be read" if count else ""
