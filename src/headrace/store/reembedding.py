"""What is written while all vectors of a workspace are made anew: the receipts as they come, then the one swap."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from headrace.model import lifecycle
from headrace.model.ids import JobId, WorkspaceId
from headrace.model.job import Job, Stats
from headrace.model.progress import NEARLY_DONE
from headrace.model.vocabulary import EventType, JobType, Stage
from headrace.store import record, workspaces
from headrace.store.database import Transaction
from headrace.store.schema import chunk, job, workspace


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that has a vector, or is to have one."""

    chunk_id: int
    text: str


_SET_VECTOR = sa.update(chunk).where(chunk.c.chunk_id == sa.bindparam("id")).values(vector=sa.bindparam("embedding"))


def begin(transaction: Transaction, job_id: JobId, run: int) -> Job:
    """Count what is to be done; safe to repeat after a crash."""
    with record.changing(transaction, job_id, run=run) as draft:
        is_first = draft.job.stage is not Stage.INDEXING
        total = count(transaction.connection, draft.job.workspace_id)
        draft.job = replace(
            draft.job, stage=Stage.INDEXING, total_chunks=total or None,
            current_chunk=min(draft.job.current_chunk or 0, total) if total else None,
            work_total=max(total, draft.job.work_done), waiting_for=None,
        )  # fmt: skip
        if is_first:
            draft.report(EventType.JOB_STAGE, message=f"Embedding {total} chunks anew")
    return draft.job


def count(connection: sa.Connection, workspace_id: WorkspaceId | None) -> int:
    """How many indexed chunks a workspace has, in every version."""
    statement = sa.select(sa.func.count()).where(chunk.c.workspace_id == workspace_id, chunk.c.is_indexed)
    return int(connection.execute(statement).scalar_one())


def passages(connection: sa.Connection, workspace_id: WorkspaceId, *, after: int, limit: int) -> list[Passage]:
    """Indexed chunks in the order of their ids, from the one after `after` on."""
    statement = (
        sa.select(chunk.c.chunk_id, chunk.c.text)
        .where(chunk.c.workspace_id == workspace_id, chunk.c.is_indexed, chunk.c.chunk_id > after)
        .order_by(chunk.c.chunk_id)
        .limit(limit)
    )
    return [Passage(*row) for row in connection.execute(statement)]


def advance(transaction: Transaction, job_id: JobId, run: int, *, done: int, bought: int) -> Job:
    """`done` chunks have their new vectors in the receipts, of which `bought` ones have just been paid for.

    Raises:
        Superseded: the job was cancelled, paused or handed out again.
    """
    with record.changing(transaction, job_id, run=run) as draft:
        now = draft.job
        total = max(now.work_total, done)
        share = math.floor(done / max(1, total) * 10_000) / 10_000
        draft.job = replace(
            now, work_done=max(now.work_done, done), work_total=total, total_chunks=total or None,
            current_chunk=max(now.current_chunk or 0, done) if total else None,
            progress=max(now.progress, min(NEARLY_DONE, share)), stats=_counted(now.stats, done, bought),
            message=f"Embedding {done} of {total} chunks anew",
        )  # fmt: skip
        draft.report(EventType.JOB_PROGRESS)
    return draft.job


def _counted(stats: Stats, done: int, bought: int) -> Stats:
    """What the job has not paid for it has reused; after a crash it goes through all once more, and counts it once."""
    computed = stats.embeddings_computed + bought
    reused = max(stats.embeddings_reused, done - computed)
    return replace(stats, embeddings_computed=computed, embeddings_reused=reused)


def set_vectors(transaction: Transaction, vectors: Mapping[int, bytes]) -> None:
    """Give chunks their new vectors."""
    transaction.execute_many(_SET_VECTOR, [{"id": one, "embedding": vectors[one]} for one in sorted(vectors)])


def clear_vectors(transaction: Transaction, workspace_id: WorkspaceId) -> None:
    """Take the vectors of a workspace away."""
    transaction.execute(sa.update(chunk).where(chunk.c.workspace_id == workspace_id).values(vector=None))


def swap(transaction: Transaction, job_id: JobId, run: int, choice: str) -> Job:
    """From this commit on the workspace is searched by the new vectors, and writes with the old model are refused."""
    with record.changing(transaction, job_id, run=run) as draft:
        workspace_id = draft.job.workspace_id
        found = workspaces.find_by_id(transaction, workspace_id)
        if found is None:  # the job had failed, the workspace was deleted, and then the job was retried
            draft.job = lifecycle.fail(draft.job, transaction.now, "the workspace was deleted")
            draft.report(EventType.JOB_FAILED)
            return draft.job
        config = {**found.rag_config, "embedder": choice}
        transaction.execute(
            sa.update(workspace)
            .where(workspace.c.workspace_id == workspace_id)
            .values(
                embedder=choice,
                rag_config=config,
                vectors_number=workspace.c.vectors_number + 1,
                index_number=workspace.c.index_number + 1,
            )
        )
        total = draft.job.total_chunks
        draft.job = replace(draft.job, current_chunk=total, work_done=draft.job.work_total)
        draft.job = lifecycle.finish(draft.job, transaction.now)
        draft.report(EventType.JOB_COMPLETED, message=f"{total or 0} chunks are embedded by {choice!r} now")
    return draft.job


def alive_in(connection: sa.Connection, workspace_id: WorkspaceId) -> list[JobId]:
    """The jobs of this kind on a workspace that have not ended."""
    mine = sa.select(job.c.job_id).where(
        job.c.workspace_id == workspace_id,
        job.c.job_type == JobType.REEMBEDDING,
        job.c.status.in_(lifecycle.ALIVE),
    )
    return [JobId(row[0]) for row in connection.execute(mine.order_by(job.c.job_id))]
