"""Whatever happens between a client and the log, in whatever order: every later event once, in order, or a reset."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.eventlog import topic as topic_module
from headrace.eventlog.hub import Hub
from headrace.model.ids import JobId, UserId
from headrace.model.job import Job
from tests.unit.eventlog.playing import Connection, play, running
from tests.unit.eventlog.writing import Author

CLIENTS = 3
client = st.integers(0, CLIENTS - 1)
steps = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 12)),
    st.tuples(st.just("connect"), client),
    st.tuples(st.just("cut"), client, st.integers(0, 400)),
    st.tuples(st.just("block"), client),
    st.tuples(st.just("unblock"), client),
    st.tuples(st.just("clean"), st.integers(0, 15)),
    st.tuples(st.just("run"), st.integers(0, 8)),
    st.tuples(st.just("catch_up"), client),
)


@pytest.fixture(scope="module", autouse=True)
def _small_cache() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topic_module, "CACHE", 8)
        patch.setattr(topic_module, "PAGE", 5)
        yield


@dataclass
class Client:
    """Keeps what it was told, across as many connections as it takes, and the id from which it resumes."""

    hub: Hub
    user_id: UserId
    job_id: JobId | None
    frames: list[dict[str, Any]] = field(default_factory=list)
    connection: Connection | None = None

    def connect(self) -> None:
        if self.connection is None:
            cursor = self.frames[-1]["event_id"] if self.frames else None
            self.connection = Connection(self.hub, self.user_id, self.job_id, cursor)

    async def cut(self, lost_bytes: int) -> None:
        """Lose the connection, and the last bytes that were on their way."""
        if self.connection is not None:
            self.connection.cut()
            await asyncio.gather(self.connection.task, return_exceptions=True)
            self.connection.sent = self.connection.sent[: max(0, len(self.connection.sent) - lost_bytes)]
            self.frames += self.connection.frames
            self.connection = None

    def set_open(self, is_open: bool) -> None:
        if self.connection is not None:
            gate = self.connection.open
            gate.set() if is_open else gate.clear()

    async def until_number(self, last: int) -> None:
        """Stay connected until the newest event, or the state as of it, is here."""
        if self.last_number == last:
            return
        self.connect()
        assert self.connection is not None
        self.connection.open.set()
        await self.connection.until(lambda it: bool(it.frames) and number_of(it.frames[-1]) == last)

    @property
    def last_number(self) -> int | None:
        return number_of(self.frames[-1]) if self.frames else None


def number_of(frame: dict[str, Any]) -> int:
    return int(frame["event_id"].split("-")[1])


def check(frames: list[dict[str, Any]], log: list[int]) -> None:
    """Events follow each other as they do in the log; only a reset and a snapshot may leap."""
    assert frames[0]["type"] == "snapshot"
    previous = None
    for frame in frames:
        number = number_of(frame)
        if frame["type"] == "reset":
            assert number == 0
        elif frame["type"] == "snapshot":
            assert previous in (None, "reset"), "a snapshot in the middle of a stream, without a reset"
            assert number in log
        else:
            assert isinstance(previous, int), "an event right after a reset"
            assert number == log[log.index(previous) + 1], f"{number} after {previous}"
        previous = "reset" if frame["type"] == "reset" else number


@dataclass
class World:
    """What can happen, by the names that the scripts use."""

    author: Author
    job: Job
    clients: list[Client]

    async def write(self, count: int) -> None:
        self.author.tick(self.job, count)

    async def connect(self, who: int) -> None:
        self.clients[who].connect()

    async def cut(self, who: int, lost_bytes: int) -> None:
        await self.clients[who].cut(lost_bytes)

    async def block(self, who: int) -> None:
        self.clients[who].set_open(False)

    async def unblock(self, who: int) -> None:
        self.clients[who].set_open(True)

    async def clean(self, kept: int) -> None:
        self.author.clean_before(self.job, max(1, self.author.newest(self.job).sequence - kept))

    async def run(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def catch_up(self, who: int) -> None:
        await self.clients[who].until_number(self.author.newest(self.job).last_number)


@settings(max_examples=40, deadline=None)
@given(script=st.lists(steps, max_size=25), is_job_stream=st.booleans())
def test_any_order_of_writes_cuts_blocks_and_cleanings_gives_each_event_once(database, script, is_job_stream) -> None:
    async def scenario() -> None:
        author = Author(database, UserId(uuid4().hex))
        job = author.begin()
        async with running(database) as hub:
            clients = [Client(hub, author.user_id, job.job_id if is_job_stream else None) for _ in range(CLIENTS)]
            world = World(author, job, clients)
            for verb, *arguments in script:
                await getattr(world, verb)(*arguments)
            author.tick(job)
            for who in range(CLIENTS):
                await world.catch_up(who)
                await world.cut(who, 0)

        last = author.newest(job).last_number
        log = list(range(job.last_number - 1 if is_job_stream else 1, last + 1))
        for each in clients:
            check(each.frames, log)
            assert each.last_number == last

    play(scenario)
