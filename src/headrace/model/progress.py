"""How far a job is, and how long it still takes: pure functions of what is stored.

Work is counted in bytes of documents, each weighted by the stages that are behind it. It only ever grows within an
attempt, and so does the progress that is told.
"""

import math
from dataclasses import replace
from datetime import datetime

from headrace.model.job import Job
from headrace.model.pace import Forecast
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

_TRUST = 0.2
_TRUST_SECONDS = 0.5
"""What was remembered counts as much as this share of the whole job, measured in this run; at least so many seconds."""

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
    """Seconds until the end of a running job; None while there is nothing to go by.

    Where something is remembered of work of its kinds, that is what counts first, and more and more how this run
    compares to it. Else it is the pace measured in this run alone: work per second since it began, so that a resumed
    job is not judged by its pause, or since all was read, so that embedding is not judged by reading. The wait of a
    pending job is nobody's to know: it depends on those ahead of it.
    """
    if job.status is not JobStatus.RUNNING or job.work_started_at is None:
        return None
    elapsed = max(0.0, (now - job.work_started_at).total_seconds())
    if job.forecast is not None and job.total_items:
        return _forecast_left(job, job.forecast, elapsed)
    done = job.work_done - job.work_done_at_start
    if elapsed < _MEASURED_SECONDS or done <= 0 or done < job.work_total * _MEASURED_SHARE:
        return None
    return round(max(0, job.work_total - job.work_done) * elapsed / done, 1)


def begun(job: Job, forecast: Forecast | None) -> Job:
    """The job with what it is expected to take, at the beginning of a run."""
    if forecast is None:
        return replace(job, forecast=None)
    done_seconds = _done_seconds(job, forecast.of_chunks(job.total_chunks))
    return replace(job, forecast=replace(forecast, done_seconds=done_seconds))


def measured_anew(job: Job, now: datetime) -> Job:
    """The job whose pace is measured from now on: what comes is of another kind than what was before.

    Of a job whose pace is remembered that is known already.
    """
    return job if job.forecast else replace(job, work_started_at=now, work_done_at_start=job.work_done)


def _forecast_left(job: Job, expected: Forecast, elapsed: float) -> float:
    forecast = expected.of_chunks(job.total_chunks)
    whole = forecast.reading_seconds + forecast.indexing_seconds
    done = _done_seconds(job, forecast)
    trust = max(_TRUST_SECONDS, _TRUST * whole)
    slowness = (elapsed + trust) / (max(0.0, done - forecast.done_seconds) + trust)
    return round(max(0.0, whole - done) * slowness, 1)


def _done_seconds(job: Job, forecast: Forecast) -> float:
    """What the work done so far was expected to take.

    Finished documents are read and indexed. The others stand, on the average, at one point of their way: up to
    `SHARE_BEFORE` of indexing they are being read.
    """
    finished = min(1.0, job.processed_items / job.total_items) if job.total_items else 0.0
    share = min(1.0, job.work_done / job.work_total) if job.work_total > 0 else 0.0
    rest = 1.0 - finished
    point = min(1.0, max(0.0, (share - finished) / rest)) if rest else 0.0
    turn = SHARE_BEFORE[Stage.INDEXING]
    read, indexed = min(1.0, point / turn), max(0.0, (point - turn) / (1.0 - turn))
    return forecast.reading_seconds * (finished + rest * read) + forecast.indexing_seconds * (finished + rest * indexed)
