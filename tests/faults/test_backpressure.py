"""Floods of every kind are refused clearly, and never take reading and watching down."""

import asyncio
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread

import httpx
import psutil
import pytest

from tests.faults import chaos
from tests.faults.test_kills import submit
from tests.flows.inhabited import new_token
from tests.running import RunningServer, running_server

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

LIMITS = {
    "embedder": "none",
    "min_free_disk_bytes": 0,
    "max_pending_jobs": 5,
    "max_concurrent_jobs": 1,
    "max_uploads": 4,
    "max_held_bytes": 2_000_000,
}
CALM = {200, 202, 204}
REFUSED = {400, 408, 413, 415, 422, 429, 431, 503, 507}
GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"GET /" + b"a" * 30_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 5_000 + b"\r\n",
]


class Reader(Thread):
    """Reads on and on, as a page would: what it is answered is counted."""

    def __init__(self, server: RunningServer, job: str) -> None:
        super().__init__(daemon=True)
        self.answers: Counter[object] = Counter()
        self.done = Event()
        self._server, self._job = server, job

    def run(self) -> None:
        with self._server.client(timeout=60.0) as client:
            while not self.done.is_set() or not self.answers:
                for path in ("/jobs", f"/jobs/{self._job}", "/healthz", "/readyz", "/documents"):
                    try:
                        self.answers[client.get(path).status_code] += 1
                    except httpx.HTTPError as error:
                        self.answers[type(error).__name__] += 1


class Listener(Thread):
    """Follows all of the user's jobs on one stream, which must outlive the flood."""

    def __init__(self, server: RunningServer) -> None:
        super().__init__(daemon=True)
        self.ids: list[str] = []
        self.is_open = Event()
        self.broke: str | None = None
        self._server = server

    def run(self) -> None:
        try:
            with (
                self._server.client(timeout=httpx.Timeout(60.0)) as client,
                client.stream("GET", "/events") as stream,
            ):
                for line in stream.iter_lines():
                    self.is_open.set()
                    if line.startswith("id: "):
                        self.ids.append(line[4:])
        except httpx.HTTPError as error:
            self.broke = repr(error)


@contextmanager
def in_calm(server: RunningServer, job: str) -> Iterator[tuple[Reader, Listener]]:
    """Somebody reads and somebody watches while the block lasts; afterwards neither has noticed anything."""
    reader, listener = Reader(server, job), Listener(server)
    listener.start()
    assert listener.is_open.wait(30)
    reader.start()
    yield reader, listener
    reader.done.set()
    reader.join(60)
    assert set(reader.answers) == {200}, reader.answers
    assert listener.is_alive()
    assert listener.broke is None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("flooded"), **LIMITS) as started:
        yield started


@pytest.fixture(scope="module")
def job(server: RunningServer) -> str:
    return made_in(server)


def made_in(server: RunningServer) -> str:
    """A job that has ended."""
    with server.client() as client:
        made = submit(client, {"weir.txt": b"the weir holds"})
        chaos.wait_for_end(client, made)
    return made


def test_a_flood_of_uploads_is_refused_and_nobody_who_reads_or_watches_notices(server: RunningServer, job: str) -> None:
    rng, count = random.Random(chaos.SEED), chaos.pick(60, 20_000)

    async def flood() -> Counter[int]:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60.0) as client:
            places = asyncio.Semaphore(24)

            async def send(number: int) -> int:
                async with places:
                    size = rng.choice((10, 200_000, 900_000))
                    if rng.random() < 0.5:
                        body = {"text_content": "x" * size}
                        return (await client.post("/ingest/text/async", json=body)).status_code
                    file = {"file": (f"{number}.txt", b"water " * (size // 6 + 1))}
                    return (await client.post("/ingest", files=file)).status_code

            return Counter(await asyncio.gather(*(send(number) for number in range(count))))

    with in_calm(server, job) as (reader, listener):
        answers = asyncio.run(flood())
        chaos.until(lambda: reader.answers[200] >= 20, 60, "somebody has read during the flood")
    assert set(answers) <= {202, 429, 503}
    assert answers[429] + answers[503] > 0
    assert answers[202] > 0
    assert listener.ids
    told = f"{dict(sorted(answers.items()))} to {count} uploads while {reader.answers[200]} reads were all answered 200"
    chaos.tell("P10, flood of uploads", told)


def test_a_flood_of_what_is_no_request_is_survived(server: RunningServer, job: str) -> None:
    rng, count = random.Random(chaos.SEED), chaos.pick(60, 20_000)
    said: Counter[str] = Counter()
    with in_calm(server, job):
        for _ in range(count):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
                data = rng.choice([*GARBAGE, rng.randbytes(rng.randrange(1, 2_000))])
                try:
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    answer = connection.recv(64)
                except OSError:
                    answer = b"reset"
            said[answer[9:12].decode(errors="replace") if answer.startswith(b"HTTP/") else "closed"] += 1
    assert not [status for status in said if status.startswith("5")], said
    chaos.tell("P10, garbage", f"{count} times garbage: {dict(sorted(said.items()))}, no 5xx")


def test_slow_heads_and_slow_bodies_are_ended_and_their_connections_free_again(tmp_path: Path) -> None:
    count = chaos.pick(60, 800)
    head = b"POST /ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with (
        running_server(tmp_path, **LIMITS, head_seconds=2, body_idle_seconds=2) as server,
        in_calm(server, made_in(server)),
        ExitStack() as stack,
    ):
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60)) for _ in range(count)
        ]
        for number, connection in enumerate(slow):
            connection.sendall(head if number % 2 else head + b"Content-Length: 9\r\n\r\n--")
        answers = Counter(read_all(connection)[9:12] for connection in slow)
    assert set(answers) <= {b"408", b"429", b"503"}, answers
    assert answers[b"408"] >= count // 2
    chaos.tell(
        "P10, slow requests", f"{count} connections that sent a part of a request and no more were ended with 408"
    )


def test_an_idle_connection_outlives_the_five_seconds_that_clients_keep_theirs(server: RunningServer, job: str) -> None:
    """Else a request sent just as the server closes would be lost, and nobody could tell whether it had been read."""

    def ask(client: httpx.Client) -> object:
        with client.stream("GET", f"/jobs/{job}") as answer:
            assert answer.read()
            return answer.extensions["network_stream"].get_extra_info("client_addr")

    with server.client(limits=httpx.Limits(keepalive_expiry=60)) as client:
        first = ask(client)
        time.sleep(5.5)
        assert ask(client) == first


def read_all(connection: socket.socket) -> bytes:
    """What is said until the connection is closed; one that was never closed times out."""
    said = b""
    while block := connection.recv(4096):
        said += block
    return said


def test_no_user_takes_the_streams_the_pace_or_the_queue_from_the_others(tmp_path: Path) -> None:
    settings = LIMITS | {
        "auth": "required",
        "max_pending_jobs": 1000,
        "max_pending_jobs_per_user": 3,
        "max_streams_per_user": 3,
        "max_requests_per_second": 5,
        "max_wrong_tokens_per_minute": 10,
    }
    with running_server(tmp_path, **settings) as server:
        anna, eve = (
            {"Authorization": f"Bearer {new_token(server, name)}", "Accept": "text/event-stream"}
            for name in ("anna", "eve")
        )
        with server.client(headers=anna) as greedy, server.client(headers=eve) as modest, ExitStack() as stack:
            assert modest.get("/jobs").status_code == 200
            opened = [stack.enter_context(greedy.stream("GET", "/events")).status_code for _ in range(5)]
            assert opened == [200, 200, 200, 429, 429]
            body = {"messages": [{"text": "water " * 50}] * 300}
            sent = [greedy.post("/ingest/batch/async", json=body) for _ in range(12)]
            codes = {answer.json().get("code") for answer in sent if answer.status_code == 429}
            assert "queue_full" in codes
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in sent if answer.status_code == 429)
            paced = [greedy.get("/jobs") for _ in range(60)]
            assert {answer.status_code for answer in paced} == {200, 429}
            assert paced[-1].json()["code"] == "too_many_requests"
            assert modest.get("/jobs").status_code == 200
            assert modest.post("/ingest/text/async", json={"text_content": "hello"}).status_code == 202
        wrong = [server_get(server, f"hr_{'x' * 42}{number % 10}") for number in range(15)]
        assert Counter(wrong) == {401: 10, 429: 5}
        with server.client(headers=eve) as modest:
            assert modest.get("/jobs").status_code == 200
        chaos.tell(
            "P10, users apart", f"streams, pending jobs and pace of one user, wrong tokens of one address: {codes}"
        )


def server_get(server: RunningServer, token: str) -> int:
    with server.client(headers={"Authorization": f"Bearer {token}"}) as client:
        return client.get("/jobs").status_code


def test_memory_stays_bounded_while_large_bodies_come_in(server: RunningServer, job: str) -> None:
    process = psutil.Process(server.pids[0])
    before = process.memory_info().rss
    body = json.dumps({"messages": [{"text": "x" * 1000}] * 1500}).encode()  # 1.5 MB, and 2 MB may be held at once

    async def flood() -> Counter[int]:
        timeout = httpx.Timeout(60.0, pool=None)  # each waits for one of the client's hundred connections
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=timeout) as client:
            headers = {"content-type": "application/json"}
            count = chaos.pick(40, 2_000)
            sent = (client.post("/ingest/batch/async", content=body, headers=headers) for _ in range(count))
            return Counter(answer.status_code for answer in await asyncio.gather(*sent))

    with in_calm(server, job):
        answers = asyncio.run(flood())
    grown = process.memory_info().rss - before
    assert set(answers) <= {202, 429, 503}
    assert grown < 200_000_000
    chaos.tell(
        "P10, memory",
        f"{sum(answers.values())} bodies of 1.5 MB at once, {grown / 1e6:.0f} MB more memory: {dict(answers)}",
    )
