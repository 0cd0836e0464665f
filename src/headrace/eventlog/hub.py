"""Serves all watchers of this process: one feed per watched user, one topic per watched stream, bytes shared by all."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from headrace.eventlog import replay
from headrace.eventlog.delivery import Delivery
from headrace.eventlog.feed import Feed
from headrace.eventlog.reader import Reader
from headrace.eventlog.replay import Opening, Stream
from headrace.eventlog.tail import tail
from headrace.eventlog.topic import Topic, Watcher
from headrace.eventlog.wakeup import EVERYONE, hear
from headrace.model.cursor import Cursor
from headrace.model.errors import Busy, JobNotFound, TooManyStreams
from headrace.model.event import Event
from headrace.model.ids import UserId
from headrace.store.database import Database

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

LOOK_SECONDS = 1.0
"""Each watched user's log is looked at this often, whatever hints have come."""

LOOKS_IN_VAIN = 2
"""The first of them may have begun before what it did not find was committed."""

OPENING_SECONDS = 15.0
REPLAY_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an operator can turn. `idle_seconds` is how long the events of a stream that nobody watches are kept."""

    heartbeat_seconds: float = 15.0
    retry_seconds: float = 1.0
    stuck_seconds: float = 30.0
    idle_seconds: float = 300.0
    closing_seconds: float = 2.0
    send_buffer_bytes: int = 65_536
    max_streams: int = 10_000
    max_streams_per_user: int = 10_000


class _Behind(NamedTuple):
    """What was seen of a feed that has not read all of its log: its place, the log's newest number, its vain looks."""

    place: int
    number: int
    vain_looks: int


class Hub:
    """Start it on the loop that serves the watchers; close it before the server waits for its connections to end."""

    def __init__(self, database: Database, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._database = database
        self._epoch = ""
        self._is_running = False
        self._feeds: dict[UserId, Feed] = {}
        self._held: Counter[UserId] = Counter()
        self._tasks: dict[object, asyncio.Task[None]] = {}
        self._look = asyncio.Event()
        self._behind: dict[Feed, _Behind] = {}
        self._released = asyncio.Event()
        self._feed_reader = Reader(database, 1)  # of their own, so that no feed waits behind a thousand replays
        self._replay_reader = Reader(database, REPLAY_THREADS)
        self._tail = tail(database, self._feed_reader)
        self._delivery = Delivery(self._read_page, self._reopen)

    async def start(self) -> None:
        """Begin to listen for hints. The database must be up to date."""
        self._epoch = await self._replay_reader.run(lambda _: self._database.epoch)
        self._is_running = True
        for run in (partial(hear, self._database, self._ring), self._keep_looking, self._keep_tending):
            self._tasks[run] = asyncio.create_task(run())

    async def close(self) -> None:
        """End every stream with a word on when to come back, and let go of everything."""
        self._is_running = False
        now = asyncio.get_running_loop().time()
        for topic in self._topics():
            topic.close()
            self._delivery.serve_ready(topic, now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.closing_seconds):
                while any(topic.holders for topic in self._topics()):
                    self._released.clear()
                    await self._released.wait()
        for watcher in [watcher for topic in self._topics() for watcher in topic.watchers]:
            watcher.abort()
        await self._stop()

    async def _stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._delivery.stop()
        self._tasks.clear()
        self._feeds.clear()
        self._tail.close()
        self._feed_reader.close()
        self._replay_reader.close()

    async def open(self, stream: Stream, after: str | None) -> tuple[Topic, Opening]:
        """Hold a stream, and say where a watcher stands who has seen everything up to the event id `after`.

        Every call that returns is to be matched by one of `release`.

        Raises:
            MalformedCursor: `after` was never an event id.
            JobNotFound: the user has no such job.
            TooManyStreams: this process has as many as it may, of all users or of this one.
            Busy: the hub is not running, or the database does not answer.
        """
        if not self._is_running:
            raise Busy("the server is starting or stopping; come back in a moment")
        cursor = Cursor.parse(after) if after else None
        self._check_room(stream.user_id)
        feed, topic = self._hold(stream)
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                return topic, await self._find_opening(feed, topic, cursor)
        except BaseException as error:
            self.release(topic)
            if isinstance(error, (TimeoutError, SQLAlchemyError)):
                logger.warning("the log cannot be opened: %r", error)
                raise Busy("the log cannot be read now; come back in a moment") from error
            raise

    def _check_room(self, user_id: UserId) -> None:
        mine = self._held[user_id]
        if mine >= self.limits.max_streams_per_user or self._held.total() >= self.limits.max_streams:
            raise TooManyStreams(f"{mine} of your streams are open; close one, or follow all jobs by one at /events")

    async def _find_opening(self, feed: Feed, topic: Topic, cursor: Cursor | None) -> Opening:
        """The topic is held and the feed has started before the log is read, so no event falls between the two."""
        await feed.started.wait()
        known = topic.opening(cursor, feed.number)
        if known is not None:
            return known
        opening = await self._read_opening(topic.stream, cursor)
        topic.settle(opening, is_snapshot=cursor is None)
        await feed.reach(opening.number)
        return opening

    def join(self, topic: Topic, watcher: Watcher, place: int) -> None:
        """Send a watcher everything after `place`, until it is released or the stream ends."""
        watcher.place, watcher.sent_at = place, asyncio.get_running_loop().time()
        topic.watchers.add(watcher)
        self._delivery.park(topic, watcher)

    def count_watchers(self) -> int:
        """How many streams are open."""
        return sum(len(topic.watchers) for topic in self._topics())

    def count_by_transport(self) -> Counter[str]:
        """How many streams are open on each wire; `poll` are those who wait for a job without one."""
        found = Counter(
            type(watcher.framing).__module__.removeprefix("headrace.transports.").split(".")[0]
            for topic in self._topics()
            for watcher in topic.watchers
        )
        found["poll"] = self._held.total() - found.total()
        return found

    def count_behind(self) -> int:
        """How many events the slowest watcher has still to get."""
        return max((topic.head - one.place for topic in self._topics() for one in topic.watchers), default=0)

    def credentials(self) -> set[str]:
        """Those with which streams were opened that still are."""
        watchers = (watcher for topic in self._topics() for watcher in topic.watchers)
        return {watcher.credential for watcher in watchers if watcher.credential is not None}

    def expel(self, credentials: set[str]) -> int:
        """End the streams that were opened with these, because they are not valid any more; returns how many."""
        count = 0
        for topic in self._topics():
            for watcher in [one for one in topic.watchers if one.credential in credentials]:
                self._delivery.expel(topic, watcher)
                count += 1
        return count

    def release(self, topic: Topic, watcher: Watcher | None = None) -> None:
        """Let go of a stream that was opened, and of whoever joined it."""
        if watcher is not None:
            topic.leave(watcher)
        topic.holders -= 1
        self._held[topic.stream.user_id] -= 1
        if not self._held[topic.stream.user_id]:
            del self._held[topic.stream.user_id]
        topic.idle_since = asyncio.get_running_loop().time()
        if not topic.holders and not topic.is_settled:  # a stream that does not exist
            self._forget(topic)
        self._released.set()

    def _hold(self, stream: Stream) -> tuple[Feed, Topic]:
        feed = self._feeds.get(stream.user_id)
        if feed is None:
            feed = Feed(stream.user_id, self._read_number, self._tail.newer, self._delivery.announce)
            self._feeds[stream.user_id] = feed
            self._tasks[feed] = asyncio.create_task(feed.run())
        topic = feed.topics.get(stream.job_id)
        if topic is None:
            topic = feed.topics[stream.job_id] = Topic(stream, self._epoch)
        topic.holders += 1
        self._held[stream.user_id] += 1
        return feed, topic

    def _forget(self, topic: Topic) -> None:
        feed = self._feeds.get(topic.stream.user_id)
        if feed is None or feed.topics.get(topic.stream.job_id) is not topic:
            return
        del feed.topics[topic.stream.job_id]
        if not feed.topics:
            del self._feeds[feed.user_id]
            self._tasks.pop(feed).cancel()

    def _topics(self) -> Iterator[Topic]:
        return (topic for feed in tuple(self._feeds.values()) for topic in tuple(feed.topics.values()))

    def _ring(self, user_id: str) -> None:
        if user_id == EVERYONE:
            self._look.set()
        elif feed := self._feeds.get(UserId(user_id)):
            feed.hint()

    async def _keep_looking(self) -> None:
        """Wake the feeds that are behind: every second, and when a hint is for everyone."""
        while True:
            self._look.clear()
            try:
                await self._wake_those_behind()
            except Exception:  # as for a feed: it must not die
                logger.exception("the log cannot be looked at; trying again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look.wait()

    async def _wake_those_behind(self) -> None:
        if not self._feeds:
            return
        seen, self._behind = self._behind, {}
        for user_id, number in (await self._feed_reader.run(replay.newest_numbers, tuple(self._feeds))).items():
            feed = self._feeds.get(user_id)
            if feed is None or number <= feed.number:
                continue
            first = seen.get(feed)
            if first is None or first.place != feed.number:
                first = _Behind(feed.number, number, feed.vain_looks)
            elif feed.vain_looks >= first.vain_looks + LOOKS_IN_VAIN:
                await self._skip(feed, first.number)
                continue
            self._behind[feed] = first
            feed.hint()

    async def _skip(self, feed: Feed, number: int) -> None:
        """What a feed had still to read is not there any more: jobs were forgotten, as when the clock jumps by a year.

        Who watches everything is told of that by a reset; who watches a job that is gone is sent away, comes back, and
        is told so.
        """
        now = asyncio.get_running_loop().time()
        for topic in [one for one in feed.topics.values() if one.stream.job_id is not None]:
            try:
                await self._read_opening(topic.stream, None)
            except JobNotFound:
                topic.close()
                self._delivery.serve_ready(topic, now)
                self._forget(topic)
        feed.skip(number)

    async def _keep_tending(self) -> None:
        """Send heartbeats, close who is stuck, forget what nobody watches: once a second for all."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            for topic in self._topics():
                self._tend(topic, loop.time())

    def _tend(self, topic: Topic, now: float) -> None:
        if not topic.holders and now - topic.idle_since >= self.limits.idle_seconds:
            self._forget(topic)
        for watcher in tuple(topic.watchers):
            if watcher.busy_since is not None:
                if now - watcher.busy_since >= self.limits.stuck_seconds:
                    logger.info("a watcher takes nothing and is closed")
                    watcher.abort()
                continue
            heartbeat = watcher.framing.heartbeat
            is_idle = now - watcher.sent_at >= self.limits.heartbeat_seconds
            if heartbeat is not None and is_idle and watcher in topic.ready:
                self._delivery.beat(topic, watcher, heartbeat, now)

    async def _read_number(self, user_id: UserId) -> int:
        return (await self._feed_reader.run(replay.newest_numbers, [user_id]))[user_id]

    async def _read_page(self, stream: Stream, after: int) -> list[Event] | None:
        return await _patiently(lambda: self._replay_reader.run(replay.read_page, stream, after))

    async def _reopen(self, stream: Stream) -> Opening:
        return await _patiently(lambda: self._read_opening(stream, replay.LOST))

    async def _read_opening(self, stream: Stream, cursor: Cursor | None) -> Opening:
        now = self._database.clock()
        return await self._replay_reader.run(replay.open_stream, stream, cursor, epoch=self._epoch, now=now)


async def _patiently(read: Callable[[], Awaitable[Result]]) -> Result:
    """What is read of the log, however long its database is away: an open stream stays open, and goes on."""
    while True:
        try:
            return await read()
        except Busy:
            await asyncio.sleep(LOOK_SECONDS)
