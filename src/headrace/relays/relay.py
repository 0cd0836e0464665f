"""Carries the log to an outlet: read after the cursor, send, and move the cursor over what is confirmed."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import NoReturn

from headrace.eventlog.replay import PAGE, read_newer
from headrace.eventlog.wakeup import EVERYONE as ANYONE
from headrace.model.event import Event
from headrace.model.ids import UserId
from headrace.relays.message import to_message
from headrace.relays.outlet import Outlet, Unreachable
from headrace.store import relaying
from headrace.store.database import Database
from headrace.store.relaying import Backlog

logger = logging.getLogger(__name__)

EVERYONE = UserId(ANYONE)

LOOK_SECONDS = 1.0
MOST_HINTED = 500
GATHER_SECONDS = 0.01
"""Hints that come together are answered by one look at the log."""
NOTE_SECONDS = 0.5
"""The cursor is written at most so often while there is more to send; after a crash that much is sent twice."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Page:
    """What to send of a user's log next, and how many events before its end were cleaned away unsent."""

    events: list[Event]
    end: int
    lost_count: int


class Relay:
    """One outlet's reader of the log. It blocks nobody: while the outlet takes nothing, only the cursor stays behind.

    Every event is sent at least once, in the order of its user's log, so also of its job's.
    """

    def __init__(self, name: str, database: Database, outlet: Outlet) -> None:
        self.name = name
        self._database = database
        self._outlet = outlet
        self._hint = asyncio.Event()
        self._hinted: set[UserId] = {EVERYONE}
        self._looked_at = 0.0
        self._sent: dict[UserId, int] = {}
        self._noted_at = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    def hint(self, user_id: str) -> None:
        """Say that there may be something new in a user's log, or in anyone's."""
        self._hinted.add(UserId(user_id))
        self._hint.set()

    async def run(self) -> NoReturn:
        """Send every event from the cursor on, until cancelled."""
        try:
            if await asyncio.to_thread(self._begin):
                logger.info("the relay %s is new and starts with what happens from now on", self.name)
            while True:
                await self._step()
        finally:
            await self._stop()

    async def _stop(self) -> None:
        try:
            await self._note()
        except Exception:  # a boundary: an error here would hide that the relay was told to stop
            logger.exception("the relay %s could not note how far it is, and will repeat itself", self.name)
        finally:
            await self._outlet.close()

    async def _step(self) -> None:
        self._hint.clear()
        users = self._take_hints()
        try:
            is_done = await self._look(users)
        except Unreachable as error:
            self._hinted.add(EVERYONE)
            logger.warning("the relay %s waits %.1f s: %s", self.name, self._pause, error)
            await self._note()
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            return
        if is_done:
            await self._note()
            await self._wait()
        elif time.monotonic() - self._noted_at > NOTE_SECONDS:
            await self._note()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._hint.wait()
            await asyncio.sleep(GATHER_SECONDS)
        except TimeoutError:
            pass

    def _take_hints(self) -> set[UserId] | None:
        """Whose log to look at; None for everyone's, which is at least once a second."""
        users, self._hinted = self._hinted, set()
        now = time.monotonic()
        if EVERYONE not in users and len(users) <= MOST_HINTED and now - self._looked_at < LOOK_SECONDS:
            return users
        self._looked_at = now
        return None

    async def _look(self, users: set[UserId] | None) -> bool:
        """Send at most a page of each user's events; returns whether nothing was left to send."""
        is_done = True
        for backlog in await asyncio.to_thread(self._backlogs, users):
            after = max(backlog.sent, self._sent.get(backlog.user_id, 0))
            if after < backlog.newest:
                is_done = False
                self._hinted.add(backlog.user_id)
                await self._send(backlog, after)
        return is_done

    async def _send(self, backlog: Backlog, after: int) -> None:
        page = await asyncio.to_thread(self._read, backlog.user_id, after, backlog.newest)
        if page.lost_count:
            logger.warning(
                "the relay %s leaves out %d events of user %s that were cleaned away before it could send them",
                self.name, page.lost_count, backlog.user_id,
            )  # fmt: skip
        messages = [to_message(event, self._database.epoch) for event in page.events]
        confirmed = await self._outlet.send(messages) if messages else 0
        self._pause = FIRST_PAUSE_SECONDS
        all_confirmed = confirmed == len(messages)
        self._sent[backlog.user_id] = page.end if all_confirmed else page.events[confirmed - 1].number

    def _read(self, user_id: UserId, after: int, newest: int) -> _Page:
        with self._database.read() as connection:
            events = read_newer(connection, user_id, after)
        end = events[-1].number if len(events) == PAGE else max([newest, *(event.number for event in events)])
        return _Page(events, end, end - after - len(events))

    async def _note(self) -> None:
        self._noted_at = time.monotonic()
        numbers = dict(self._sent)
        if numbers:
            await asyncio.to_thread(self._advance, numbers)
            self._sent = {user_id: number for user_id, number in self._sent.items() if numbers.get(user_id) != number}

    def _begin(self) -> bool:
        with self._database.write() as transaction:
            return relaying.begin(transaction, self.name)

    def _backlogs(self, users: set[UserId] | None) -> list[Backlog]:
        with self._database.read() as connection:
            return relaying.backlogs(connection, self.name, users)

    def _advance(self, numbers: dict[UserId, int]) -> None:
        with self._database.write() as transaction:
            relaying.advance(transaction, self.name, numbers)
