"""kill -9 of anything at any moment: servers, workers, Postgres, RabbitMQ, Redis; and watchers are cut meanwhile."""

import asyncio
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import services
from tests.cluster import Cluster, cluster
from tests.faults import chaos
from tests.faults.test_kills import MANY_DEATHS, prose
from tests.flows.brokers import Broker, broker
from tests.running import RunningServer
from tests.unit.pipeline.documents import pdf
from tests.watching import Seen, Watch, follow, long_poll, socket_io, sse, websocket

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

DOCUMENTS = chaos.pick(40, 500)
DOCUMENTS_OF_A_JOB = 4
JOBS = DOCUMENTS // DOCUMENTS_OF_A_JOB
WATCHERS = chaos.pick(20, 200)
SECONDS = chaos.pick(40, 600)
"""For so long, but at least until each has died once."""

PATIENCE_SECONDS = chaos.pick(240, 1200)
WATCH: dict[str, tuple[Watch, str]] = {
    "SSE": (sse, "/jobs/{}/events"),
    "WebSocket": (websocket, "/ws/{}"),
    "Socket.IO": (socket_io, "websocket"),
    "long poll": (long_poll, "/jobs/{}"),
    "SSE by session": (sse, "/api/ingest/stream/{}"),
}


class Redis:
    """One that is killed and comes back, empty."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = services.free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [services.needs("redis-server"), "--port", str(self.port), "--dir", str(folder), "--save", ""]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdin=null, stdout=null, stderr=null)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@dataclass
class Battle:
    """Documents come in through the balancer while one after the other is killed and started again."""

    town: Cluster
    redis: Redis
    rabbit: Broker
    chance: random.Random
    documents: dict[str, bytes]
    jobs: list[str] = field(default_factory=list)
    returning: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)
    kills: Counter[str] = field(default_factory=Counter)
    away: list[RunningServer] = field(default_factory=list)

    def send(self, batch: list[tuple[str, bytes]], key: str) -> str:
        """Send a job until it is accepted; the key makes it the same one each time."""
        files = [("file", one) for one in batch]
        while True:
            with suppress(httpx.TransportError), self.town.client() as client:
                answer = client.post("/ingest", files=files, headers={"Idempotency-Key": key})
                if answer.status_code == 202:
                    return str(answer.json()["job_id"])
                assert answer.status_code in (502, 503, 504), answer.text
            time.sleep(0.1)

    def send_all(self) -> None:
        everything = list(self.documents.items())
        batches = [everything[number::JOBS] for number in range(JOBS)]
        pause = SECONDS / len(batches) * 0.8
        for number, batch in enumerate(batches):
            self.jobs.append(self.send(batch, f"job {number}"))
            time.sleep(self.chance.uniform(0, 2 * pause))

    def job(self, number: int) -> str:
        """The id of one of the jobs, once it is accepted."""
        return chaos.until(lambda: self.jobs[number : number + 1], PATIENCE_SECONDS, "the next job is accepted")[0]

    def kill_all(self) -> None:
        """Somebody every few seconds. Who comes back takes its time, while others are killed."""
        until = time.monotonic() + SECONDS
        whom: dict[str, Callable[[], None]] = {
            "server": self._kill_server,
            "worker": self._kill_worker,
            "postgres": self._kill_postgres,
            "redis": self._kill_redis,
            "rabbitmq": self._kill_rabbitmq,
        }
        order = self.chance.sample(list(whom), len(whom))
        with self.returning:
            while time.monotonic() < until or order:
                time.sleep(self.chance.uniform(0.5, 3.0))
                name = order.pop() if order else self.chance.choices(list(whom), weights=[3, 4, 2, 1, 1])[0]
                whom[name]()
                self.kills[name] += 1

    def _kill_server(self) -> None:
        server = self.chance.choice([one for one in self.town.servers if one not in self.away])
        server.kill()
        self.away.append(server)
        self.returning.submit(self._start_server, server)
        chaos.until(lambda: len(self.away) < len(self.town.servers), PATIENCE_SECONDS, "a server is back")

    def _start_server(self, server: RunningServer) -> None:
        server.start()
        self.away.remove(server)

    def _kill_worker(self) -> None:
        worker = self.chance.choice(self.town.workers)
        worker.kill()
        worker.start()

    def _kill_postgres(self) -> None:
        self.town.postgres.die()
        time.sleep(self.chance.uniform(0.0, 2.0))
        self.town.postgres.start()

    def _kill_redis(self) -> None:
        self.redis.kill()
        self.redis.start()

    def _kill_rabbitmq(self) -> None:
        self.rabbit.stop()
        self.rabbit.start()

    def wait_for_end(self) -> None:
        """Every job has ended, and everything that the engine had to do is done."""
        alive = "SELECT count(*) FROM job WHERE completed_at IS NULL"
        chaos.until(lambda: self.query(alive) == [(0,)], PATIENCE_SECONDS, "every job ends")

    def query(self, statement: str) -> list[tuple[Any, ...]] | None:
        with suppress(Exception):
            return self.town.postgres.query(statement)
        return None


def corpus(chance: random.Random) -> dict[str, bytes]:
    """Documents of several kinds; each says words that no other one says."""
    made = {path.name: path.read_bytes() for path in sorted(chaos.SAMPLES.iterdir()) if path.stat().st_size < 100_000}
    made = dict(list(made.items())[: DOCUMENTS // 2])
    for number in range(DOCUMENTS - len(made)):
        name = f"doc{number}"
        if number % 3:
            made[f"{name}.txt"] = prose(chance, name, chance.randrange(500, 20_000)).encode()
        else:
            made[f"{name}.pdf"] = pdf([f"page {page} of {name}" for page in range(chance.randrange(2, 80))])
    return made


def stays(chance: random.Random, most: int) -> Iterator[int]:
    while True:
        yield chance.randint(1, most)


async def watch(battle: Battle, chance: random.Random, epoch: str) -> list[tuple[str, str, Seen]]:
    """As many watchers as are wanted, each of one job, in some way; they come while the jobs do."""
    watchers: list[tuple[str, str, Seen]] = []
    async with asyncio.TaskGroup() as group:
        for number in range(WATCHERS):
            job = await asyncio.to_thread(battle.job, number % JOBS)
            name = list(WATCH)[number % len(WATCH)]
            kind, path = WATCH[name]
            most = 10 if kind is not socket_io else max(10, 2 * JOBS)  # which is told of all jobs, and cut as often
            seen = Seen([job], stays(random.Random(chance.random()), most), f"{epoch}-0")
            watchers.append((name, job, seen))
            group.create_task(follow(kind, battle.town.url, path.format(job), seen))
    return watchers


def check_search(battle: Battle) -> int:
    """Every document is searchable, in one version, and each of its passages once; returns how many there are."""
    statement = """SELECT filename, chunk_count, array_agg(ordinal ORDER BY ordinal), count(chunk_fts.chunk_id)
        FROM document JOIN chunk USING (document_id) LEFT JOIN chunk_fts USING (chunk_id)
        WHERE version = live_version AND is_indexed GROUP BY document_id, filename, chunk_count"""
    found = battle.town.postgres.query(statement)
    assert sorted(row[0] for row in found) == sorted(battle.documents)
    for filename, count, ordinals, indexed in found:
        assert (filename, ordinals, indexed) == (filename, list(range(count)), count)
    left = (
        "SELECT count(*) FROM chunk LEFT JOIN document USING (document_id) WHERE version IS DISTINCT FROM live_version"
    )
    chaos.until(lambda: battle.query(left) == [(0,)], 60, "chunks of versions that are not live are gone")
    return sum(int(row[1]) for row in found)  # type: ignore[call-overload]


def check_logs(battle: Battle, watchers: list[tuple[str, str, Seen]]) -> int:
    logs = {}
    with battle.town.client() as client:
        for job in battle.jobs:
            view = chaos.job_of(client, job)
            assert (view["status"], view["failed_items"]) == ("completed", 0), view
            events = chaos.events_of(client, job)
            chaos.check_log(events)
            logs[job] = [(event["seq"], event["type"]) for event in events]
    for name, job, seen in watchers:
        assert (name, job, seen.lines[job]) == (name, job, logs[job])
        assert seen.resets == 0
    return sum(map(len, logs.values()))


def test_whatever_dies_nothing_is_lost_repeated_or_stuck(tmp_path: Path) -> None:
    chance = random.Random(chaos.SEED)
    with ExitStack() as stack:
        redis = Redis(tmp_path / "redis")
        stack.callback(redis.kill)
        redis.start()
        rabbit = stack.enter_context(broker(tmp_path / "rabbitmq"))
        rabbit.start()
        settings: dict[str, object] = {"rabbitmq_url": rabbit.url, "redis_url": redis.url, "max_jobs": 10_000}
        quick = {"embedder": "none", "max_deaths": MANY_DEATHS, "slice_documents": 2}
        town = stack.enter_context(cluster(tmp_path, **settings, **quick))
        battle = Battle(town, redis, rabbit, chance, corpus(chance))
        with town.client() as client:
            first = client.post("/ingest", data={"text_content": "the workspace is there"}).json()["job_id"]
            epoch = chaos.wait_for_end(client, first, PATIENCE_SECONDS)["last_event_id"].partition("-")[0]
            (document,) = client.get(f"/jobs/{first}/documents").json()["documents"]
            client.delete(f"/documents/{document['document_id']}")
        threads = stack.enter_context(ThreadPoolExecutor(3))
        sending, killing = threads.submit(battle.send_all), threads.submit(battle.kill_all)

        async def see_all() -> list[tuple[str, str, Seen]]:
            async with asyncio.timeout(SECONDS + PATIENCE_SECONDS):
                return await watch(battle, chance, epoch)

        watching = threads.submit(lambda: asyncio.run(see_all()))
        killing.result()
        sending.result(PATIENCE_SECONDS)
        ended_at = time.monotonic()
        battle.wait_for_end()
        seconds = time.monotonic() - ended_at
        watchers = watching.result(PATIENCE_SECONDS)
        chaos.until(town.is_balanced, 60, "the balancer has seen that the last to die is back")
        events = check_logs(battle, watchers)
        chunks = check_search(battle)
        cuts = sum(seen.cuts for _, _, seen in watchers)
        chaos.tell(
            "everything dies",
            f"{sum(battle.kills.values())} kills {dict(battle.kills)}, {JOBS} jobs of {DOCUMENTS} documents, {chunks}"
            f" passages, {events} events, {len(watchers)} watchers cut {cuts} times: 0 lost, 0 repeated, "
            f"0 out of order, 0 stuck; the last job ended {seconds:.0f} s after the last kill",
        )
