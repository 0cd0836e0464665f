"""How far a job is, and how long it still takes: pure functions of what is stored.

Work is counted in bytes of documents, each weighted by the stages that are behind it. It only ever grows within an
attempt, and so does the progress that is told.
"""

import math
from dataclasses import replace
from datetime import datetime

from headrace.model.job import Job
from headrace.model.vocabulary import JobStatus, Stage

SMALLEST_WORK = 1024
"""Bytes that a document counts for at least: a hundred tiny messages are work too."""

NEARLY_DONE = 0.999
"""The most that is told before all is searchable."""

SHARE_BEFORE = {
    Stage.RECEIVED: 0.0,
    Stage.EXTRACTING: 0.0,
    Stage.CHUNKING: 0.15,
    Stage.ENRICHING: 0.17,
    Stage.INDEXING: 0.20,
    Stage.COMPLETED: 1.0,
    Stage.FAILED: 1.0,
    Stage.CANCELLED: 1.0,
}
"""The part of a document's work that lies before each stage; embedding is by far the longest."""

_MEASURED_SECONDS = 0.5
_MEASURED_SHARE = 0.01


def item_work(work_total: int, stage: Stage, fraction: float = 0.0) -> int:
    """Work done on a document that stands at `fraction` (0.0-1.0) of `stage`."""
    before = SHARE_BEFORE[stage]
    if stage.is_final:
        return work_total
    after = SHARE_BEFORE[_next(stage)]
    return math.floor(work_total * (before + (after - before) * min(1.0, max(0.0, fraction))))


def _next(stage: Stage) -> Stage:
    stages = tuple(SHARE_BEFORE)
    return stages[stages.index(stage) + 1]


def advanced(job: Job) -> Job:
    """The job with the progress that its work stands for: never less than before, never all before the end.

    Once every document is finished the figure stays, since only the job's end says whether it becomes 1.0.
    """
    if job.status is JobStatus.COMPLETED:
        return replace(job, progress=1.0)
    if job.status.is_final or not job.work_total or job.processed_items >= job.total_items:
        return job
    told = math.floor(job.work_done / job.work_total * 10_000) / 10_000
    return replace(job, progress=max(job.progress, min(NEARLY_DONE, told)))


def percent(progress: float) -> float:
    """0-100 with two decimals."""
    return round(progress * 100, 2)


def eta_seconds(job: Job, now: datetime) -> float | None:
    """Seconds until the end at the pace measured in this run; None while there is nothing to go by.

    The pace is work per second since the run began, so a resumed job is not judged by its pause.
    """
    if job.status is not JobStatus.RUNNING or job.work_started_at is None:
        return None
    elapsed = (now - job.work_started_at).total_seconds()
    done = job.work_done - job.work_done_at_start
    if elapsed < _MEASURED_SECONDS or done <= 0 or done < job.work_total * _MEASURED_SHARE:
        return None
    return round(max(0, job.work_total - job.work_done) * elapsed / done, 1)
