"""The routes behind `headrace.track`: long tasks of other programs, watched as jobs."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from headrace.model.errors import InvalidField, JobNotFound, WrongState
from headrace.model.ids import UserId
from headrace.model.job import Job
from headrace.server.bodies import AdvanceBody, FinishBody, TaskBody
from headrace.server.context import Context, context
from headrace.server.principal import user
from headrace.server.problems import documented
from headrace.server.views import job_view
from headrace.store.tasks import Task

router = APIRouter(tags=["tasks"], responses=documented(InvalidField))

User = Annotated[UserId, Depends(user)]
App = Annotated[Context, Depends(context)]
REPORTING = documented(JobNotFound, WrongState)


@router.post("/tasks", status_code=201)
async def begin_task(body: TaskBody, app: App, owner: User) -> JSONResponse:
    """A new task, running from now on. Report on it at least every `lease_seconds`, or it fails."""
    task = Task(title=body.title, total=body.total, lease_seconds=body.lease_seconds, metadata=body.metadata)
    job = await asyncio.to_thread(app.jobs.begin_task, owner, task)
    return JSONResponse(_view(app, job), 201, headers={"Location": f"/jobs/{job.job_id}"})


@router.post("/tasks/{job_id}/advance", responses=REPORTING)
async def advance_task(job_id: str, body: AdvanceBody, app: App, owner: User) -> dict[str, Any]:
    """Some steps are done; with `count` 0 only a sign of life. 409 once it has ended, as when someone cancelled it."""
    job = await asyncio.to_thread(
        app.jobs.advance_task, owner, job_id, count=body.count, total=body.total, message=body.message
    )
    return _view(app, job)


@router.post("/tasks/{job_id}/finish", responses=REPORTING)
async def finish_task(job_id: str, body: FinishBody, app: App, owner: User) -> dict[str, Any]:
    """The task is done; or failed, with `error`."""
    job = await asyncio.to_thread(app.jobs.finish_task, owner, job_id, error=body.error, message=body.message)
    return _view(app, job)


def _view(app: Context, job: Job) -> dict[str, Any]:
    return job_view(job, app.database.epoch, app.database.clock())
