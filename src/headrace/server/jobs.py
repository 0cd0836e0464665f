"""The job routes: look, wait, cancel, pause, resume, retry."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from headrace.model.cursor import Cursor
from headrace.model.errors import BadRequest, Busy, InvalidField, JobNotFound, WrongState
from headrace.model.ids import JobId, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import JobStatus
from headrace.server.context import Context, context
from headrace.server.listing import (
    NOT_MODIFIED,
    AfterId,
    AfterNumber,
    IfNoneMatch,
    Limit,
    listed,
    tagged,
    unless_known,
    without,
)
from headrace.server.principal import user
from headrace.server.problems import documented
from headrace.server.views import item_view, job_view, queue_view
from headrace.transports.poll import newer

router = APIRouter(tags=["jobs"])

User = Annotated[UserId, Depends(user)]
App = Annotated[Context, Depends(context)]
After = Annotated[str | None, Query(description="an event id")]
Wait = Annotated[float, Query(ge=0, description="seconds; with `after`: answer once something is newer")]
VOLATILE = ("eta_seconds",)
UNKNOWN = documented(JobNotFound)
MOVING = documented(JobNotFound, WrongState)


@router.get("/jobs", responses=NOT_MODIFIED | documented(BadRequest, InvalidField))
async def list_jobs(
    app: App,
    owner: User,
    cursor: AfterId,
    status: JobStatus | None = None,
    limit: Limit = 50,
    idempotency_key: Annotated[str | None, Query(max_length=255, description="the one it was submitted with")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Jobs, newest first."""
    found = await asyncio.to_thread(
        app.jobs.list_jobs, owner, status=status, limit=limit + 1, before=cursor, idempotency_key=idempotency_key
    )
    shown = found[:limit]
    next_cursor = shown[-1].job_id if len(found) > limit else None
    return listed("jobs", [_view(app, job) for job in shown], next_cursor, if_none_match, volatile=VOLATILE)


@router.get("/jobs/stats")
async def count_jobs(app: App, owner: User) -> dict[str, int]:
    """How many jobs stand where, and the chunks that they made."""
    return await asyncio.to_thread(app.jobs.count_jobs, owner)


@router.get("/jobs/{job_id}", responses=NOT_MODIFIED | UNKNOWN | documented(BadRequest, Busy))
async def get_job(
    job_id: str,
    app: App,
    owner: User,
    after: After = None,
    wait: Wait = 0.0,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One job. With `after` and `wait` the answer comes when something is newer, or after so many seconds."""
    if after:
        Cursor.parse(after)  # a garbled one is refused whether or not there is anything to wait for
    job = await app.get(owner, job_id)
    if after and wait and not job.status.is_final:
        job = await app.wait_for_news(owner, job, after, min(wait, app.settings.max_wait_seconds))
    view = _view(app, job)
    return tagged(view, without(view, VOLATILE), if_none_match)


@router.get("/jobs/{job_id}/documents", responses=NOT_MODIFIED | UNKNOWN | documented(BadRequest))
async def list_items(
    job_id: str, app: App, owner: User, cursor: AfterNumber, limit: Limit = 1000, if_none_match: IfNoneMatch = None
) -> Response:
    """The job's documents: stage, progress, counts and error of each."""
    found = await asyncio.to_thread(app.jobs.list_items, owner, job_id, after=cursor, limit=limit + 1)
    shown = found[:limit]
    next_cursor = str(shown[-1].ordinal) if len(found) > limit else None
    return listed("documents", [item_view(item) for item in shown], next_cursor, if_none_match)


@router.get("/jobs/{job_id}/events", responses=NOT_MODIFIED | UNKNOWN | documented(BadRequest))
async def list_events(
    job_id: str,
    app: App,
    owner: User,
    after: After = None,
    limit: Limit = 1000,
    wait: Wait = 0.0,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The job's events as Server-Sent Events; or, where JSON is accepted, a page of them, from the first one on.

    `next_cursor` is what to send as `after` next, at the end too: more events may come.
    """
    return await _events(app, owner, JobId(job_id), after, limit, wait, if_none_match)


@router.get("/events", tags=["streams"], responses=NOT_MODIFIED | documented(BadRequest))
async def list_all_events(
    app: App,
    owner: User,
    after: After = None,
    limit: Limit = 1000,
    wait: Wait = 0.0,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The events of all your jobs as Server-Sent Events; or, where JSON is accepted, a page of them.

    Without `after` it is the snapshot to begin with. `next_cursor` is what to send as `after` next, at the end too.
    """
    return await _events(app, owner, None, after, limit, wait, if_none_match)


async def _events(
    app: Context, owner: UserId, job_id: JobId | None, after: str | None, limit: int, wait: float, asked: str | None
) -> Response:
    cursor = Cursor.parse(after) if after else None
    if after and wait:
        await newer(app.hub, owner, job_id, after, min(wait, app.settings.max_wait_seconds))
    events = await asyncio.to_thread(app.jobs.list_events, owner, job_id, cursor, limit=limit)
    epoch = app.database.epoch
    frames = ",".join(event.frame(epoch) for event in events)
    next_cursor = json.dumps(str(Cursor(epoch, events[-1].number)) if events else after)
    response = Response(f'{{"events":[{frames}],"next_cursor":{next_cursor}}}', media_type="application/json")
    return unless_known(response, bytes(response.body), asked)


@router.delete("/jobs/{job_id}", responses=MOVING)
async def delete_job(job_id: str, app: App, owner: User) -> dict[str, Any]:
    """Cancel a job: decided when this is answered."""
    return _view(app, await asyncio.to_thread(app.jobs.cancel, owner, job_id))


@router.post("/jobs/{job_id}/cancel", responses=MOVING)
async def cancel_job(job_id: str, app: App, owner: User) -> dict[str, Any]:
    """Cancel a job: decided when this is answered."""
    return _view(app, await asyncio.to_thread(app.jobs.cancel, owner, job_id))


@router.post("/jobs/{job_id}/retry", responses=MOVING)
async def retry_job(job_id: str, app: App, owner: User) -> dict[str, Any]:
    """Try again what failed, as the job's next attempt."""
    return _view(app, await asyncio.to_thread(app.jobs.retry, owner, job_id))


@router.post("/jobs/{job_id}/pause", responses=MOVING)
async def pause_job(job_id: str, app: App, owner: User) -> dict[str, Any]:
    """Let a job rest; it keeps what it has."""
    return _view(app, await asyncio.to_thread(app.jobs.pause, owner, job_id))


@router.post("/jobs/{job_id}/resume", responses=MOVING)
async def resume_job(job_id: str, app: App, owner: User) -> dict[str, Any]:
    """Put a paused job back in line."""
    return _view(app, await asyncio.to_thread(app.jobs.resume, owner, job_id))


@router.get("/resource/ingest/status/{job_id}", responses=UNKNOWN)
async def get_queue_status(job_id: str, app: App, owner: User) -> dict[str, Any]:
    """A job in the words of a job queue: queued, started, finished, failed, canceled."""
    return queue_view(await app.get(owner, job_id))


def _view(app: Context, job: Job) -> dict[str, Any]:
    database = app.database
    return job_view(job, database.epoch, database.clock())
