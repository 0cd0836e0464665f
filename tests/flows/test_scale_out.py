"""Two servers behind a balancer and three workers: watched through any of them, restarted one after the other."""

import asyncio
import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.cluster import Cluster, cluster
from tests.faults.chaos import SEED, check_log, events_of, until, wait_for_end
from tests.flows.test_postgres import executors
from tests.unit.pipeline.documents import pdf
from tests.watching import Seen, Watch, follow, long_poll, socket_io, sse, websocket

pytestmark = pytest.mark.timeout(600)

PAGES = 120
WATCHERS: dict[str, tuple[Watch, str]] = {
    "SSE": (sse, "/jobs/{}/events"),
    "SSE of the user": (sse, "/events"),
    "WebSocket": (websocket, "/ws/{}"),
    "Socket.IO": (socket_io, "websocket"),
    "long poll": (long_poll, "/jobs/{}"),
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster"), embedder="none", slice_documents=2) as made:
        yield made


def book(name: str, pages: int = PAGES) -> bytes:
    return pdf([f"page {page} of {name}" for page in range(pages)])


def submit(client: httpx.Client, documents: int = 6, pages: int = PAGES, **asked: str) -> str:
    name = uuid4().hex[:8]
    files = [("file", (f"{name}-{number}.pdf", book(f"{name} {number}", pages))) for number in range(documents)]
    answer = client.post("/ingest", files=files, data=asked)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def stays(chance: random.Random) -> Iterator[int]:
    while True:
        yield chance.randint(1, 6)


def lines_of(client: httpx.Client, job: str) -> list[tuple[int, str]]:
    return [(event["seq"], event["type"]) for event in events_of(client, job)]


async def watch(url: str, job: str, epoch: str) -> dict[str, Seen]:
    """One watcher of each kind, cut every few frames; the balancer sends it to the other server then."""
    chance = random.Random(SEED)
    seen = {name: Seen([job], stays(chance), f"{epoch}-0") for name in WATCHERS}
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for name, (kind, path) in WATCHERS.items():
            group.create_task(follow(kind, url, path.format(job), seen[name]))
    return seen


def test_a_watcher_that_is_moved_between_servers_sees_each_event_once(town: Cluster) -> None:
    with town.client() as client:
        job = submit(client)
        epoch = client.get(f"/jobs/{job}").json()["last_event_id"].partition("-")[0]

        seen = asyncio.run(watch(town.url, job, epoch))

        log = lines_of(client, job)
        check_log(events_of(client, job))
        assert wait_for_end(client, job)["status"] == "completed"
    for name, each in seen.items():
        assert (name, each.lines[job]) == (name, log)
        assert each.resets == 0
        assert each.cuts >= 1


def test_the_workers_share_a_job_and_say_what_they_have_in_hand(town: Cluster) -> None:
    with town.client() as client:
        job = submit(client, documents=9)

        def at_work() -> list[dict[str, Any]]:
            found = client.get("/workers").json()["workers"]
            return [one for one in found if one["job_ids"] == [job]]

        found = until(at_work, 30, "a worker says that it has the job in hand")
        assert {one["status"] for one in found} == {"working"}
        assert wait_for_end(client, job, 90)["failed_items"] == 0
        everybody = client.get("/workers").json()["workers"]
        assert len(everybody) == 3
        assert {one["pid"] for one in everybody} == {one.pid for one in town.workers}
        told = town.servers[1].run("workers")
        assert {json.loads(line)["worker_id"] for line in told.stdout.splitlines()} == {
            one["worker_id"] for one in everybody
        }
    assert len(executors(town.postgres.url, job)) >= 2


def test_a_job_with_a_tag_waits_for_a_worker_that_has_it(town: Cluster) -> None:
    with town.client() as client:
        config = {"worker_tag": "ocr"}
        made = client.post("/workspaces", json={"name": "scans", "rag_config": config}).json()
        job = submit(client, documents=3, pages=3, collection_name="scans")
        other = submit(client, documents=3, pages=3)
        assert wait_for_end(client, other)["status"] == "completed"  # the others go on meanwhile
        assert client.get(f"/jobs/{job}").json()["status"] == "pending"

        special = town.add_worker("--tags", "ocr,gpu", "--capacity", "1").wait_until_ready()

        assert wait_for_end(client, job)["failed_items"] == 0
        assert wait_for_end(client, made["job_id"])["status"] == "completed"
        (one,) = [one for one in client.get("/workers").json()["workers"] if one["tags"]]
        assert (one["tags"], one["capacity"], one["pid"]) == (["gpu", "ocr"], 1, special.pid)
        assert len(executors(town.postgres.url, job)) == 1
        assert special.stop() < 30
        town.workers.remove(special)
        until(lambda: len(client.get("/workers").json()["workers"]) == 3, 10, "it has taken leave")


def test_a_worker_that_is_asked_to_stop_hands_back_what_it_cannot_finish(town: Cluster) -> None:
    with town.client() as client:
        job = submit(client, documents=4, pages=1500)
        pids = {one.pid: one for one in town.workers}

        def busy() -> list[int]:
            found = client.get("/workers").json()["workers"]
            return [one["pid"] for one in found if job in one["job_ids"]]

        victim = pids[until(busy, 30, "somebody works on it")[0]]
        seconds = victim.stop()
        victim.start()

        assert seconds < 30
        assert wait_for_end(client, job, 120)["failed_items"] == 0
        check_log(events_of(client, job))
        victim.wait_until_ready()


class Load:
    """Jobs of a text each, sent one after the other through the balancer, and looked at, until told to stop."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.jobs: list[str] = []
        self.answers: dict[int, int] = {}
        self.stopping = threading.Event()

    def run(self) -> None:
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            while not self.stopping.wait(0.3):
                answer = client.post("/ingest", data={"text_content": f"note {len(self.jobs)} on weirs"})
                self.note(answer)
                if answer.status_code == 202:
                    self.jobs.append(answer.json()["job_id"])
                    self.note(client.get(f"/jobs/{self.jobs[-1]}"))

    def note(self, answer: httpx.Response) -> None:
        self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1


def restart_all(town: Cluster) -> None:
    for server in town.servers:
        server.restart()
        until(lambda: httpx.get(f"{town.url}/readyz", trust_env=False).status_code == 200, 10, "it is balanced again")
    for worker in town.workers:
        worker.stop()
        worker.start().wait_until_ready()


def test_a_rolling_restart_fails_no_request_and_tears_no_stream(town: Cluster) -> None:
    load = Load(town.url)
    with ThreadPoolExecutor(2) as threads, town.client() as client:
        job = submit(client, documents=6, pages=400)
        epoch = client.get(f"/jobs/{job}").json()["last_event_id"].partition("-")[0]
        watching = threads.submit(lambda: asyncio.run(watch(town.url, job, epoch)))
        sending = threads.submit(load.run)
        try:
            restart_all(town)
        finally:
            load.stopping.set()
        sending.result(60)
        seen = watching.result(150)

        assert set(load.answers) <= {200, 202, 503}, load.answers
        for one in load.jobs:
            assert wait_for_end(client, one, 60)["status"] == "completed"
        log = lines_of(client, job)
    for name, each in seen.items():
        assert (name, each.lines[job]) == (name, log)
        assert each.resets == 0
    print(f"\na rolling restart of 2 servers and {len(town.workers)} workers: answers {load.answers}")


def test_while_postgres_is_restarted_requests_answer_503_and_streams_and_jobs_go_on(town: Cluster) -> None:
    with town.client() as client, ThreadPoolExecutor(1) as threads:
        server = town.servers[0]
        job = submit(client, documents=6, pages=300)
        with server.client(timeout=90.0) as watcher, watcher.stream("GET", f"/jobs/{job}/events?after=") as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("data:"))
            until(lambda: client.get(f"/jobs/{job}").json()["stats"]["pages"], 60, "it is being read")

            town.postgres.die()
            with server.client() as direct:
                answers = [direct.get(f"/jobs/{job}"), direct.post("/ingest", data={"text_content": "weir"})]
                answers += [direct.get("/readyz")]
                alive = direct.get("/healthz")
            town.postgres.start()

            rest = threads.submit(lambda: [json.loads(line[5:]) for line in lines if line.startswith("data:")])
            assert wait_for_end_patiently(town, job)["failed_items"] == 0
            frames = rest.result(60)
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(503, "busy")] * 3
        assert alive.status_code == 200
        log = events_of(client, job)
        check_log(log)
        assert [frame["seq"] for frame in frames[-5:]] == [event["seq"] for event in log[-5:]]  # the same connection
        assert frames[-1]["type"] == "job.completed"


def wait_for_end_patiently(town: Cluster, job: str) -> dict[str, Any]:
    """The job once it has ended, over answers of 503."""

    def look() -> dict[str, Any] | None:
        with town.client() as client:
            answer = client.get(f"/jobs/{job}")
            found = answer.json() if answer.status_code == 200 else {}
        return found if found.get("status") in {"completed", "failed", "cancelled"} else None

    found = until(look, 120, "the job ends")
    assert found is not None
    return found
