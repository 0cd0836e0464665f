"""Reads the log from a position: what a watcher has missed, and the state as of an event.

A stream is a user's events or those of one job. An event's *place* in its stream is a number that has no gaps: its
`number` for a user, its `sequence` for a job. So whatever cleaning has deleted shows as a gap, and is never skipped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.model.cursor import Cursor
from headrace.model.event import Event, encode, frame_without_job, job_frame
from headrace.model.ids import JobId, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import EventType
from headrace.store import jobs
from headrace.store.schema import account, event

PAGE = 256
"""Events read at once."""

JOBS_IN_SNAPSHOT = 100
USERS_AT_ONCE = 500

LOST = Cursor(epoch="", number=0)
"""A position that no log can be continued from."""

_COLUMNS = (event.c.user_id, event.c.number, event.c.job_id, event.c.sequence, event.c.type, event.c.body)

NEWER = (
    sa.select(*_COLUMNS)
    .where(event.c.user_id == sa.bindparam("user"), event.c.number > sa.bindparam("after"))
    .order_by(event.c.number)
    .limit(PAGE)
)
"""A page of `user`'s events above number `after`."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A user's events, or only those of one of the user's jobs."""

    user_id: UserId
    job_id: JobId | None = None

    def place(self, one: Event) -> int:
        """Where an event stands in this stream: 1 for the first, without gaps."""
        return one.number if self.job_id is None else one.sequence or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a watcher is told first, and the place from which it then follows.

    `head` is the place of the newest event at that moment and `head_number` its number; `number` is that of the user's
    newest event. `has_ended` says that the job had ended at `head`.
    """

    first: Sequence[Event] = ()
    place: int
    head: int
    head_number: int
    number: int
    has_ended: bool

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to follow."""
        return self.has_ended and self.place >= self.head


@dataclass(frozen=True, slots=True)
class _State:
    """A user's counters and a job, as of one moment."""

    number: int
    pruned: int
    job: Job | None

    @property
    def head(self) -> int:
        return self.number if self.job is None else self.job.sequence

    @property
    def head_number(self) -> int:
        return self.number if self.job is None else self.job.last_number

    @property
    def has_ended(self) -> bool:
        return self.job is not None and self.job.status.is_final


def open_stream(
    connection: sa.Connection, stream: Stream, cursor: Cursor | None, *, epoch: str, now: datetime
) -> Opening:
    """Where a watcher stands who has seen everything up to `cursor`, or who comes for the first time.

    A cursor that this log cannot continue from (of another epoch, from the future, cleaned away) gets a reset and then
    what a fresh watcher gets: the snapshot and, if the job has ended, its end once more.

    Raises:
        JobNotFound: the stream is of no job of that user.
    """
    state = _read_state(connection, stream)
    place = _find_place(connection, state, cursor, epoch) if cursor else None
    first: list[Event] = []
    if place is None:
        first = [_reset(stream, now)] if cursor else []
        first += _snapshot(connection, stream, state, epoch, now)
        place = state.head
    return Opening(
        first=first,
        place=place,
        head=state.head,
        head_number=state.head_number,
        number=state.number,
        has_ended=state.has_ended,
    )


def read_list(
    connection: sa.Connection, stream: Stream, cursor: Cursor | None, *, epoch: str, now: datetime, limit: int = PAGE
) -> list[Event]:
    """At most `limit` events after `cursor`, or from the first one on, for a client that asks for one page at a time.

    Where events were cleaned away it holds what a watcher would get: a reset, the snapshot, and any end.

    Raises:
        JobNotFound: the stream is of no job of that user.
    """
    opening = open_stream(connection, stream, cursor or Cursor(epoch, 0), epoch=epoch, now=now)
    if opening.first:
        return list(opening.first)
    page = read_page(connection, stream, opening.place, limit)
    if page is None:
        return list(open_stream(connection, stream, LOST, epoch=epoch, now=now).first)
    return page


def read_page(connection: sa.Connection, stream: Stream, after: int, limit: int = PAGE) -> list[Event] | None:
    """The events after place `after`, oldest first, at most `limit`; None when one of them was cleaned away.

    Empty means that there are none yet.
    """
    statement = sa.select(*_COLUMNS).limit(limit)
    if stream.job_id is None:
        statement = statement.where(event.c.user_id == stream.user_id, event.c.number > after).order_by(event.c.number)
    else:
        mine = (event.c.job_id == stream.job_id, event.c.sequence > after)
        statement = statement.where(*mine).order_by(event.c.sequence)
    page = _events(connection, statement)
    if page and stream.place(page[-1]) != after + len(page):
        return None
    return page


def read_newer(connection: sa.Connection, user_id: UserId, after: int) -> list[Event]:
    """A user's events above number `after`, as far as they are still there; at most a page."""
    return to_events(connection.execute(NEWER, {"user": user_id, "after": after}))


def newest_numbers(connection: sa.Connection, user_ids: Iterable[UserId]) -> dict[UserId, int]:
    """The number of each user's newest event; 0 for one without events."""
    found = dict.fromkeys(user_ids, 0)
    everyone = list(found)
    for start in range(0, len(everyone), USERS_AT_ONCE):
        some = everyone[start : start + USERS_AT_ONCE]
        statement = sa.select(account.c.user_id, account.c.last_number).where(account.c.user_id.in_(some))
        found.update({UserId(user_id): int(number) for user_id, number in connection.execute(statement)})
    return found


def _read_state(connection: sa.Connection, stream: Stream) -> _State:
    job = None if stream.job_id is None else jobs.get(connection, stream.user_id, stream.job_id)
    counters = sa.select(account.c.last_number, account.c.pruned_number).filter_by(user_id=stream.user_id)
    number, pruned = connection.execute(counters).one_or_none() or (0, 0)
    return _State(number, pruned, job)


def _find_place(connection: sa.Connection, state: _State, cursor: Cursor, epoch: str) -> int | None:
    """The place in the stream of the last event at or before a cursor; None when it cannot be continued from."""
    if cursor.epoch != epoch or cursor.number > state.number:
        return None
    if state.job is None:
        return cursor.number if cursor.number >= state.pruned else None
    if cursor.number >= state.head_number:
        return state.head
    return _find_place_in_job(connection, state.job, cursor.number, is_whole=cursor.number >= state.pruned)


def _find_place_in_job(connection: sa.Connection, job: Job, number: int, *, is_whole: bool) -> int | None:
    """As `_find_place`, for a number before the job's newest. `is_whole`: nothing after it was cleaned away."""
    mine = (event.c.user_id == job.user_id, event.c.job_id == job.job_id)
    next_one = sa.select(event.c.sequence).where(*mine, event.c.number > number).order_by(event.c.number).limit(1)
    following: int | None = connection.execute(next_one).scalar()
    if following is None:
        return None
    before = sa.select(event.c.number).where(*mine, event.c.sequence == following - 1)
    if is_whole or following == 1 or connection.execute(before).first() is not None:
        return following - 1
    return None


def _snapshot(connection: sa.Connection, stream: Stream, state: _State, epoch: str, now: datetime) -> list[Event]:
    """The state as an event of its own, under the id of the newest one; for an ended job its last event follows."""
    if state.job is None:
        alive = jobs.select_alive(connection, stream.user_id, limit=JOBS_IN_SNAPSHOT)
        frame = frame_without_job(EventType.SNAPSHOT, stream.user_id, now)
        listed = [
            {"event_id": str(Cursor(epoch, job.last_number))} | job_frame(job, EventType.SNAPSHOT, now) for job in alive
        ]
        return [_made(stream, state.head_number, EventType.SNAPSHOT, encode(frame | {"jobs": listed}))]
    body = encode(job_frame(state.job, EventType.SNAPSHOT, now))
    snapshot = _made(stream, state.head_number, EventType.SNAPSHOT, body, state.head)
    end = read_page(connection, stream, state.head - 1) if state.has_ended else None
    return [snapshot, *(end or ())]


def _reset(stream: Stream, now: datetime) -> Event:
    """Says that events are missing. Its id is before all others: who is cut off right after it misses no snapshot."""
    return _made(stream, 0, EventType.RESET, encode(frame_without_job(EventType.RESET, stream.user_id, now)))


def _made(stream: Stream, number: int, kind: EventType, body: str, sequence: int | None = None) -> Event:
    return Event(user_id=stream.user_id, number=number, job_id=stream.job_id, sequence=sequence, type=kind, body=body)


def _events(connection: sa.Connection, statement: sa.Select[*tuple[Any, ...]]) -> list[Event]:
    return to_events(connection.execute(statement))


def to_events(rows: Iterable[Sequence[Any]]) -> list[Event]:
    """The events in rows of the log."""
    return [
        Event(
            user_id=UserId(user_id),
            number=number,
            job_id=None if job_id is None else JobId(job_id),
            sequence=sequence,
            type=EventType(kind),
            body=body,
        )
        for user_id, number, job_id, sequence, kind, body in rows
    ]
