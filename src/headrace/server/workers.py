"""The route that lists the workers."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from headrace.model.ids import JobId
from headrace.model.principal import LOCAL, Principal, TokenScope
from headrace.server.context import Context, context
from headrace.server.principal import principal
from headrace.store import roster

router = APIRouter(tags=["operations"])

App = Annotated[Context, Depends(context)]
Who = Annotated[Principal, Depends(principal)]


@router.get("/workers")
async def list_workers(app: App, who: Who) -> dict[str, Any]:
    """The workers that are there, and what each has in hand.

    `job_count` counts the jobs of all users; `job_ids` are your own. `host` and `pid` are null without the scope
    `operator`.
    """
    return await asyncio.to_thread(_list, app, who)


def _list(app: Context, who: Principal) -> dict[str, Any]:
    with app.database.read() as connection:
        found = roster.select(connection, app.database.clock())
        in_hand = [job_id for one in found for job_id in one["job_ids"]]
        own = roster.own_jobs(connection, who.user_id, in_hand)
    is_operator = who == LOCAL or TokenScope.OPERATOR in who.scopes
    return {"workers": [view(one, own, is_shown=is_operator) for one in found], "next_cursor": None}


def view(one: Mapping[str, Any], own: set[JobId], *, is_shown: bool) -> dict[str, Any]:
    """A worker as one user may see it; `own` are those of the jobs in hand that are theirs."""
    return {
        "worker_id": one["worker_id"],
        "status": "draining" if one["is_draining"] else "working" if one["job_ids"] else "idle",
        "capacity": one["capacity"],
        "tags": one["tags"],
        "job_count": len(one["job_ids"]),
        "job_ids": [job_id for job_id in one["job_ids"] if job_id in own],
        "version": one["version"],
        "host": one["host"] if is_shown else None,
        "pid": one["pid"] if is_shown else None,
        "started_at": one["started_at"].isoformat(),
        "seen_at": one["seen_at"].isoformat(),
    }
