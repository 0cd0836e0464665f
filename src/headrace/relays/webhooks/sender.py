"""Finds the events that webhooks ask for, and delivers each until its receiver has taken it."""

import asyncio
import json
import logging
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from headrace.eventlog.replay import PAGE, read_newer
from headrace.eventlog.wakeup import EVERYONE
from headrace.model.cursor import Cursor
from headrace.model.event import Event
from headrace.model.ids import WorkspaceId
from headrace.model.vocabulary import DeliveryStatus
from headrace.settings import Settings
from headrace.store import webhooks
from headrace.store.database import Database, Transaction
from headrace.store.webhooks import Delivery, Webhook

if TYPE_CHECKING:
    import httpx

    from headrace.relays.webhooks.post import NotDelivered

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
GATHER_SECONDS = 0.1
"""Hints that come together are answered by one look: events come by the hundred, and few are for a webhook."""
MOST_AT_ONCE = 32
MOST_AT_ONCE_PER_WEBHOOK = 4
"""A receiver that is slow holds up only itself."""
LONGEST_PAUSE_SECONDS = 4 * 3600.0
LONGEST_REASON = 500
JITTER = 0.25

Line = tuple[WorkspaceId, str]


class Webhooks:
    """A relay of its own kind: a cursor for each webhook, and a list of deliveries that outlives restarts."""

    name = "webhooks"

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._hint = asyncio.Event()
        self._owners: set[str] = set()
        self._clean_at = 0.0
        self._looked: dict[WorkspaceId, int] = {}
        self._busy: dict[Line, asyncio.Task[None]] = {}

    def hint(self, user_id: str) -> None:
        """Say that there may be something new. Of users without a webhook nothing is looked at."""
        if user_id in self._owners or user_id == EVERYONE:
            self._hint.set()

    async def run(self) -> NoReturn:
        """Deliver until cancelled. An attempt that is cut off counts as none, so it is made again."""
        client: httpx.AsyncClient | None = None
        async with AsyncExitStack() as stack:
            try:
                while True:
                    self._hint.clear()
                    due = await asyncio.to_thread(self._look_around)
                    if due:
                        if client is None:
                            client = await asyncio.to_thread(self._open_client)
                            stack.push_async_exit(client)
                        self._deliver(client, due)
                    await self._wait()
            finally:
                tasks = list(self._busy.values())
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _open_client(self) -> "httpx.AsyncClient":
        """Loaded when something is due, and off the loop: a server without webhooks has no time and memory for it."""
        import httpx

        timeout = httpx.Timeout(self._settings.webhook_timeout_seconds)
        return httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._hint.wait()
            await asyncio.sleep(GATHER_SECONDS)
        except TimeoutError:
            pass

    def _look_around(self) -> list[Delivery]:
        """Take what is new into the queue; returns what is due."""
        self._clean()
        with self._database.read() as connection:
            self._owners = webhooks.owners(connection)
        if not self._owners:
            return []
        self._enqueue()
        return self._due()

    def _enqueue(self) -> None:
        with self._database.read() as connection:
            behind = webhooks.behind(connection)
        for hook, newest in behind:
            if self._is_full(hook):
                continue
            after = max(hook.number, self._looked.get(hook.workspace_id, 0))
            while after < newest:
                after = self._look(hook, after)
                with self._database.read() as connection:
                    found = webhooks.find(connection, hook.workspace_id)
                if found is None:
                    break
                hook = found

    def _is_full(self, hook: Webhook) -> bool:
        """Whether so much waits for a receiver already that more is left in the log, where it waits as well."""
        with self._database.read() as connection:
            return webhooks.count_pending(connection, hook.workspace_id) >= self._settings.webhook_max_pending

    def _look(self, hook: Webhook, after: int) -> int:
        """Take a page of the log; returns its end. A page with nothing in it for the webhook costs no write."""
        with self._database.read() as connection:
            events = read_newer(connection, hook.user_id, after)
        end = events[-1].number if events else after + PAGE
        wanted = [event for event in events if _is_wanted(hook, event)]
        if wanted or end - hook.number > PAGE:
            with self._database.write() as transaction:
                webhooks.enqueue(transaction, hook, end, [self._delivery(transaction, hook, one) for one in wanted])
        self._looked[hook.workspace_id] = end
        return end

    def _delivery(self, transaction: Transaction, hook: Webhook, event: Event) -> Delivery:
        return Delivery(
            workspace_id=hook.workspace_id,
            event_id=str(Cursor(self._database.epoch, event.number)),
            line=event.job_id or "",
            type=event.type.value,
            body=event.frame(self._database.epoch),
            next_attempt_at=transaction.now,
            created_at=transaction.now,
        )

    def _due(self) -> list[Delivery]:
        with self._database.read() as connection:
            return webhooks.due(connection, self._database.clock(), 4 * MOST_AT_ONCE)

    def _deliver(self, client: "httpx.AsyncClient", due: list[Delivery]) -> None:
        busy = Counter(workspace_id for workspace_id, _ in self._busy)
        for delivery in due:
            line = (delivery.workspace_id, delivery.line)
            is_room = len(self._busy) < MOST_AT_ONCE and busy[delivery.workspace_id] < MOST_AT_ONCE_PER_WEBHOOK
            if line not in self._busy and is_room:
                busy[delivery.workspace_id] += 1
                self._busy[line] = asyncio.create_task(self._attempt(client, delivery, line))

    async def _attempt(self, client: "httpx.AsyncClient", delivery: Delivery, line: Line) -> None:
        try:
            hook = await asyncio.to_thread(self._find, delivery.workspace_id)
            if hook is not None:
                failure = await self._post(client, hook, delivery)
                await asyncio.to_thread(self._record, delivery, failure)
        except Exception:  # a boundary: the other lines go on, and this one is tried again
            logger.exception("a delivery to a webhook could not be made or noted")
            await asyncio.sleep(LOOK_SECONDS)
        finally:
            del self._busy[line]
            self._hint.set()

    async def _post(self, client: "httpx.AsyncClient", hook: Webhook, delivery: Delivery) -> "NotDelivered | None":
        from headrace.relays.webhooks.post import NotDelivered, post

        try:
            async with asyncio.timeout(self._settings.webhook_timeout_seconds):
                await post(client, hook, delivery, allow_private=self._settings.webhook_allow_private)
        except TimeoutError:
            return NotDelivered(f"no answer within {self._settings.webhook_timeout_seconds:g} s")
        except NotDelivered as failure:
            return failure
        return None

    def _clean(self) -> None:
        """Forget ended deliveries that are too old to be looked at, now and then."""
        if time.monotonic() < self._clean_at:
            return
        with self._database.write() as transaction:
            oldest_kept = transaction.now - timedelta(hours=self._settings.max_age_hours)
            is_all = webhooks.forget(transaction, oldest_kept) < webhooks.PORTION
        self._clean_at = time.monotonic() + (self._settings.cleanup_interval_seconds if is_all else 0)

    def _find(self, workspace_id: WorkspaceId) -> Webhook | None:
        with self._database.read() as connection:
            return webhooks.find(connection, workspace_id)

    def _record(self, delivery: Delivery, failure: "NotDelivered | None") -> None:
        with self._database.write() as transaction:
            webhooks.update(transaction, self._after(transaction, delivery, failure))

    def _after(self, transaction: Transaction, delivery: Delivery, failure: "NotDelivered | None") -> Delivery:
        tried = replace(delivery, attempts=delivery.attempts + 1, last_error=_reason(failure))
        if failure is None:
            return replace(tried, status=DeliveryStatus.DELIVERED, next_attempt_at=None)
        pause = min(self._settings.webhook_first_retry_seconds * 2.0**delivery.attempts, LONGEST_PAUSE_SECONDS)
        pause *= random.uniform(1.0, 1.0 + JITTER)  # noqa: S311 - so that what failed together does not come together
        following = transaction.now + timedelta(seconds=pause)
        until = delivery.created_at + timedelta(hours=self._settings.webhook_retry_hours)
        if failure.is_final or following > until:
            return replace(tried, status=DeliveryStatus.FAILED, next_attempt_at=None)
        return replace(tried, next_attempt_at=following)


def _is_wanted(hook: Webhook, event: Event) -> bool:
    return event.type.value in hook.types and json.loads(event.body).get("workspace_id") == hook.workspace_id


def _reason(failure: "NotDelivered | None") -> str | None:
    return None if failure is None else str(failure)[:LONGEST_REASON]
