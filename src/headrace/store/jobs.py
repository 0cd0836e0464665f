"""What a job's owner does with it: submit, look at, cancel, pause, resume, retry."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.model import lifecycle
from headrace.model.document import Document
from headrace.model.errors import JobNotFound, KeyReused
from headrace.model.event import document_facts
from headrace.model.ids import DocumentId, JobId, UserId, WorkspaceId, new_id
from headrace.model.job import Item, Job, Stats
from headrace.model.progress import SMALLEST_WORK, advanced
from headrace.model.vocabulary import EventType, JobStatus, JobType, ProcessingStatus, Stage, Verdict
from headrace.store import documents, record, rows, sameness
from headrace.store.database import Transaction
from headrace.store.schema import document, item, job

INSERT_ITEM = sa.insert(item)
LIVE = (JobStatus.PENDING, JobStatus.RUNNING)


def _tag(which: Callable[[sa.Column[int]], sa.Function[int]], status: JobStatus) -> sa.Select[int]:
    return sa.select(which(job.c.queue_tag)).where(job.c.status == status)


_OWN = job.c.user_id == sa.bindparam("user", type_=sa.String)
TAGS = sa.select(
    _tag(sa.func.max, JobStatus.RUNNING).scalar_subquery(),
    _tag(sa.func.min, JobStatus.PENDING).scalar_subquery(),
    *(_tag(sa.func.max, status).where(_OWN).scalar_subquery() for status in LIVE),
)
"""The last that runs, the first that waits, and a user's own last ones: each is found at the end of an index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A piece of work that someone wants done, on `documents` whose bytes are durable already.

    Those without a verdict are new.
    """

    user_id: UserId
    workspace_id: WorkspaceId | None
    job_type: JobType
    documents: Sequence[Document] = ()
    verdicts: Mapping[DocumentId, Verdict] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    force_recreate: bool = False
    idempotency_key: str | None = None
    request_hash: str | None = None


def find_repeat(connection: sa.Connection, user_id: UserId, key: str, request_hash: str) -> Job | None:
    """The job that the same request made before.

    Raises:
        KeyReused: the key came with another body.
    """
    row = connection.execute(sa.select(job).filter_by(user_id=user_id, idempotency_key=key)).mappings().one_or_none()
    if row is None:
        return None
    if row["request_hash"] != request_hash:
        raise KeyReused(key)
    return rows.to_job(row)


def submit(transaction: Transaction, submission: Submission) -> Job:
    """Write the job, its items and its first event. New documents are written by the caller before.

    A job of which everything is here already, unchanged, has ended when this returns.
    """
    made = Job(
        job_id=JobId(new_id()),
        user_id=submission.user_id,
        workspace_id=submission.workspace_id,
        job_type=submission.job_type,
        message=submission.message,
        force_recreate=submission.force_recreate,
        metadata=submission.metadata,
        total_items=len(submission.documents),
        created_at=transaction.now,
        queue_tag=_queue_tag(transaction, submission.user_id),
    )
    items = [
        make_item(made, ordinal, document, submission.verdicts.get(document.document_id, Verdict.NEW))
        for ordinal, document in enumerate(submission.documents)
    ]
    made = _counted(transaction, made, items)
    keys = {"idempotency_key": submission.idempotency_key, "request_hash": submission.request_hash}
    transaction.execute(sa.insert(job).values(rows.from_job(made) | keys))
    if items:
        transaction.execute_many(INSERT_ITEM, [rows.from_item(one) for one in items])
        documents.hand_over(transaction, made)
    with record.changing(transaction, made.job_id) as draft:
        draft.report(EventType.JOB_RECEIVED)
        if items and all(one.verdict is Verdict.UNCHANGED for one in items):
            sameness.finish_unchanged(draft)
    return draft.job


def _counted(transaction: Transaction, made: Job, items: Sequence[Item]) -> Job:
    same = [one for one in items if one.verdict is Verdict.UNCHANGED]
    changed = sum(one.verdict is Verdict.CHANGED for one in items)
    counted = replace(
        made,
        work_total=sum(one.work_total for one in items),
        work_done=sum(one.work_total for one in same),
        processed_items=len(same),
        chunks_created=sum(one.chunk_count for one in same),
        stats=sameness.counted(transaction.connection, same).plus(Stats(documents_changed=changed)),
    )
    return advanced(counted) if same else counted


def make_item(made: Job, ordinal: int, document: Document, verdict: Verdict) -> Item:
    """A document's part in a job, as it begins."""
    item = Item(
        job_id=made.job_id,
        ordinal=ordinal,
        document_id=document.document_id,
        filename=document.filename,
        version=document.next_version,
        work_total=max(SMALLEST_WORK, document.blob.size),
        verdict=verdict,
    )
    return sameness.as_unchanged(item, document) if verdict is Verdict.UNCHANGED else item


def _queue_tag(transaction: Transaction, user_id: UserId) -> int:
    """Start-time fair queueing (Goyal, Vin and Cheng 1996), with jobs of equal weight.

    A user's next job comes one after their last that still waits or runs, but never before what runs now: so a user
    with one job does not wait behind another's hundred, and nobody saves up a claim by being idle.
    """
    ((running, waiting, *own),) = transaction.select_prepared(TAGS, {"user": user_id})
    now = running if running is not None else (waiting or 1) - 1
    return int(max(now, *(tag or 0 for tag in own))) + 1


def get(connection: sa.Connection, user_id: UserId, job_id: str) -> Job:
    """One job.

    Raises:
        JobNotFound: there is none of that id, or it is someone else's.
    """
    row = connection.execute(sa.select(job).filter_by(user_id=user_id, job_id=job_id)).mappings().one_or_none()
    if row is None:
        raise JobNotFound(job_id)
    return rows.to_job(row)


def select_page(
    connection: sa.Connection,
    user_id: UserId,
    *,
    status: JobStatus | None,
    limit: int,
    before: str | None,
    idempotency_key: str | None = None,
) -> list[Job]:
    """At most `limit` jobs, newest first, from the one after `before` on."""
    statement = sa.select(job).filter_by(user_id=user_id).order_by(job.c.job_id.desc()).limit(limit)
    if status is not None:
        statement = statement.filter_by(status=status)
    if idempotency_key is not None:
        statement = statement.filter_by(idempotency_key=idempotency_key)
    if before is not None:
        statement = statement.where(job.c.job_id < before)
    return [rows.to_job(row) for row in connection.execute(statement).mappings()]


def select_alive(connection: sa.Connection, user_id: UserId, *, limit: int | None) -> list[Job]:
    """The user's jobs that have not ended, newest first."""
    alive = sa.select(job).where(job.c.user_id == user_id, job.c.status.in_(lifecycle.ALIVE))
    return [rows.to_job(row) for row in connection.execute(alive.order_by(job.c.job_id.desc()).limit(limit)).mappings()]


def count(connection: sa.Connection, user_id: UserId) -> dict[str, int]:
    """Jobs by status, `total_jobs`, and `total_chunks_created`."""
    statement = (
        sa.select(job.c.status, sa.func.count(), sa.func.coalesce(sa.func.sum(job.c.chunks_created), 0))
        .where(job.c.user_id == user_id)
        .group_by(job.c.status)
    )
    found = {status: (jobs, chunks) for status, jobs, chunks in connection.execute(statement)}
    counts = {status.value: int(found.get(status.value, (0, 0))[0]) for status in JobStatus}
    total = {"total_jobs": sum(counts.values())}
    return total | counts | {"total_chunks_created": sum(int(chunks) for _, chunks in found.values())}


def count_pending(connection: sa.Connection, user_id: UserId | None = None) -> int:
    """How many jobs with documents wait to run, of all users or of one."""
    waiting = (job.c.status == JobStatus.PENDING, job.c.total_items > 0)
    statement = sa.select(sa.func.count()).select_from(job).where(*waiting)
    if user_id is not None:
        statement = statement.where(job.c.user_id == user_id)
    return int(connection.execute(statement).scalar_one())


def count_ahead(connection: sa.Connection, waiting: Job) -> int:
    """How many pending jobs of all users are to run before this one."""
    earlier = sa.tuple_(job.c.queue_tag, job.c.job_id) < sa.tuple_(
        sa.literal(waiting.queue_tag), sa.literal(waiting.job_id)
    )
    statement = sa.select(sa.func.count()).where(job.c.status == JobStatus.PENDING, earlier)
    return int(connection.execute(statement).scalar_one())


def items(
    connection: sa.Connection, job_id: JobId, *, after: int | None = None, limit: int | None = None
) -> list[Item]:
    """A job's items in order, from the one after ordinal `after` on."""
    statement = sa.select(item).filter_by(job_id=job_id).order_by(item.c.ordinal)
    if after is not None:
        statement = statement.where(item.c.ordinal > after)
    if limit is not None:
        statement = statement.limit(limit)
    return [rows.to_item(row) for row in connection.execute(statement).mappings()]


class Size(NamedTuple):
    """How much work an item is, in the units of its `work_total`."""

    ordinal: int
    work_total: int


def sizes(connection: sa.Connection, job_id: JobId) -> Iterator[Size]:
    """Of all of a job's items, in order."""
    statement = sa.select(item.c.ordinal, item.c.work_total).filter_by(job_id=job_id).order_by(item.c.ordinal)
    return (Size(*row) for row in connection.execute(statement))


def cancel(transaction: Transaction, job_id: JobId) -> Job:
    """End a job that has not ended, and take back what it had made searchable.

    Nothing that its workers still write is accepted after this commits.
    """
    with record.changing(transaction, job_id) as draft:
        draft.job = lifecycle.cancel(draft.job, transaction.now)
        for one in documents.take_back(transaction, draft.job, "cancelled"):
            facts = document_facts(one.processing_status, one.processing_error, one.chunk_count, one.metadata)
            draft.report(EventType.DOCUMENT_STATUS, document_id=one.document_id, facts=facts)
        _end_items(transaction, draft.job)
        draft.job = replace(draft.job, chunks_created=_count_settled_chunks(transaction, job_id))
        draft.report(EventType.JOB_CANCELLED)
    return draft.job


def _end_items(transaction: Transaction, cancelled: Job) -> None:
    """No item of the cancelled attempt is finished; what each had made is left over, unless a later job has it."""
    is_served = sa.exists().where(
        document.c.document_id == item.c.document_id, document.c.live_version == item.c.version
    )
    values = {
        "stage": Stage.CANCELLED,
        "stage_rank": Stage.CANCELLED.rank,
        "leftover_version": sa.case(
            (sa.and_(is_served, item.c.leftover_version != item.c.version), item.c.leftover_version),
            (is_served, None),
            (sa.or_(item.c.chunk_count > 0, item.c.leftover_version == item.c.version), item.c.version),
            else_=None,
        ),
    }
    mine = (item.c.job_id == cancelled.job_id, item.c.attempt == cancelled.attempt, item.c.stage != Stage.FAILED)
    transaction.execute(sa.update(item).where(*mine).values(values))


def _count_settled_chunks(transaction: Transaction, job_id: JobId) -> int:
    settled = (item.c.job_id == job_id, item.c.stage == Stage.COMPLETED)
    return int(transaction.execute(sa.select(sa.func.sum(item.c.chunk_count)).where(*settled)).scalar() or 0)


def pause(transaction: Transaction, job_id: JobId) -> Job:
    """Stop working on a job and keep what is done."""
    with record.changing(transaction, job_id) as draft:
        draft.job = lifecycle.pause(draft.job)
        draft.report(EventType.JOB_PAUSED)
    return draft.job


def resume(transaction: Transaction, job_id: JobId) -> Job:
    """Put a paused job in line again. The caller hands it to the engine in the same transaction."""
    with record.changing(transaction, job_id) as draft:
        draft.job = lifecycle.resume(draft.job)
        draft.report(EventType.JOB_RESUMED)
    return draft.job


def retry(transaction: Transaction, job_id: JobId) -> Job:
    """Start the next attempt on what failed. The caller hands it to the engine in the same transaction."""
    with record.changing(transaction, job_id) as draft:
        known = items(transaction.connection, job_id)
        failed = [one for one in known if one.stage is Stage.FAILED]
        versions = _next_versions(transaction, known)
        patchy = [one for one in known if one.ordinal in versions]
        again = [*failed, *patchy]
        draft.job = lifecycle.retry(
            draft.job,
            undone=sum(one.work_done for one in again),
            added=sum(one.work_total - one.work_done for one in failed),
            patchy=len(patchy),
        )
        draft.job = replace(
            draft.job,
            queue_tag=_queue_tag(transaction, draft.job.user_id),
            chunks_created=draft.job.chunks_created - sum(one.chunks_indexed for one in patchy),
            stats=reduce(Stats.plus, (one.counted.owed().since(one.counted) for one in again), draft.job.stats),
        )
        for one in again:
            begun = replace(
                one, stage=Stage.RECEIVED, work_done=0, sections_done=0, chunk_count=0, chunks_indexed=0, deaths=0,
                error_code=None, error_message=None, version=versions.get(one.ordinal, one.version),
                counted=one.counted.owed(),
            )  # fmt: skip
            where = (item.c.job_id == job_id, item.c.ordinal == one.ordinal)
            transaction.execute(sa.update(item).where(*where).values(rows.from_item(begun)))
        unsettled = (item.c.job_id == job_id, item.c.stage_rank < Stage.COMPLETED.rank)
        transaction.execute(sa.update(item).where(*unsettled).values(attempt=draft.job.attempt))
        documents.hand_over(transaction, draft.job, [one.document_id for one in failed])
        documents.hand_over(transaction, draft.job, [one.document_id for one in patchy], is_new_version=True)
        draft.report(EventType.JOB_RECEIVED)
    return draft.job


def _next_versions(transaction: Transaction, known: Sequence[Item]) -> dict[int, int]:
    """The versions to be made of documents of which pages are missing, by ordinal; readers see the last one meanwhile.

    Not of those that are in another job's hands, or were made anew by one.
    """
    wanted = {one.document_id: one for one in known if one.is_patchy}
    found = documents.get_many(transaction.connection, list(wanted))
    return {
        one.ordinal: found[document_id].next_version
        for document_id, one in wanted.items()
        if document_id in found
        and found[document_id].processing_status is ProcessingStatus.READY
        and found[document_id].live_version == one.version
    }
