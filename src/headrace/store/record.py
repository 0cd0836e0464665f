"""The one place where a job's state changes: under its lock, with the events that report the change.

Lock order is job, then user, always. Numbers come from counters on those locked rows, so they are committed in the
order in which they were given, without gaps.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.model.errors import JobNotFound, Superseded
from headrace.model.event import encode, job_frame
from headrace.model.ids import DocumentId, JobId, UserId
from headrace.model.job import Job
from headrace.model.progress import measured_anew
from headrace.model.vocabulary import EventType, JobStatus, Stage
from headrace.store import rows
from headrace.store.database import Transaction
from headrace.store.schema import account, event, job


@dataclass(slots=True)
class Draft:
    """A job being changed: assign to `job`, call `report` for each fact; both are written when the block is left."""

    transaction: Transaction
    job: Job
    frames: list[dict[str, Any]] = field(default_factory=list)

    def report(
        self,
        kind: EventType,
        *,
        document_id: DocumentId | None = None,
        facts: Mapping[str, Any] | None = None,
        message: str | None = None,
    ) -> None:
        """Add an event that tells of the job as it is now, and of a document's `facts`."""
        self.job = replace(self.job, sequence=self.job.sequence + 1)
        if message is not None:
            self.job = replace(self.job, message=message)
        frame = job_frame(self.job, kind, self.transaction.now, document_id)
        self.frames.append({**frame, **(facts or {})})

    def report_documents(self, told: Sequence[tuple[DocumentId, Mapping[str, Any]]]) -> None:
        """Add an event for each of several documents and its facts. Of the job they all say the same."""
        if not told:
            return
        first = self.job.sequence + 1
        frame = job_frame(self.job, EventType.DOCUMENT_STATUS, self.transaction.now)
        self.frames += [
            {**frame, "seq": number, "document_id": document_id, **facts}
            for number, (document_id, facts) in enumerate(told, first)
        ]
        self.job = replace(self.job, sequence=self.job.sequence + len(told))

    def advance_to(self, stage: Stage) -> None:
        """Report each stage that the job has come through up to `stage`; going back is not told."""
        while self.job.stage.rank < stage.rank:
            following = next(other for other in Stage if other.rank == self.job.stage.rank + 1)
            if following.is_final:
                return
            self.job = replace(self.job, stage=following)
            if following is Stage.INDEXING:
                self.job = measured_anew(self.job, self.transaction.now)
            self.report(EventType.JOB_STAGE, message=STAGE_MESSAGES[following])


INSERT_EVENT = sa.insert(event)

STAGE_MESSAGES = {
    Stage.EXTRACTING: "Extracting text...",
    Stage.CHUNKING: "Chunking documents...",
    Stage.ENRICHING: "Extracting metadata...",
    Stage.INDEXING: "Indexing...",
}


def lock(transaction: Transaction, job_ids: Sequence[JobId]) -> None:
    """Lock several jobs before any of them is changed: after the first event their user is locked, too."""
    mine = sa.select(job.c.job_id).where(job.c.job_id.in_(job_ids)).order_by(job.c.job_id)
    transaction.execute(mine.with_for_update())


@contextmanager
def changing(transaction: Transaction, job_id: JobId, *, run: int | None = None) -> Iterator[Draft]:
    """Lock a job and write what becomes of it.

    With `run` the caller is a worker: it must still be the one that the job was handed to.

    Raises:
        JobNotFound: there is no such job.
        Superseded: the job is not running any more, or under a later run.
    """
    statement = sa.select(job).where(job.c.job_id == job_id).with_for_update()
    row = transaction.execute(statement).mappings().one_or_none()
    if row is None:
        raise JobNotFound(job_id)
    before = rows.to_job(row)
    if run is not None and (before.run != run or before.status is not JobStatus.RUNNING):
        raise Superseded(f"job {job_id!r} is {before.status}, in run {before.run}")
    draft = Draft(transaction, before)
    yield draft
    if draft.frames:
        last = append(transaction, before.user_id, draft.frames)
        draft.job = replace(draft.job, last_number=last)
    old, new = rows.from_job(before), rows.from_job(draft.job)
    changed = {name: value for name, value in new.items() if value != old[name]}
    if changed:
        transaction.execute(sa.update(job).where(job.c.job_id == job_id).values(changed))


def append(transaction: Transaction, user_id: UserId, frames: Sequence[dict[str, Any]]) -> int:
    """Number `frames` in their user's stream and write them; returns the last number."""
    last = _take_numbers(transaction, user_id, len(frames))
    first = last - len(frames) + 1
    transaction.execute_many(
        INSERT_EVENT,
        [
            {
                "user_id": user_id,
                "number": number,
                "job_id": frame["job_id"],
                "sequence": frame["seq"],
                "type": frame["type"],
                "body": encode(frame),
                "created_at": transaction.now,
            }
            for number, frame in enumerate(frames, first)
        ],
    )
    transaction.concerned.add(user_id)
    return last


def _take_numbers(transaction: Transaction, user_id: UserId, count: int) -> int:
    insert = sqlite_insert if transaction.is_sqlite else postgres_insert
    statement = (
        insert(account)
        .values(user_id=user_id, last_number=count)
        .on_conflict_do_update(index_elements=["user_id"], set_={"last_number": account.c.last_number + count})
        .returning(account.c.last_number)
    )
    return int(transaction.execute(statement).scalar_one())
