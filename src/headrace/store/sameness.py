"""Whether what comes in is here already: the document that it is another sending of, and the verdict on it.

Two sendings are of one document when they come under the same name into the same workspace with the same bytes; or,
where the sender asks for that, under the same name alone. Texts without a name are never another sending.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from headrace.model import lifecycle
from headrace.model.document import Document, Revision
from headrace.model.ids import DocumentId, JobId, WorkspaceId
from headrace.model.job import Item, Stats
from headrace.model.progress import advanced
from headrace.model.vocabulary import EventType, JobStatus, ProcessingStatus, Stage, Verdict
from headrace.store import documents, record, revisions, rows
from headrace.store.database import Transaction
from headrace.store.schema import chunk, document, item, job

ALREADY_AT_WORK = "another job is ingesting the same file; this one looks again when it is done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a sender wants to be understood. `recipe` names the settings in force in the workspace.

    With `must_redo` nothing counts as unchanged; with `replaces` other bytes under a known name are its next version.
    """

    recipe: str
    must_redo: bool = False
    replaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A document of a request, and what it is to its workspace."""

    document: Document
    verdict: Verdict


def judge(
    transaction: Transaction,
    arrived: Sequence[Document],
    named: Iterable[int],
    wish: Wish,
    *,
    of_job: JobId | None = None,
) -> list[Judged]:
    """What each of `arrived` is, in their order; `named` are the places of those that came with a name.

    `of_job` is the job that they belong to, if it is there already: no two of a job are the same document.
    The caller has taken turns for the workspace, so that two who send the same at once cannot both be the first. New
    documents are not written here; the contents of changed ones are.
    """
    wanted = {place: arrived[place] for place in named}
    known = _find(transaction.connection, list(wanted.values()), by_name=wish.replaces, of_job=of_job)
    judged = []
    for place, one in enumerate(arrived):
        earlier = _take(known, one, wish) if place in wanted else None
        judged.append(
            Judged(document=one, verdict=Verdict.NEW) if earlier is None else _compared(transaction, earlier, one, wish)
        )
    return judged


def judge_again(served: Document, wish: Wish) -> Verdict:
    """What ingesting a document anew, from the bytes that are there, would be."""
    if _is_as_wished(served, wish):
        return Verdict.UNCHANGED
    return Verdict.NEW if served.live_version is None else Verdict.CHANGED


def _find(
    connection: sa.Connection, wanted: Sequence[Document], *, by_name: bool, of_job: JobId | None
) -> dict[str, list[Document]]:
    """The documents that have these names, newest first, by name."""
    found: dict[str, list[Document]] = {}
    column = document.c.filename if by_name else document.c.sha256
    values = list({one.filename if by_name else one.sha256 for one in wanted})
    names = {one.filename for one in wanted}
    its_parts = sa.exists().where(item.c.job_id == of_job, item.c.document_id == document.c.document_id)
    is_free = [] if of_job is None else [~its_parts.correlate(document)]
    for some in (values[start : start + 500] for start in range(0, len(values), 500)):
        statement = (
            sa.select(document)
            .where(
                document.c.workspace_id == wanted[0].workspace_id,
                column.in_(some),
                document.c.user_id == wanted[0].user_id,
                document.c.deleted_at.is_(None),
                *is_free,
            )
            .order_by(document.c.document_id)  # as everybody locks them
            .with_for_update()  # or a cancel could take away what is found here
        )
        for row in reversed(connection.execute(statement).mappings().all()):
            if row["filename"] in names:
                found.setdefault(row["filename"], []).append(rows.to_document(row))
    return found


def _take(known: dict[str, list[Document]], one: Document, wish: Wish) -> Document | None:
    """The document that `one` is another sending of; no two of a request are the same one."""
    candidates = known.get(one.filename, [])
    same = next((other for other in candidates if other.sha256 == one.sha256), None)
    chosen = same or (candidates[0] if wish.replaces and candidates else None)
    if chosen is not None:
        candidates.remove(chosen)
    return chosen


def _compared(transaction: Transaction, earlier: Document, one: Document, wish: Wish) -> Judged:
    if earlier.sha256 == one.sha256 and _says_nothing_new(one, earlier):
        verdict = judge_again(earlier, wish)
        # What was sent last is to be served last: also where other bytes, which are in line, are served in between.
        has_later = revisions.are_awaited if verdict is Verdict.UNCHANGED else revisions.are_in_line
        if not has_later(transaction, earlier):
            return Judged(document=earlier, verdict=verdict)
    content = Revision(
        document_id=earlier.document_id,
        version=earlier.next_version,
        content_type=one.content_type,
        blob=one.blob,
        sha256=one.sha256,
        metadata=one.metadata,
    )
    served = revisions.of(earlier)
    revisions.keep(transaction, [content] if served is None else [served, content])
    return Judged(document=replace(earlier, blob=one.blob), verdict=Verdict.CHANGED)


def _says_nothing_new(one: Document, earlier: Document) -> bool:
    """Whether all metadata that came this time are known. What came the last time only is not taken away."""
    return all(name in earlier.metadata and earlier.metadata[name] == value for name, value in one.metadata.items())


def _is_as_wished(served: Document, wish: Wish) -> bool:
    return (
        not wish.must_redo
        and served.processing_status is ProcessingStatus.READY
        and served.live_version is not None
        and served.recipe == wish.recipe
    )


def is_at_work_elsewhere(connection: sa.Connection, job_id: JobId) -> bool:
    """Whether a running job that began before this one is at the very bytes that this one is to ingest.

    Who waits for whom follows one order, so that no two wait for each other. A clock that jumps can only make two
    ingest the same.
    """
    other, own = item.alias("other"), job.alias("own")
    began_before = sa.or_(
        job.c.started_at < own.c.started_at, sa.and_(job.c.started_at == own.c.started_at, job.c.job_id < own.c.job_id)
    )
    twins = (
        sa.select(item.c.ordinal)
        .join(own, own.c.job_id == item.c.job_id)
        .join(other, other.c.document_id == item.c.document_id)
        .join(job, job.c.job_id == other.c.job_id)
        .where(
            *_sent_first(job_id),
            other.c.job_id != job_id,
            other.c.verdict == Verdict.NEW,
            other.c.stage_rank < Stage.COMPLETED.rank,
            job.c.status == JobStatus.RUNNING,
            began_before,
        )
    )
    return connection.execute(twins.limit(1)).first() is not None


def has_twins(connection: sa.Connection, job_id: JobId) -> bool:
    """Whether any document of the job was, or is, in another job's hands too."""
    return connection.execute(sa.select(item.c.ordinal).where(*_with_twins(job_id)).limit(1)).first() is not None


def _with_twins(job_id: JobId) -> tuple[sa.ColumnElement[bool], ...]:
    other = item.alias("twin")
    twin = sa.exists().where(other.c.document_id == item.c.document_id, other.c.job_id != job_id)
    return (*_sent_first(job_id), twin)


def _sent_first(job_id: JobId) -> tuple[sa.ColumnElement[bool], ...]:
    """Items of documents that nobody could see when they were sent: all of one document are of the same bytes."""
    return item.c.job_id == job_id, item.c.verdict == Verdict.NEW, item.c.stage_rank < Stage.COMPLETED.rank


def wait_for_twin(transaction: Transaction, job_id: JobId, run: int) -> None:
    """Say why the job does not move."""
    with record.changing(transaction, job_id, run=run) as draft:
        draft.job = replace(draft.job, waiting_for=ALREADY_AT_WORK)


def settle(transaction: Transaction, job_id: JobId, run: int, recipe: str) -> None:
    """Finish, as unchanged, what another job has made searchable since it was sent."""
    with record.changing(transaction, job_id, run=run) as draft:
        waiting = [
            rows.to_item(row) for row in transaction.execute(sa.select(item).where(*_with_twins(job_id))).mappings()
        ]
        found = documents.get_many(transaction.connection, [one.document_id for one in waiting])
        served = _served_by_twins(transaction.connection, found, recipe)
        before = [one for one in waiting if one.document_id in served]
        done = [as_unchanged(one, served[one.document_id]) for one in before]
        for one in done:
            _write(transaction, one)
        draft.job = advanced(
            replace(
                draft.job,
                waiting_for=None,
                processed_items=draft.job.processed_items + len(done),
                work_done=draft.job.work_done + sum(one.work_total - one.work_done for one in before),
                chunks_created=draft.job.chunks_created
                + sum(one.chunk_count for one in done)
                - sum(one.chunks_indexed for one in before),
                stats=draft.job.stats.plus(counted(transaction.connection, done)),
            )
        )
        if done:
            draft.report(EventType.JOB_PROGRESS)


def _served_by_twins(
    connection: sa.Connection, found: Mapping[DocumentId, Document], recipe: str
) -> dict[DocumentId, Document]:
    """The documents whose readers see, made by these settings, what came first: not another version sent since."""
    first = sa.select(item.c.document_id, item.c.version).where(item.c.verdict == Verdict.NEW)
    made = {
        (row[0], row[1])
        for portion in documents.in_portions(list(found))
        for row in connection.execute(first.where(item.c.document_id.in_(portion)))
    }
    return {
        document_id: one
        for document_id, one in found.items()
        if one.recipe == recipe and (document_id, one.live_version) in made
    }


def _write(transaction: Transaction, one: Item) -> None:
    where = (item.c.job_id == one.job_id, item.c.ordinal == one.ordinal)
    transaction.execute(sa.update(item).where(*where).values(rows.from_item(one)))
    ready = {"processing_status": ProcessingStatus.READY, "updated_at": transaction.now}
    transaction.execute(sa.update(document).where(document.c.document_id == one.document_id).values(ready))


def as_unchanged(one: Item, served: Document) -> Item:
    """An item on which there is nothing to do: it stands for the version that readers see.

    What it had made of another version itself is left over.
    """
    count = served.chunk_count or 0
    is_left_over = one.chunk_count > 0 and one.version != served.live_version
    return replace(
        one,
        version=served.live_version or one.version,
        attempt=0,
        stage=Stage.COMPLETED,
        work_done=one.work_total,
        chunk_count=count,
        chunks_indexed=count,
        leftover_version=one.version if is_left_over else one.leftover_version,
        verdict=Verdict.UNCHANGED,
    )


def counted(connection: sa.Connection, unchanged: Sequence[Item]) -> Stats:
    """What items on which there is nothing to do are in a job's stats: their vectors, if they have any, are reused."""
    chunks = sum(one.chunk_count for one in unchanged)
    largest = max(unchanged, key=lambda one: one.chunk_count, default=None)
    if largest is None or not _has_vectors(connection, largest):  # one stands for all: they are of the same settings
        chunks = 0
    return Stats(documents_unchanged=len(unchanged), embeddings_reused=chunks)


def _has_vectors(connection: sa.Connection, one: Item) -> bool:
    mine = chunk.c.document_id == one.document_id, chunk.c.version == one.version, chunk.c.vector.is_not(None)
    return connection.execute(sa.select(chunk.c.chunk_id).where(*mine).limit(1)).first() is not None


def finish_unchanged(draft: record.Draft) -> None:
    """End a job of which nothing is left to do, in the moment in which it was sent."""
    now = draft.transaction.now
    count = draft.job.total_items
    whose = "The document is" if count == 1 else f"All {count} documents are"
    ended = lifecycle.finish(lifecycle.start(draft.job, now), now)
    total = ended.chunks_created or None
    draft.job = replace(ended, current_chunk=total, total_chunks=total)
    draft.report(EventType.JOB_COMPLETED, message=f"{whose} here already, unchanged")


def take_turns(transaction: Transaction, workspace_id: WorkspaceId) -> None:
    """Let nobody else judge what comes into that workspace until this transaction is over."""
    transaction.take_turns("sameness", workspace_id)


def of_documents(judged: Sequence[Judged]) -> Mapping[DocumentId, Verdict]:
    """The verdict on each document."""
    return {one.document.document_id: one.verdict for one in judged}
