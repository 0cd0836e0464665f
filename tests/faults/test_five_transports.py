"""Transports and brokers, random cuts, restarts of the server and of RabbitMQ: all are told the same, in order."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from tests.faults.chaos import SEED, TIMEOUT, pick, tell
from tests.flows.brokers import Broker, Consumer, broker
from tests.running import RunningServer, running_server
from tests.watching import Line, Seen, Watch, follow, long_poll, socket_io, sse, websocket

JOBS = pick(30, 1_000)
AT_ONCE = 20
USER_WATCHERS: dict[str, tuple[Watch, str]] = {
    "SSE of the user": (sse, "/events"),
    "WebSocket": (websocket, "/ws"),
    "Socket.IO": (socket_io, "websocket"),
    "Socket.IO by polling": (socket_io, "polling"),
}
JOB_WATCHERS: dict[str, tuple[Watch, str]] = {
    "SSE of the job": (sse, "/jobs/{}/events"),
    "long poll": (long_poll, "/jobs/{}"),
}

Told = tuple[str, int, str]
"""An event of the log: its id, its number in its job, its type."""


def stays(chance: random.Random, most: int) -> Iterator[int]:
    while True:
        yield chance.randint(1, most)


async def submit(client: httpx.AsyncClient) -> list[str]:
    """The jobs, each of one to three short texts."""
    messages = [[{"text": f"Job {job}, text {text}."} for text in range(1 + job % 3)] for job in range(JOBS)]
    answers = [await client.post("/ingest/batch", json={"messages": texts}) for texts in messages]
    return [answer.json()["job_id"] for answer in answers]


async def watch_jobs(name: str, url: str, jobs: list[str], epoch: str, chance: random.Random) -> dict[str, Seen]:
    """One watcher for each job, a few at once."""
    watch, path = JOB_WATCHERS[name]
    everything = {job: Seen([job], stays(chance, 8), f"{epoch}-0") for job in jobs}
    turn = asyncio.Semaphore(AT_ONCE)

    async def follow_one(job: str) -> None:
        async with turn:
            await follow(watch, url, path.format(job), everything[job])

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(follow_one(job))
    return everything


class Subscriber:
    """What comes on Redis' channels. It is never cut: Redis keeps nothing for who is away."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str]] = []
        self.moved = asyncio.Event()

    @asynccontextmanager
    async def running(self, url: str) -> AsyncIterator[None]:
        async with Redis.from_url(url) as redis, redis.pubsub(ignore_subscribe_messages=True) as channels:
            await channels.psubscribe("*")
            async with asyncio.TaskGroup() as group:
                task = group.create_task(self._take(channels))
                yield
                task.cancel()

    async def _take(self, channels: PubSub) -> None:
        async for message in channels.listen():
            body = json.loads(message["data"])
            self.got.append((str(body.get("job_id")), body["event_id"], message["channel"].decode()))
            self.moved.set()

    async def until_it_has(self, event_ids: set[str]) -> None:
        while not event_ids <= {event_id for _, event_id, _ in self.got}:
            self.moved.clear()
            await self.moved.wait()


@dataclass(frozen=True)
class Setting:
    """A server, and the brokers that it tells."""

    server: RunningServer
    broker: Broker
    consumer: Consumer
    subscriber: Subscriber

    async def disturb(self, seen: Seen) -> None:
        """Restart the server twice. RabbitMQ goes away between, and comes back only when the server has."""
        await seen.sees_ends(len(seen.wanted) // 4)
        await asyncio.to_thread(self.server.restart)
        await seen.sees_ends(len(seen.wanted) * 3 // 8)
        await asyncio.to_thread(self.broker.stop)
        await seen.sees_ends(len(seen.wanted) // 2)
        await asyncio.to_thread(self.server.restart)
        await seen.sees_ends(len(seen.wanted) * 5 // 8)
        await asyncio.to_thread(self.broker.start)

    async def wake(self, client: httpx.AsyncClient) -> None:
        """Until the worker works, and both brokers are told: what was before is not."""
        while not (self.consumer.got and self.subscriber.got):
            await client.post("/ingest/text", json={"text_content": "a workspace is there, and everybody listens"})

    def told_by_brokers(self, log: dict[str, list[Told]]) -> dict[str, dict[str, list[Line]]]:
        """The lines of each job as they came; one that came twice counts when it came first."""
        heard = [(str(one.headers.get("job_id")), one.message_id, one.routing_key) for one in self.consumer.got]
        return {"RabbitMQ": lines_of(heard, log), "Redis": lines_of(self.subscriber.got, log)}


def lines_of(heard: list[tuple[str, str | None, str | None]], log: dict[str, list[Told]]) -> dict[str, list[Line]]:
    """By job: the number that each event has in the log, and the type under which it came."""
    numbers = {event_id: seq for events in log.values() for event_id, seq, _ in events}
    lines: dict[str, dict[str, Line]] = {job: {} for job in log}
    for job, event_id, kind in heard:
        if job in lines:
            lines[job].setdefault(str(event_id), (numbers.get(str(event_id), 0), str(kind)))
    return {job: list(each.values()) for job, each in lines.items()}


async def read_log(client: httpx.AsyncClient, job: str) -> list[Told]:
    answer = await client.get(f"/jobs/{job}/events", headers={"accept": "application/json"})
    return [(event["event_id"], event["seq"], event["type"]) for event in answer.json()["events"]]


async def play(setting: Setting, redis_url: str) -> tuple[dict[str, dict[str, list[Line]]], int]:
    """What each watcher was told of each job, and how often they were cut."""
    chance, server = random.Random(SEED), setting.server
    async with (
        httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as client,
        setting.consumer.running(),
        setting.subscriber.running(redis_url),
    ):
        await setting.wake(client)
        watchers = {name: Seen(stays=stays(chance, 40)) for name in USER_WATCHERS}
        tasks = [
            asyncio.create_task(follow(watch, server.url, path, watchers[name]))
            for name, (watch, path) in USER_WATCHERS.items()
        ]
        await asyncio.gather(*(seen.ready.wait() for seen in watchers.values()))
        jobs = await submit(client)
        for seen in watchers.values():
            seen.wanted.update(jobs)
        epoch = next(iter(watchers.values())).epoch
        by_job = [watch_jobs(name, server.url, jobs, epoch, chance) for name in JOB_WATCHERS]
        _, *found = await asyncio.gather(setting.disturb(watchers["SSE of the user"]), *by_job, *tasks)
        log = {job: await read_log(client, job) for job in jobs}
        everything = [event_id for events in log.values() for event_id, _, _ in events]
        await setting.consumer.until_it_has(everything)
        await setting.subscriber.until_it_has(set(everything))
    told = {name: {job: seen.lines[job] for job in jobs} for name, seen in watchers.items()}
    for name, each in zip(JOB_WATCHERS, found, strict=False):
        told[name] = {job: seen.lines[job] for job, seen in each.items()}
    told |= setting.told_by_brokers(log)
    told["the log"] = {job: [(seq, kind) for _, seq, kind in events] for job, events in log.items()}
    assert sum(seen.resets for seen in watchers.values()) == 0
    assert all(seen.snapshots == 1 for seen in watchers.values())
    return told, sum(seen.cuts for seen in [*watchers.values(), *found[0].values(), *found[1].values()])


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path / "broker") as made:
        made.start()
        yield made


# The Socket.IO client forgets a connection, unclosed, when the server goes in the middle of its handshake.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <function Connection.__del__")
@pytest.mark.timeout(TIMEOUT)
def test_all_transports_and_brokers_tell_the_same_over_cuts_and_restarts(
    own_broker: Broker, redis_url: str, tmp_path: Path
) -> None:
    consumer = Consumer(own_broker.url, "mill")
    asyncio.run(consumer.declare())
    brokers = {"rabbitmq_url": own_broker.url, "rabbitmq_exchange": "mill", "redis_url": redis_url}
    with running_server(tmp_path, embedder="none", max_jobs=10 * JOBS, **brokers) as server:
        told, cuts = asyncio.run(play(Setting(server, own_broker, consumer, Subscriber()), redis_url))

    log = told.pop("the log")
    assert all([seq for seq, _ in lines] == list(range(1, len(lines) + 1)) for lines in log.values())
    for name, lines in told.items():
        assert (name, lines) == (name, log)
    assert cuts >= 2 * JOBS
    events, repeats = sum(map(len, log.values())), len(consumer.got) - len({one.message_id for one in consumer.got})
    tell(
        "P3",
        f"{JOBS} jobs, {events} events, {', '.join(told)}: identical; {cuts} cuts, 2 restarts of the server, "
        f"1 of RabbitMQ, which got {repeats} events again",
    )
