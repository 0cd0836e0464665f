"""The routes for those who run the server: is it there, can it work, how is it doing."""

import asyncio
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from headrace.model.errors import Busy
from headrace.server.context import Context, context
from headrace.server.metrics import Metrics
from headrace.server.principal import user
from headrace.server.problems import documented

router = APIRouter(tags=["operations"])

App = Annotated[Context, Depends(context)]


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


@router.get("/metrics", response_class=Response, dependencies=[Depends(user)])
async def metrics(request: Request) -> Response:
    """For Prometheus: the whole installation, all users together. Where users log in, a token with scope `operator`."""
    page: Metrics = request.app.state.metrics
    return Response(await page.page(), media_type=CONTENT_TYPE_LATEST)
