"""`headrace.track`: any long task of your own becomes a job, with the same log and the same watchers."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from headrace.client.asynchronous import AsyncClient
from headrace.client.errors import ServerUnreachable
from headrace.client.verbs import DEFAULT_URL
from headrace.model.errors import Conflict

SEND_SECONDS = 0.1
LEASE_SECONDS = 60.0
SIGNS_OF_LIFE = 4
"""So many are sent within a lease, even when there is nothing to report."""


class TaskCancelled(Exception):
    """Someone cancelled the task. Raised by `advance`, so that the work stops where it can."""


class track:  # noqa: N801 - reads as a verb: `async with headrace.track("Reindex", total=n) as job`
    """Report a task to a Headrace server while the block runs.

    Leaving the block completes the job; an exception fails it with the exception's text. The server is that of `url`,
    or `HEADRACE_URL`. When it cannot be reached for a while, the work goes on and the count is sent later.
    """

    def __init__(
        self,
        title: str,
        *,
        total: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        url: str | None = None,
        token: str | None = None,
    ) -> None:
        self._begin = {"title": title, "total": total, "metadata": dict(metadata or {}), "lease_seconds": LEASE_SECONDS}
        self._client = AsyncClient(
            url or os.environ.get("HEADRACE_URL", DEFAULT_URL), token=token or os.environ.get("HEADRACE_TOKEN")
        )
        self._job: dict[str, Any] = {}
        self._news: dict[str, Any] = {}
        self._is_cancelled = False
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "track":
        """Begin the job.

        Raises:
            ServerUnreachable: there is no server to report to.
        """
        self._job = await self._client.begin_task(self._begin)
        self._sending = asyncio.create_task(self._keep_sending())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        with suppress(Conflict):  # it was cancelled: that is its end already
            await self._send()
            reason = None if error is None else str(error) or type(error).__name__
            await self._client.finish_task(self.job_id, {"error": reason})
        await self._client.aclose()

    @property
    def job_id(self) -> str:
        """The id under which everybody can watch it."""
        return str(self._job["job_id"])

    def advance(self, count: int = 1, *, message: str | None = None, total: int | None = None) -> None:
        """Count steps done. Costs nothing: what is counted is sent a few times a second.

        Raises:
            TaskCancelled: someone cancelled the job.
        """
        if self._is_cancelled:
            raise TaskCancelled(f"the task was cancelled: {self.job_id}")
        self._news["count"] = self._news.get("count", 0) + count
        self._news |= {name: value for name, value in (("message", message), ("total", total)) if value is not None}

    async def _keep_sending(self) -> None:
        silence = 0.0
        while True:
            await asyncio.sleep(SEND_SECONDS)
            silence += SEND_SECONDS
            if self._news or silence > LEASE_SECONDS / SIGNS_OF_LIFE:
                silence = 0.0
                try:
                    await self._send()
                except Conflict:
                    self._is_cancelled = True
                    return
                except ServerUnreachable:
                    continue  # the count is kept, and sent with the next

    async def _send(self) -> None:
        news, self._news = self._news or {"count": 0}, {}
        try:
            self._job = await self._client.advance_task(self.job_id, news)
        except BaseException:
            self._news = {**news, **self._news, "count": news["count"] + self._news.get("count", 0)}
            raise
