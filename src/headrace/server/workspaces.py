"""The routes of workspaces and of their settings."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response

from headrace.model.errors import BadRequest, InvalidField, NameTaken, WorkspaceNotFound
from headrace.model.ids import UserId
from headrace.server.bodies import RagConfigBody, WorkspaceBody, WorkspaceChangeBody
from headrace.server.context import Context, context
from headrace.server.listing import NOT_MODIFIED, AfterId, IfNoneMatch, Limit, listed
from headrace.server.principal import user
from headrace.server.problems import documented
from headrace.server.views import job_reply, workspace_view

router = APIRouter(tags=["workspaces"])

User = Annotated[UserId, Depends(user)]
App = Annotated[Context, Depends(context)]
UNKNOWN = documented(WorkspaceNotFound)


@router.get("/workspaces", responses=NOT_MODIFIED | documented(BadRequest, InvalidField))
async def list_workspaces(
    app: App, owner: User, cursor: AfterId, limit: Limit = 50, if_none_match: IfNoneMatch = None
) -> Response:
    """Workspaces, newest first."""
    found = await asyncio.to_thread(app.library.list_workspaces, owner, limit=limit + 1, before=cursor)
    shown = found[:limit]
    next_cursor = shown[-1].workspace_id if len(found) > limit else None
    return listed("workspaces", [workspace_view(one) for one in shown], next_cursor, if_none_match)


@router.post("/workspaces", status_code=202, responses=documented(InvalidField, NameTaken))
async def create_workspace(body: WorkspaceBody, app: App, owner: User) -> JSONResponse:
    """A new workspace; `job_id` is that of the job that provisions it."""
    config = body.rag_config.model_dump(exclude_unset=True)
    made, job = await asyncio.to_thread(app.library.create_workspace, owner, body.name, config)
    view = workspace_view(made) | {"job_id": job.job_id}
    return JSONResponse(view, 202, headers={"Location": f"/workspaces/{made.workspace_id}"})


@router.get("/workspaces/{workspace_id}", responses=UNKNOWN)
async def get_workspace(workspace_id: str, app: App, owner: User) -> dict[str, Any]:
    """One workspace, by its id or its name."""
    return workspace_view(await asyncio.to_thread(app.library.get_workspace, owner, workspace_id))


@router.patch("/workspaces/{workspace_id}", responses=UNKNOWN | documented(InvalidField, NameTaken))
async def change_workspace(workspace_id: str, body: WorkspaceChangeBody, app: App, owner: User) -> dict[str, Any]:
    """Rename a workspace, or change some of its settings for what is ingested from now on.

    Another embedder starts the job `job_id`, which embeds everything anew; until it is done the old one is in force.
    """
    config = None if body.rag_config is None else body.rag_config.model_dump(exclude_unset=True)
    changed, job = await asyncio.to_thread(
        app.library.change_workspace, owner, workspace_id, name=body.name, rag_config=config
    )
    return workspace_view(changed) | {"job_id": None if job is None else job.job_id}


@router.delete("/workspaces/{workspace_id}", status_code=202, responses=UNKNOWN)
async def delete_workspace(workspace_id: str, app: App, owner: User) -> JSONResponse:
    """Forget a workspace and all that is in it: at once for readers, cleared away by the job that is answered."""
    job = await asyncio.to_thread(app.library.delete_workspace, owner, workspace_id)
    return JSONResponse(job_reply(job), 202, headers={"Location": f"/jobs/{job.job_id}"})


@router.get("/rag-config/default")
async def get_default_rag_config(app: App, owner: User) -> dict[str, Any]:
    """The settings of your workspaces where they set nothing themselves."""
    return await asyncio.to_thread(app.library.default_rag_config, owner)


@router.put("/rag-config/default", responses=documented(InvalidField))
async def set_default_rag_config(body: RagConfigBody, app: App, owner: User) -> dict[str, Any]:
    """Replace the defaults; what is left out is the product's own default again."""
    return await asyncio.to_thread(app.library.set_default_rag_config, owner, body.model_dump(exclude_unset=True))
