"""Five transports, random cuts and two restarts of the server: each watcher is told the same, once, in order."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.chaos import SEED, TIMEOUT, pick, tell
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


async def restart_twice(server: RunningServer, seen: Seen) -> int:
    """Once when a quarter of the jobs has been told of to the end, once when it is a half."""
    count = 0
    for part in (4, 2):
        await seen.sees_ends(len(seen.wanted) // part)
        await asyncio.to_thread(server.restart)
        count += 1
    return count


async def read_log(client: httpx.AsyncClient, job: str) -> list[Line]:
    answer = await client.get(f"/jobs/{job}/events", headers={"accept": "application/json"})
    return [(event["seq"], event["type"]) for event in answer.json()["events"]]


async def play(server: RunningServer) -> tuple[dict[str, dict[str, list[Line]]], int, int]:
    chance = random.Random(SEED)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as client:
        await client.post("/ingest/text", json={"text_content": "the workspace is there, and the worker is awake"})
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
        restarts, *found = await asyncio.gather(restart_twice(server, watchers["SSE of the user"]), *by_job, *tasks)
        told = {name: {job: seen.lines[job] for job in jobs} for name, seen in watchers.items()}
        for name, each in zip(JOB_WATCHERS, found, strict=False):
            told[name] = {job: seen.lines[job] for job, seen in each.items()}
        told["the log"] = {job: await read_log(client, job) for job in jobs}
        cuts = sum(seen.cuts for seen in [*watchers.values(), *found[0].values(), *found[1].values()])
        assert sum(seen.resets for seen in watchers.values()) == 0
        assert all(seen.snapshots == 1 for seen in watchers.values())
        return told, cuts, restarts


@pytest.mark.timeout(TIMEOUT)
def test_five_transports_tell_the_same_over_cuts_and_restarts(tmp_path: Path) -> None:
    with running_server(tmp_path, embedder="none", max_jobs=10 * JOBS) as server:
        told, cuts, restarts = asyncio.run(play(server))

    log = told.pop("the log")
    assert all([seq for seq, _ in lines] == list(range(1, len(lines) + 1)) for lines in log.values())
    for name, lines in told.items():
        assert (name, lines) == (name, log)
    assert restarts == 2
    assert cuts >= 2 * JOBS
    events = sum(map(len, log.values()))
    tell("P3", f"{JOBS} jobs, {events} events, {len(told)} watchers of five transports, {cuts} cuts, 2 restarts")
