"""The main job on Postgres: ingested, watched, searched; by two workers, of which one may die."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.contracts.test_log import new_postgres
from tests.faults.chaos import check_log, events_of, until, wait_for_end, worker_of
from tests.running import COMMAND, RunningServer, running_server
from tests.unit.pipeline.documents import pdf

LETTERS = {f"{number}.txt": f"letter {number} speaks of herons and weirs".encode() for number in range(20)}


@pytest.fixture(scope="module")
def database_url(postgres_url: str) -> Iterator[str]:
    with new_postgres(postgres_url) as url:
        yield url.replace("+psycopg", "")


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("server"), database_url=database_url, slice_documents=2, min_free_disk_bytes=0
    ) as started:
        yield started


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as made:
        yield made


@contextmanager
def second_worker(server: RunningServer) -> Iterator[subprocess.Popen[bytes]]:
    """Another `headrace worker` on the same database and folder; it takes jobs when the block is entered."""
    log = server.folder / "worker.log"
    with log.open("wb") as out:
        worker = subprocess.Popen([str(COMMAND), "worker"], env=server.environment, stdout=out, stderr=out)
    try:
        until(lambda: b"takes jobs" in log.read_bytes(), 60, "the second worker takes jobs")
        yield worker
    finally:
        worker.kill()
        worker.wait()


def submit(client: httpx.Client, documents: dict[str, bytes], workspace: str) -> str:
    files = [("file", (name, content)) for name, content in documents.items()]
    answer = client.post("/ingest", files=files, data={"collection_name": workspace})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def words_only(client: httpx.Client) -> str:
    """The name of a new workspace that is searched by words: quick to fill."""
    name = f"words-{uuid4().hex[:8]}"
    made = client.post("/workspaces", json={"name": name, "rag_config": {"embedder": "none"}})
    wait_for_end(client, made.json()["job_id"])
    return name


def watch(client: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    """The frames of a job's stream to its end."""
    with client.stream("GET", f"/api/ingest/stream/{job_id}", timeout=60) as stream:
        return [json.loads(line.removeprefix("data:")) for line in stream.iter_lines() if line.startswith("data:")]


def executors(database_url: str, job_id: str) -> set[str]:
    """Which workers had a part of a job in hand."""
    statement = "SELECT DISTINCT executor_id FROM dbos.workflow_status WHERE workflow_uuid LIKE %s"
    with psycopg.connect(database_url) as connection:
        return {row[0] for row in connection.execute(statement, [f"{job_id}.%"]) if row[0]}


def test_a_job_is_ingested_watched_and_searched(client: httpx.Client) -> None:
    job_id = submit(client, {"a.txt": b"a falcon circles over the cliffs", "b.pdf": pdf(["rye dough rests"])}, "birds")

    frames = watch(client, job_id)

    assert frames[-1]["type"] == "job.completed"
    assert (frames[-1]["progress"], frames[-1]["failed_items"]) == (1.0, 0)
    check_log(events_of(client, job_id))
    for mode in ("hybrid", "vector", "keyword"):
        body = {"query": "falcon", "mode": mode, "workspace": "birds", "top_k": 1}
        assert client.post("/query", json=body).json()["results"][0]["filename"] == "a.txt"


def test_texts_that_postgres_cannot_store_are_taken_or_refused_and_break_nothing(client: httpx.Client) -> None:
    taken = client.post("/ingest/text", json={"text_content": "nul \0 within", "collection_name": "odd"})
    refused = client.post("/ingest/text", json={"text_content": "x", "collection_name": "nul \0"})

    assert taken.json()["success"]
    assert refused.status_code == 422
    assert client.get("/jobs/%00").status_code in (400, 404)
    assert client.post("/query", json={"query": "nul \0", "workspace": "odd"}).status_code == 200


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_a_job_is_stopped_while_it_is_worked_on(client: httpx.Client, verb: str) -> None:
    book = pdf([f"page {page} of the book of weirs" for page in range(1500)])
    place = words_only(client)
    job_id = submit(client, {"book.pdf": book}, place)
    until(lambda: client.get(f"/jobs/{job_id}").json()["stats"]["pages"], 60, "the book is being read")

    stopped = client.post(f"/jobs/{job_id}/{verb}").json()

    assert stopped["status"] == {"cancel": "cancelled", "pause": "paused"}[verb]
    assert client.post("/query", json={"query": "weirs", "mode": "keyword", "workspace": place}).json()["results"] == []
    if verb == "pause":
        client.post(f"/jobs/{job_id}/resume")
        assert wait_for_end(client, job_id)["status"] == "completed"


def test_a_second_worker_takes_its_share(server: RunningServer, client: httpx.Client, database_url: str) -> None:
    with second_worker(server):
        job_id = submit(client, LETTERS, "letters")
        job = wait_for_end(client, job_id)

    assert (job["status"], job["failed_items"], job["processed_items"]) == ("completed", 0, len(LETTERS))
    assert len(executors(database_url, job_id)) == 2
    check_log(events_of(client, job_id))


def test_two_workers_pay_once_for_passages_that_come_in_many_jobs_at_once(
    server: RunningServer, client: httpx.Client
) -> None:
    client.post("/workspaces", json={"name": "copies"}).raise_for_status()
    text = "\n\n".join(f"Part {number}: the miller opens the sluice at dawn. " * 16 for number in range(40)).encode()
    with second_worker(server):
        jobs = [submit(client, {f"copy-{number}.md": text}, "copies") for number in range(8)]
        ended = [wait_for_end(client, job_id) for job_id in jobs]

    (chunks,) = {job["chunks_created"] for job in ended}
    assert sum(job["stats"]["embeddings_computed"] for job in ended) <= chunks
    assert sum(job["stats"]["embeddings_reused"] for job in ended) >= 7 * chunks


@pytest.mark.parametrize("whose", ["the server's", "the second"])
def test_a_job_ends_well_although_one_of_two_workers_is_killed(
    server: RunningServer, client: httpx.Client, whose: str
) -> None:
    place = words_only(client)
    with second_worker(server) as second:
        books = {f"{number}.pdf": pdf([f"page {page} of book {number}" for page in range(150)]) for number in range(6)}
        job_id = submit(client, books, place)
        until(lambda: client.get(f"/jobs/{job_id}").json()["stats"]["pages"] > 100, 60, "the books are being read")
        victim = second.pid if whose == "the second" else worker_of(server)
        with suppress(ProcessLookupError):
            os.kill(victim or 0, signal.SIGKILL)

        job = wait_for_end(client, job_id, 90)

    assert (job["status"], job["failed_items"], job["attempt"]) == ("completed", 0, 1)
    assert job["stats"]["documents_processed"] == len(books)
    check_log(events_of(client, job_id))
    hits = client.post("/query", json={"query": "page 149", "mode": "keyword", "workspace": place,
                                       "top_k": 50}).json()["results"]  # fmt: skip
    assert {hit["filename"] for hit in hits} == set(books)
