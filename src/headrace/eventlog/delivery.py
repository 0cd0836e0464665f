"""Hands published events to watchers: in flushes, without a queue or a task for those who keep up.

The cost of a flush decides when the next one comes: handing out takes at most half of the loop's time, and delays an
event by at most 50 ms. Nothing is ever merged or left out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from headrace.eventlog.framing import Message, Portion, Prepared, push_all
from headrace.eventlog.replay import Opening, Stream
from headrace.eventlog.topic import Crowd, Topic, Watcher, bounded
from headrace.model.errors import HeadraceError
from headrace.model.event import Event

logger = logging.getLogger(__name__)

MAX_DELAY_SECONDS = 0.05

CLOSED = (OSError, RuntimeError)
"""What servers raise on sending to a client that has gone; uvloop's transports the second one."""

ReadPage = Callable[[Stream, int], Awaitable[list[Event] | None]]
"""A page of the log after a place; None when what follows was cleaned away."""

Reopen = Callable[[Stream], Awaitable[Opening]]
"""What is told to a watcher whose place is lost: a reset, the snapshot, and where it goes on."""


class Suspended:
    """Awaits the rest of a coroutine whose first step was taken by hand and which then asked to wait."""

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine, self._waits_for = coroutine, waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        """Hand the loop what the coroutine waits for, and the coroutine what the loop answers."""
        while True:
            try:
                try:
                    value = yield self._waits_for
                except BaseException as error:  # noqa: BLE001 - a cancellation too is the coroutine's to handle
                    self._waits_for = self._coroutine.throw(error)
                else:
                    self._waits_for = self._coroutine.send(value)
            except StopIteration:
                return


def begin(sending: Coroutine[Any, Any, None]) -> Suspended | None:
    """Run a coroutine up to where it first waits; None if it never did."""
    try:
        waits_for = sending.send(None)
    except StopIteration:
        return None
    return Suspended(sending, waits_for)


def _pushes(watcher: Watcher, portion: Portion) -> bool:
    """Whether a watcher's lane took a portion."""
    lane, message = watcher.lane, portion.message
    if lane is None or not isinstance(message, Prepared) or not lane.has_room():
        return False
    lane.write(message.wire)
    return True


class Delivery:
    """Flushes topics and brings every watcher up to date. All calls are made on the event loop."""

    def __init__(self, read_page: ReadPage, reopen: Reopen) -> None:
        self._read_page, self._reopen = read_page, reopen
        self._tasks: set[asyncio.Task[None]] = set()
        self._dirty: set[Topic] = set()
        self._is_armed = False
        self.next_flush = 0.0

    async def stop(self) -> None:
        """Cut short whoever is still being served."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def announce(self, topic: Topic) -> None:
        """Flush a topic soon: at once when there is time, together with others when there is not."""
        self._dirty.add(topic)
        if self._is_armed:
            return
        self._is_armed = True
        loop = asyncio.get_running_loop()
        if loop.time() >= self.next_flush:
            loop.call_soon(self._flush)
        else:
            loop.call_at(self.next_flush, self._flush)

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        started, dirty, self._dirty = loop.time(), self._dirty, set()
        for topic in dirty:
            topic.flush()
            self.serve_ready(topic, started)
        loop.call_soon(self._pace, started)  # after the loop has pushed the bytes out, so that it sees the whole cost

    def _pace(self, started: float) -> None:
        loop = asyncio.get_running_loop()
        self.next_flush = loop.time() + min(loop.time() - started, MAX_DELAY_SECONDS)
        self._is_armed = bool(self._dirty)
        if self._dirty:
            loop.call_at(self.next_flush, self._flush)

    def serve_ready(self, topic: Topic, now: float) -> None:
        """Give everyone who waits what there is for them.

        Most wait at the same place for the same bytes, and are handed them with as little ado as can be.
        """
        ask: bool | None = None
        for crowd in topic.ready.crowds():
            common = topic.common_portion(crowd.watchers[0]) if crowd.lanes else None
            if common is not None and isinstance(common.message, Prepared):
                ask = topic.is_to_ask(len(common.message.wire)) if ask is None else ask
                self._push(topic, crowd, common, common.message.wire, now, ask=ask)
            else:
                for watcher in crowd.watchers:
                    self._serve(topic, watcher, now)

    def _push(self, topic: Topic, crowd: Crowd, portion: Portion, wire: bytes, now: float, *, ask: bool) -> None:
        """Hand one portion to a whole crowd; who cannot take it so is served alone."""
        before = crowd.watchers[0].place
        left = push_all(crowd.lanes, wire, ask=ask)
        for watcher in crowd.watchers:
            watcher.place, watcher.sent_at = portion.place, now
        for index, error in left.items():
            watcher = crowd.watchers[index]
            watcher.place = before
            if error is None:
                self._serve(topic, watcher, now)
            else:
                self._drop(topic, watcher, error)

    def _serve(self, topic: Topic, watcher: Watcher, now: float) -> None:
        if watcher.is_steppable:
            self._step(topic, watcher, now)
        else:
            self.park(topic, watcher)

    def _step(self, topic: Topic, watcher: Watcher, now: float) -> None:
        """Hand over without a task. Who cannot take it now leaves `ready` and catches up alone."""
        while portions := topic.portions(watcher):
            for portion in portions:
                try:
                    unfinished = None if _pushes(watcher, portion) else begin(watcher.send(portion.message))
                except Exception as error:  # noqa: BLE001 - a closed connection is its own loss, never the others'
                    self._drop(topic, watcher, error)
                    return
                if unfinished is not None:
                    self.park(topic, watcher, unfinished, portion)
                    return
                self._handed_over(topic, watcher, portion, now)
            if watcher.place >= topic.flushed or watcher not in topic.ready:
                return
        if portions is None:
            self.park(topic, watcher)

    def beat(self, topic: Topic, watcher: Watcher, heartbeat: Message, now: float) -> None:
        """Send a sign of life to a watcher that waits."""
        watcher.sent_at = now
        if not watcher.is_steppable:
            self.park(topic, watcher, watcher.send(heartbeat))
            return
        try:
            unfinished = begin(watcher.send(heartbeat))
        except Exception as error:  # noqa: BLE001 - as above
            self._drop(topic, watcher, error)
            return
        if unfinished is not None:
            self.park(topic, watcher, unfinished)

    def expel(self, topic: Topic, watcher: Watcher) -> None:
        """End a watcher's stream before anything more of it is told; who is not listening is cut off."""
        is_waiting = watcher in topic.ready
        topic.leave(watcher)
        if is_waiting:
            self.park(topic, watcher, watcher.send(watcher.framing.refusal))
        else:
            watcher.abort()

    def park(
        self,
        topic: Topic,
        watcher: Watcher,
        unfinished: Awaitable[None] | None = None,
        portion: Portion | None = None,
    ) -> None:
        """Let a watcher finish what it was being sent and catch up, in a task of its own; then it is ready."""
        topic.ready.discard(watcher)
        task = asyncio.get_running_loop().create_task(self._finish(topic, watcher, unfinished, portion))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(
        self, topic: Topic, watcher: Watcher, unfinished: Awaitable[None] | None, portion: Portion | None
    ) -> None:
        try:
            if unfinished is not None:
                await self._wait_for(topic, watcher, unfinished, portion)
            await self._catch_up(topic, watcher)
        except Exception as error:  # noqa: BLE001 - as above
            self._drop(topic, watcher, error)
        else:
            if watcher in topic.watchers:  # nothing was awaited since the last look at what is flushed
                topic.ready.add(watcher)

    async def _catch_up(self, topic: Topic, watcher: Watcher) -> None:
        """Send page after page until the watcher has all that was flushed; the next flush brings the rest."""
        while watcher in topic.watchers:
            portions = topic.portions(watcher)
            if portions is None:
                portions = await self._read(topic, watcher)
            if not portions:
                return
            for portion in portions:
                await self._wait_for(topic, watcher, watcher.send(portion.message), portion)

    async def _read(self, topic: Topic, watcher: Watcher) -> list[Portion]:
        """What the log has after a watcher's place; where it has forgotten that, a reset and the state as it is."""
        page = await self._read_page(topic.stream, watcher.place)
        if page:
            return topic.encode(watcher.framing, bounded(page))
        opening = await self._reopen(topic.stream)
        messages = [message for _, message in watcher.framing.encode(topic.epoch, opening.first)]
        *others, last = messages
        return [Portion(watcher.place, message) for message in others] + [Portion(opening.place, last)]

    async def _wait_for(
        self, topic: Topic, watcher: Watcher, sending: Awaitable[None], portion: Portion | None
    ) -> None:
        loop = asyncio.get_running_loop()
        watcher.busy_since = loop.time()
        try:
            await sending
        finally:
            watcher.busy_since = None
        if portion is not None:
            self._handed_over(topic, watcher, portion, loop.time())

    def _handed_over(self, topic: Topic, watcher: Watcher, portion: Portion, now: float) -> None:
        watcher.place, watcher.sent_at = portion.place, now
        if portion.is_last:
            topic.leave(watcher)

    def _drop(self, topic: Topic, watcher: Watcher, error: Exception) -> None:
        """Give up a watcher; it comes back and resumes by its cursor."""
        topic.leave(watcher)
        if isinstance(error, CLOSED):
            logger.debug("a watcher has gone: %r", error)
            return
        logger.log(logging.WARNING if isinstance(error, HeadraceError) else logging.ERROR, "dropped: %r", error)
        watcher.abort()
