"""A stream as this process knows it: its newest events, who watches it, and what they need next."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from headrace.eventlog.framing import Framing, Lane, Portion, Send
from headrace.eventlog.replay import PAGE, Opening, Stream
from headrace.model.cursor import Cursor
from headrace.model.event import Event

CACHE = 1024
"""Events of one stream kept in memory; older ones are read from the log."""


PAGE_BYTES = 65_536
"""About as much is written to a connection that catches up before it is asked whether it can take more."""

UNASKED_BYTES = 16_384
"""About as much may be written to those who keep up between two looks at whether they can take more."""


def bounded(events: Iterable[Event]) -> list[Event]:
    """As many of some events as fit into a page, and at least one."""
    page, size = [], 0
    for event in events:
        page.append(event)
        size += len(event.body)
        if size >= PAGE_BYTES:
            break
    return page


class Watcher:
    """One connection. It owns no queue, only its place in the stream: the last event really handed over.

    `is_steppable`: the server's `send` may be run without a task of its own. `busy_since` is set while we wait for it.
    `lane`, if there is one, is tried first: most of the time it can do without `send`.
    `credential`: with what it was opened, if anybody has to log in; the stream ends when that is revoked.
    """

    __slots__ = ("abort", "busy_since", "credential", "framing", "is_steppable", "lane", "place", "send", "sent_at")

    def __init__(
        self,
        send: Send,
        framing: Framing,
        *,
        is_steppable: bool,
        abort: Callable[[], object],
        lane: Lane | None = None,
    ) -> None:
        self.send, self.framing, self.is_steppable, self.abort, self.lane = send, framing, is_steppable, abort, lane
        self.place = 0
        self.sent_at = 0.0
        self.busy_since: float | None = None
        self.credential: str | None = None


class Crowd(NamedTuple):
    """Watchers of one framing who stand at one place: the same bytes serve them all. They have lanes, or none."""

    watchers: list[Watcher]
    lanes: list[Lane]


class Ready(dict[Watcher, None]):
    """The watchers who have everything and wait, and the crowds that they make: counted anew only after a change.

    They stay in the order of their coming, in which their connections lie in memory, here and in the kernel.
    """

    __slots__ = ("_crowds",)

    def __init__(self) -> None:
        super().__init__()
        self._crowds: list[Crowd] | None = None

    def add(self, watcher: Watcher) -> None:
        """One more."""
        self[watcher] = None
        self._crowds = None

    def discard(self, watcher: Watcher) -> None:
        """One less, if it was there."""
        self.pop(watcher, None)
        self._crowds = None

    def crowds(self) -> list[Crowd]:
        """Everyone, sorted. All of a crowd are given the same, so they stay together."""
        if self._crowds is None:
            found: dict[tuple[Framing, int, bool], Crowd] = {}
            for one in self:
                crowd = found.setdefault((one.framing, one.place, one.lane is None), Crowd([], []))
                crowd.watchers.append(one)
                if one.lane is not None:
                    crowd.lanes.append(one.lane)
            self._crowds = list(found.values())
        return self._crowds


class Topic:
    """Published events are held back until the next flush, so that one encoding serves everyone who is up to date.

    All places up to `flushed` may be handed over; those up to `head` are published. `ready` are the watchers that have
    everything and wait; the others are on their way, each in a task of its own.
    """

    def __init__(self, stream: Stream, epoch: str) -> None:
        self.stream, self.epoch = stream, epoch
        self.head = 0
        self.flushed = 0
        self.is_settled = False
        self.is_closing = False
        self.cache: deque[Event] = deque(maxlen=CACHE)
        self.watchers: set[Watcher] = set()
        self.ready = Ready()
        self.holders = 0
        self.idle_since = 0.0
        self._moved = asyncio.Event()
        self._unasked = 0
        self._has_ended = False
        self._head_number = 0
        self._snapshot: Opening | None = None
        self._stops = {0}
        self._shared: dict[tuple[Framing, int], list[Portion]] = {}

    @property
    def is_over(self) -> bool:
        """Whether everything published is flushed, and the last of it ends the job."""
        return self._has_ended and self.flushed == self.head

    def settle(self, opening: Opening, *, is_snapshot: bool) -> None:
        """Take the log's word for where a new topic stands, unless events that came meanwhile say more.

        The topic was there before the log was read, so what that read did not see has been published here since.
        """
        if not self.is_settled and opening.head > self.head:
            self.cache.clear()
            self.head = self.flushed = opening.head
            self._head_number = opening.head_number
            self._has_ended = opening.has_ended
        self.is_settled = True
        if is_snapshot:
            self._snapshot = opening

    def opening(self, cursor: Cursor | None, number: int) -> Opening | None:
        """What the log would say to one more watcher, where that is known without reading it.

        Never for a job that has ended: it may be retried by now, and a client that is told of the end stays away.
        """
        if not self.is_settled or self._has_ended:
            return None
        if cursor is None:
            return self._snapshot if self._snapshot and self._snapshot.head == self.head else None
        place = self._find(cursor.number) if cursor.epoch == self.epoch else None
        if place is None:
            return None
        return Opening(
            place=place, head=self.head, head_number=self._head_number, number=number, has_ended=self._has_ended
        )

    def _find(self, number: int) -> int | None:
        """The place of an event that is kept, or the newest."""
        if number == self._head_number:
            return self.head
        return next((self.stream.place(event) for event in reversed(self.cache) if event.number == number), None)

    def publish(self, event: Event) -> None:
        """Add a committed event. Repeats are ignored; a gap only makes those who need it read the log."""
        place = self.stream.place(event)
        if place <= self.head:
            return
        if place != self.head + 1:
            self.cache.clear()
        self.head, self._head_number = place, event.number
        self.cache.append(event)
        self._has_ended = self.stream.job_id is not None and event.ends_job
        self._tell_waiters()

    def lose(self, place: int) -> None:
        """What was up to `place` was cleaned away before it came here. Watchers find that out, and begin anew."""
        self.cache.clear()
        self.head = self._head_number = place
        self._tell_waiters()

    def flush(self) -> None:
        """Let watchers see what was published."""
        self._stops, self._shared = {self.flushed}, {}
        self.flushed = self.head

    def is_to_ask(self, size: int) -> bool:
        """Whether those who are about to get so many bytes more are to be asked first whether they have room."""
        self._unasked += size
        if self._unasked < UNASKED_BYTES:
            return False
        self._unasked = 0
        return True

    def portions(self, watcher: Watcher) -> list[Portion] | None:
        """What a watcher needs next, nothing if it has everything; None when it is to be read from the log."""
        if self.is_closing:
            return [Portion(watcher.place, watcher.framing.closing, is_last=True)]
        if watcher.place >= self.flushed:
            ends_here = self.is_over and watcher.place == self.flushed
            return [Portion(watcher.place, watcher.framing.ending, is_last=True)] if ends_here else []
        if watcher.place not in self._stops:
            return self._encoded(watcher.framing, self.page(watcher.place))
        return self._encoded_once(watcher.framing, watcher.place)

    def common_portion(self, watcher: Watcher) -> Portion | None:
        """The portion that brings a watcher, and all at the same place, up to date, if that takes just one."""
        if self.is_closing or self.is_over or watcher.place >= self.flushed:
            return None
        portions = self.portions(watcher)
        return (
            portions[0] if portions is not None and len(portions) == 1 and portions[0].place == self.flushed else None
        )

    def _encoded_once(self, framing: Framing, place: int) -> list[Portion] | None:
        """The page after a place where everyone comes by who was up to date before the flush."""
        shared = self._shared.get((framing, place))
        if shared is None:
            shared = self._encoded(framing, self.page(place))
            if shared is not None:
                self._shared[framing, place] = shared
                self._stops.add(shared[-1].place)
        return shared

    def _encoded(self, framing: Framing, page: list[Event] | None) -> list[Portion] | None:
        """The portions that tell a page of events; with the stream's ending, if they reach it."""
        if page is None:
            return None
        portions = self.encode(framing, page)
        if self.is_over and portions[-1].place == self.flushed:
            portions.append(Portion(self.flushed, framing.ending, is_last=True))
        return portions

    def encode(self, framing: Framing, events: Sequence[Event]) -> list[Portion]:
        """The portions that tell some events."""
        place = self.stream.place
        return [Portion(place(event), message) for event, message in framing.encode(self.epoch, events)]

    def page(self, after: int) -> list[Event] | None:
        """Flushed events above a place, oldest first; None when the cache does not reach back so far."""
        start = after - (self.head - len(self.cache))
        if start < 0:
            return None
        return bounded(islice(self.cache, start, min(start + PAGE, self.flushed - after + start)))

    async def passes(self, place: int, seconds: float) -> bool:
        """Wait until there is an event after `place`; False when the time is over, or the hub closes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.head <= place and not self.is_closing:
                    await self._moved.wait()
        return self.head > place

    def close(self) -> None:
        """Have everyone told that this is the end, whatever is still to come."""
        self.is_closing = True
        self._tell_waiters()

    def _tell_waiters(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def leave(self, watcher: Watcher) -> None:
        """Hand nothing more to a watcher."""
        self.ready.discard(watcher)
        self.watchers.discard(watcher)
