"""The moves of a job: which are allowed, and what each does to it. The drawing is in docs/lifecycle.md."""

from dataclasses import replace
from datetime import datetime

from headrace.model.errors import WrongState
from headrace.model.job import Job
from headrace.model.progress import advanced
from headrace.model.vocabulary import JobStatus, JobType, Stage

ALIVE = frozenset({JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED})
PAUSABLE = frozenset({JobStatus.PENDING, JobStatus.RUNNING})
NOT_FOR_TASKS = frozenset({"pause", "resume", "retry"})
"""A task's work is done elsewhere: it can be cancelled, but nobody here could take it up again."""

NOT_UNDONE = (
    "what it removes is gone for every reader already, and cannot be brought back; pause it if it is in the way"
)

PAUSED_BY_USER = "paused; resume it to go on"


def start(job: Job, now: datetime) -> Job:
    """pending → running: the engine has taken it up. A job already running (after a crash) stays as it is."""
    if job.status is JobStatus.RUNNING:
        return replace(job, work_started_at=now, work_done_at_start=job.work_done, waiting_for=None)
    _allow(job, {JobStatus.PENDING}, "start")
    return replace(
        job,
        status=JobStatus.RUNNING,
        started_at=job.started_at or now,
        work_started_at=now,
        work_done_at_start=job.work_done,
        waiting_for=None,
    )


def finish(job: Job, now: datetime) -> Job:
    """running → completed, or failed when no document succeeded."""
    _allow(job, {JobStatus.RUNNING}, "finish")
    succeeded = job.total_items == 0 or job.failed_items < job.total_items
    ended = replace(
        job,
        status=JobStatus.COMPLETED if succeeded else JobStatus.FAILED,
        stage=Stage.COMPLETED if succeeded else Stage.FAILED,
        completed_at=now,
        waiting_for=None,
    )
    return advanced(ended)


def fail(job: Job, now: datetime, reason: str) -> Job:
    """pending or running → failed, for a reason that is not a document's."""
    _allow(job, {JobStatus.PENDING, JobStatus.RUNNING}, "fail")
    return replace(
        job,
        status=JobStatus.FAILED,
        stage=Stage.FAILED,
        completed_at=now,
        error_message=reason,
        message=reason,
        waiting_for=None,
    )


def cancel(job: Job, now: datetime) -> Job:
    """pending, running or paused → cancelled: decided here, whatever a worker still does."""
    _allow(job, ALIVE, "cancel")
    if job.job_type is JobType.DELETION:
        raise WrongState(job.job_id, job.status, "cancel", reason=NOT_UNDONE)
    return replace(
        job,
        status=JobStatus.CANCELLED,
        stage=Stage.CANCELLED,
        completed_at=now,
        message="Cancelled",
        waiting_for=None,
    )


def pause(job: Job) -> Job:
    """pending or running → paused; what is saved stays saved."""
    _allow(job, PAUSABLE, "pause")
    return replace(job, status=JobStatus.PAUSED, message="Paused", waiting_for=PAUSED_BY_USER)


def resume(job: Job) -> Job:
    """paused → pending: in line again, under a new run."""
    _allow(job, {JobStatus.PAUSED}, "resume")
    return replace(job, status=JobStatus.PENDING, run=job.run + 1, message="Resumed", waiting_for=None)


def retry(job: Job, *, undone: int, added: int, patchy: int = 0) -> Job:
    """Completed with failures, or failed → pending, as the next attempt on what failed.

    `undone` is the work that is to be done again, `added` what the failures had taken off the whole, and `patchy` the
    number of documents that are done but for some of their pages.
    """
    _allow(job, {JobStatus.COMPLETED, JobStatus.FAILED}, "retry")
    if not job.failed_items and not patchy and job.status is JobStatus.COMPLETED:
        raise WrongState(job.job_id, job.status, "retry")
    again = replace(
        job,
        status=JobStatus.PENDING,
        stage=Stage.RECEIVED,
        attempt=job.attempt + 1,
        run=job.run + 1,
        processed_items=job.processed_items - job.failed_items - patchy,
        failed_items=0,
        work_done=job.work_done - undone,
        work_total=job.work_total + added,
        progress=0.0,
        completed_at=None,
        error_message=None,
        total_chunks=None,
        current_chunk=None,
        message="Trying again what failed",
    )
    return advanced(again)


def _allow(job: Job, statuses: frozenset[JobStatus] | set[JobStatus], verb: str) -> None:
    is_ours = job.job_type is not JobType.TASK or verb not in NOT_FOR_TASKS
    if job.status not in statuses or not is_ours:
        raise WrongState(job.job_id, job.status, verb)
