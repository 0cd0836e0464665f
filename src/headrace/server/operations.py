"""The routes for those who run the server: is it there, can it work, how is it doing."""

import asyncio
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from headrace.model.errors import Busy
from headrace.model.ids import UserId
from headrace.server.context import Context, context
from headrace.server.principal import user
from headrace.server.problems import documented

router = APIRouter(tags=["operations"])

App = Annotated[Context, Depends(context)]
User = Annotated[UserId, Depends(user)]


@router.get("/healthz")
async def is_alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses=documented(Busy))
async def is_ready(app: App) -> dict[str, str]:
    """The database answers too, so requests can be served."""

    def look() -> None:
        with app.database.read() as connection:
            connection.execute(sa.text("SELECT 1"))

    await asyncio.to_thread(look)
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
async def metrics(app: App, owner: User) -> Any:
    """For Prometheus: the user's jobs by status, and who is watching."""
    counts = await asyncio.to_thread(app.jobs.count_jobs, owner)
    registry = CollectorRegistry()
    jobs = Gauge("headrace_jobs", "jobs by status", ["status"], registry=registry)
    for status, count in counts.items():
        if status not in {"total_jobs", "total_chunks_created"}:
            jobs.labels(status=status).set(count)
    Gauge("headrace_chunks_created", "chunks made by all jobs", registry=registry).set(counts["total_chunks_created"])
    Gauge("headrace_watchers", "open streams of this server", registry=registry).set(app.hub.count_watchers())
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
