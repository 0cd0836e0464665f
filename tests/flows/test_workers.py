"""What a worker takes: within a user's limit, and as much as it was told."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from headrace.engine import dispatch
from headrace.engine.dispatch import DurableDispatcher
from headrace.store import migrations, workspaces
from headrace.store.database import Database
from tests.contracts.storing import Store
from tests.faults.chaos import query, until, wait_for_end
from tests.flows.test_postgres import submit
from tests.running import COMMAND, RunningServer, running_server
from tests.unit.pipeline.documents import pdf

LIMITS = {"max_jobs_per_user": 1, "max_concurrent_jobs": 3, "embedder": "none", "min_free_disk_bytes": 0}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server"), **LIMITS) as started:
        yield started


def count_running(client: httpx.Client) -> int:
    return int(client.get("/jobs/stats").json()["running"])


def test_a_user_has_no_more_jobs_running_at_once_than_is_allowed(server: RunningServer) -> None:
    with server.client() as client:
        assert wait_for_end(client, submit(client, {"first.txt": b"makes the workspace"}, "books"))
        jobs = [submit(client, {f"{n}.pdf": pdf([f"page {page}" for page in range(300)])}, "books") for n in range(3)]
        seen: set[int] = set()

        def all_ended() -> bool:
            seen.add(count_running(client))
            return client.get("/jobs/stats").json()["completed"] >= len(jobs) + 1

        until(all_ended, 120, "all jobs end")
        assert 1 in seen
        assert max(seen) == 1
        assert all(client.get(f"/jobs/{job}").json()["failed_items"] == 0 for job in jobs)


def test_the_only_worker_of_sqlite_is_listed_too(server: RunningServer) -> None:
    def listed() -> list[dict[str, object]]:
        return [json.loads(line) for line in server.run("workers").stdout.splitlines()]

    (one,) = until(listed, 30, "the worker is listed")
    assert (one["worker_id"], one["status"], one["tags"]) == ("local", "idle", [])


@pytest.mark.parametrize(("tag", "line"), [(None, "jobs-by-user"), ("ocr", "jobs-by-user:ocr")])
def test_a_job_is_put_in_the_line_of_its_user_and_its_tag(tmp_path: Path, tag: str | None, line: str) -> None:
    database = Database(f"sqlite:///{tmp_path / 'headrace.db'}")
    migrations.upgrade(database)
    dispatch.prepare(database)
    store, dispatcher = Store(database, tmp_path), DurableDispatcher(database, is_limited=True)
    with database.write() as transaction:
        workspaces.change(transaction, store.workspace, name=None, rag_config={"worker_tag": tag})
    sent = store.send()

    with database.write() as transaction:
        dispatcher.hand_out(transaction, sent)

    with database.read() as connection:
        row = connection.execute(sa.text("SELECT queue_name, queue_partition_key, priority FROM workflow_status")).one()
    assert tuple(row) == (line, sent.user_id, sent.queue_tag)
    dispatcher.close()
    database.close()


def test_users_take_turns_where_the_jobs_of_each_are_limited(tmp_path: Path) -> None:
    limits = LIMITS | {"max_concurrent_jobs": 1, "auth": "required"}
    with server_without_worker(tmp_path, limits) as server:
        sent = [
            (name, send_as(server, token, number))
            for name, count in (("ann", 4), ("bob", 2), ("cem", 3))
            for token in [server.run("token", "create", "--user", name).stdout.strip()]
            for number in range(count)
        ]
        names = {job: name for name, job in sent}
        with worker_beside(server):
            order = until(lambda: order_of_starts(server, len(sent)), 120, "all jobs are done")

    assert "".join(names[job][0] for job in order) == "abcabcaca"


@contextmanager
def server_without_worker(folder: Path, settings: dict[str, object]) -> Iterator[RunningServer]:
    made = RunningServer(folder, settings, ["--no-worker"])
    try:
        yield made.start()
    finally:
        made.close()


@contextmanager
def worker_beside(server: RunningServer) -> Iterator[None]:
    worker = subprocess.Popen([str(COMMAND), "worker"], env=server.environment, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        worker.kill()
        worker.wait()


def send_as(server: RunningServer, token: str, number: int) -> str:
    with server.client(headers={"Authorization": f"Bearer {token}"}) as client:
        files = {"file": (f"{number}.txt", f"letter {number}".encode())}
        answer = client.post("/ingest", files=files)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])


def order_of_starts(server: RunningServer, count: int) -> list[str]:
    """The ingesting jobs in the order in which they were begun, once that many have ended."""
    statement = """SELECT job_id FROM job WHERE job_type = 'file_ingestion' AND completed_at IS NOT NULL
        ORDER BY started_at"""
    found = [row[0] for row in query(server, statement)]
    return found if len(found) == count else []
