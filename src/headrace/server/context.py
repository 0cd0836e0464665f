"""What the routes share: the product, the hub, and the settings in force."""

import asyncio
import time
from dataclasses import dataclass

from fastapi import Request

from headrace.eventlog.hub import Hub
from headrace.model.cursor import Cursor
from headrace.model.ids import UserId
from headrace.model.job import Job
from headrace.service import Jobs, Library
from headrace.settings import Settings
from headrace.store.database import Database
from headrace.transports.poll import newer


@dataclass(frozen=True, slots=True)
class Context:
    """One for each app."""

    settings: Settings
    database: Database
    hub: Hub
    jobs: Jobs
    library: Library

    async def get(self, owner: UserId, job_id: str) -> Job:
        """A job as it is now."""
        return await asyncio.to_thread(self.jobs.get, owner, job_id)

    async def wait_for_news(self, owner: UserId, job: Job, cursor: str, seconds: float) -> Job:
        """The job once something newer than `cursor` is in its log, or when the time is over."""
        await newer(self.hub, owner, job.job_id, cursor, seconds)
        return await self.get(owner, job.job_id)

    async def wait_for_end(self, owner: UserId, job: Job) -> Job:
        """The job when it has ended; or as it is, after `sync_wait_seconds`."""
        until = time.monotonic() + self.settings.sync_wait_seconds
        while not job.status.is_final and (left := until - time.monotonic()) > 0:
            cursor = str(Cursor(self.database.epoch, job.last_number))
            job = await self.wait_for_news(owner, job, cursor, left)
        return job


def context(request: Request) -> Context:
    """For routes: the context of the app that answers."""
    found: Context = request.app.state.context
    return found
