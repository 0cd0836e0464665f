"""Follows one user's log for all who watch it in this process: arm, read, then wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from headrace.eventlog.replay import PAGE
from headrace.eventlog.topic import Topic
from headrace.model.event import Event
from headrace.model.ids import JobId, UserId

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0

ReadNumber = Callable[[UserId], Awaitable[int]]
"""The number of a user's newest event."""

ReadNewer = Callable[[UserId, int], Awaitable[list[Event]]]
"""A user's events above a number, oldest first, at most a page."""


class Feed:
    """Reads each new event of a user once and publishes it in the topics that are watched, by job id (None: all).

    `vain_looks` are those that found nothing new.
    """

    def __init__(
        self, user_id: UserId, read_number: ReadNumber, read_newer: ReadNewer, announce: Callable[[Topic], None]
    ) -> None:
        self.user_id = user_id
        self.number = 0
        self.vain_looks = 0
        self.started = asyncio.Event()
        self.topics: dict[JobId | None, Topic] = {}
        self._read_number, self._read_newer, self._announce = read_number, read_newer, announce
        self._hint = asyncio.Event()
        self._moved = asyncio.Event()

    def hint(self) -> None:
        """Say that there may be something new."""
        self._hint.set()

    async def run(self) -> None:
        """Publish every event from now on, until cancelled. A log that cannot be read is tried again."""
        while True:
            try:
                await self._follow()
            except Exception:  # a feed that died would leave its watchers waiting for ever
                logger.exception("the log of a user cannot be read; trying again")
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        if not self.started.is_set():
            self.number = await self._read_number(self.user_id)
            self.started.set()
        while True:
            self._hint.clear()
            events = await self._read_newer(self.user_id, self.number)
            self._publish(events)
            self.vain_looks += not events
            if len(events) < PAGE:
                await self._hint.wait()

    async def reach(self, number: int) -> None:
        """Wait until everything up to `number` is published."""
        while self.number < number:
            self._hint.set()
            await self._moved.wait()

    def _publish(self, events: list[Event]) -> None:
        for event in events:
            self.number = event.number
            for name in {None, event.job_id}:
                topic = self.topics.get(name)
                if topic is not None:
                    topic.publish(event)
                    self._announce(topic)
        if events:
            self._tell_waiters()

    def skip(self, number: int) -> None:
        """Go on after `number`, if that is ahead: what stood between was cleaned away before it was read here."""
        if number <= self.number:
            return
        self.number = number
        everything = self.topics.get(None)
        if everything is not None:
            everything.lose(number)
            self._announce(everything)
        self._tell_waiters()

    def _tell_waiters(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
