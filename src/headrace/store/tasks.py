"""Jobs whose work is done elsewhere: any long task, with the same log and the same watchers.

A task is kept alive by what is heard of it. Silence is measured by whoever cleans up, on its own monotonic clock, as
the time for which `lease_renewals` has not changed: so a wall clock that jumps ends nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from headrace.model import lifecycle
from headrace.model.ids import JobId, UserId, new_id
from headrace.model.job import Job
from headrace.model.progress import advanced
from headrace.model.vocabulary import EventType, JobStatus, JobType, Stage
from headrace.store import record, rows
from headrace.store.database import Transaction
from headrace.store.schema import event as event_table
from headrace.store.schema import job as job_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is told of a task when it begins. `total` counts its steps; None where that is not known."""

    title: str
    total: int | None = None
    lease_seconds: float = 60.0
    metadata: Mapping[str, Any] = field(default_factory=dict)


def begin(transaction: Transaction, user_id: UserId, task: Task) -> Job:
    """A job that runs from the start: nobody has to take it up."""
    made = Job(
        job_id=JobId(new_id()),
        user_id=user_id,
        workspace_id=None,
        job_type=JobType.TASK,
        message=task.title,
        metadata={**task.metadata, "title": task.title},
        total_items=task.total or 0,
        work_total=task.total or 0,
        lease_seconds=task.lease_seconds,
        created_at=transaction.now,
    )
    transaction.execute(sa.insert(job_table).values(rows.from_job(made)))
    with record.changing(transaction, made.job_id) as draft:
        draft.report(EventType.JOB_RECEIVED)
        draft.job = replace(lifecycle.start(draft.job, transaction.now), stage=Stage.INDEXING)
        draft.report(EventType.JOB_STAGE)
    return draft.job


def advance(
    transaction: Transaction, job_id: JobId, *, count: int, total: int | None, message: str | None, interval: float
) -> Job:
    """`count` more steps are done; also a sign of life.

    Progress is told at most every `interval` seconds; what came too soon is told by `catch_up`.

    Raises:
        Superseded: the task has ended, or was cancelled.
    """
    with record.changing(transaction, job_id, run=1) as draft:
        job = draft.job
        done = job.processed_items + count
        steps = max(done, total or job.total_items) if total or job.total_items else 0
        draft.job = advanced(
            replace(
                job,
                total_items=max(steps, done),
                work_total=steps,
                processed_items=done,
                work_done=done,
                lease_renewals=job.lease_renewals + 1,
                message=message or job.message,
            )
        )
        reported = job.progress_reported_at
        is_due = reported is None or not timedelta(0) <= transaction.now - reported < timedelta(seconds=interval)
        if is_due and (count or message):
            draft.job = replace(draft.job, progress_reported_at=transaction.now)
            draft.report(EventType.JOB_PROGRESS)
    return draft.job


def catch_up(transaction: Transaction, job_id: JobId) -> None:
    """Tell of steps that came too soon after others to be told of at once, if there are any.

    Raises:
        Superseded: the task has ended, or was cancelled.
    """
    with record.changing(transaction, job_id, run=1) as draft:
        newest = sa.select(event_table.c.body).filter_by(job_id=job_id, sequence=draft.job.sequence)
        told = json.loads(transaction.execute(newest).scalar_one())
        if any(told[name] != getattr(draft.job, name) for name in ("processed_items", "total_items", "message")):
            draft.job = replace(draft.job, progress_reported_at=transaction.now)
            draft.report(EventType.JOB_PROGRESS)


def finish(transaction: Transaction, job_id: JobId, *, error: str | None, message: str | None) -> Job:
    """The task is done, or failed with `error`.

    Raises:
        Superseded: the task has ended, or was cancelled.
    """
    with record.changing(transaction, job_id, run=1) as draft:
        if error is not None:
            draft.job = lifecycle.fail(draft.job, transaction.now, error)
            draft.report(EventType.JOB_FAILED)
        else:
            whole = replace(draft.job, total_items=draft.job.processed_items)
            draft.job = lifecycle.finish(whole, transaction.now)
            draft.report(EventType.JOB_COMPLETED, message=message)
    return draft.job


def select_leases(connection: sa.Connection) -> list[tuple[JobId, int, float]]:
    """Each running task with its renewals and the seconds of silence that it may keep."""
    statement = sa.select(job_table.c.job_id, job_table.c.lease_renewals, job_table.c.lease_seconds).where(
        job_table.c.status == JobStatus.RUNNING, job_table.c.lease_seconds.is_not(None)
    )
    return [(JobId(row[0]), int(row[1]), float(row[2])) for row in connection.execute(statement)]
