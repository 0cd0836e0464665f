"""The page: its built files, and a plain list of jobs for browsers that run no scripts.

The files are built from `web/apps/console`. Those below `assets` carry their content in their name and may be kept for
ever; the others are asked for again each time.
"""

import asyncio
from collections.abc import Sequence
from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from headrace.model.ids import UserId
from headrace.model.job import Job
from headrace.model.progress import percent
from headrace.server.context import Context, context
from headrace.server.principal import STATIC, user

router = APIRouter(include_in_schema=False)

App = Annotated[Context, Depends(context)]
User = Annotated[UserId, Depends(user)]

FOR_EVER = "public, max-age=31536000, immutable"
SHOWN = 30
REFRESH_SECONDS = 3

PLAIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{seconds}"><title>Headrace: jobs</title>
<link rel="icon" href="favicon.svg"><link rel="stylesheet" href="style.css"></head>
<body class="plain"><main><h1>Headrace</h1>
<p class="soft">The newest jobs, without scripts; this list asks again every {seconds} seconds. Send documents with
<code>headrace ingest FILE</code> or <code>curl</code>; see <a href="docs">the API</a>.</p>{rows}</main>
</body></html>"""


class PageFiles(StaticFiles):
    """The built files, each with how long it may be kept."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One of the files."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOR_EVER if path.startswith("assets") else "no-cache"
        return response


@router.get("/plain", response_class=HTMLResponse)
async def show_plain(app: App, owner: User) -> HTMLResponse:
    """The newest jobs as a list that refreshes itself."""
    rows = await asyncio.to_thread(_rows, app, owner)
    text = PLAIN.format(seconds=REFRESH_SECONDS, rows=f"<ol>{''.join(rows)}</ol>" if rows else "<p>No jobs yet.</p>")
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


def _rows(app: Context, owner: UserId) -> Sequence[str]:
    found = app.jobs.list_jobs(owner, status=None, limit=SHOWN, before=None)
    return [_row(job, _name(app, owner, job)) for job in found]


def _name(app: Context, owner: UserId, job: Job) -> str:
    items = app.jobs.list_items(owner, job.job_id, after=None, limit=1)
    if not items:
        return job.message or job.job_type.value.replace("_", " ")
    return items[0].filename + (f" and {job.total_items - 1} more" if job.total_items > 1 else "")


def _row(job: Job, name: str) -> str:
    told = percent(job.progress)
    state = job.stage.value if job.status.value == "running" else job.status.value
    facts = [f"{state}, {told:.0f} %"]
    if job.total_chunks:
        facts.append(f"{job.current_chunk or 0} of {job.total_chunks} chunks")
    if job.failed_items:
        facts.append(f"{job.failed_items} failed")
    facts.extend(one for one in (job.waiting_for, job.error_message) if one)
    bar = f'<progress max="100" value="{told:.0f}" aria-label="{escape(name)}"></progress>'
    return f"<li><b>{escape(name)}</b>{bar}<span class='soft'>{escape(' · '.join(facts))}</span></li>"
