"""Work that is claimed for a worker which lives and knows nothing of it: the claim's answer was lost."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.contracts.test_log import new_postgres
from tests.faults import chaos
from tests.running import RunningServer, running_server

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

STRAY = "UPDATE {} SET status = 'PENDING', executor_id = '{}', queue_name = 'jobs' WHERE status = 'ENQUEUED'"

Execute = Callable[[str], int]
"""Runs a statement past the server; returns how many rows it has changed."""


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[RunningServer, str, Execute]]:
    """A server, the name of the engine's table, and a way to it."""
    settings: dict[str, object] = {"embedder": "none", "min_free_disk_bytes": 0}
    if request.param == "sqlite":
        with running_server(tmp_path, **settings) as server:

            def execute(statement: str) -> int:
                with closing(sqlite3.connect(server.data_dir / "headrace.db", timeout=30)) as file, file:
                    return file.execute(statement).rowcount

            yield server, "workflow_status", execute
        return
    with new_postgres(request.getfixturevalue("postgres_url")) as url:
        plain = url.replace("+psycopg", "")

        def execute_there(statement: str) -> int:
            with psycopg.connect(plain) as connection:
                return connection.execute(statement.encode()).rowcount

        with running_server(tmp_path, database_url=plain, **settings) as server:
            yield server, "dbos.workflow_status", execute_there


def test_what_a_living_worker_has_and_does_not_run_is_taken_up_within_seconds(
    house: tuple[RunningServer, str, Execute],
) -> None:
    server, table, execute = house
    with server.client() as client:
        nobodys = {"name": "nobody's", "rag_config": {"worker_tag": "nobody"}}
        client.post("/workspaces", json=nobodys)
        answer = client.post("/ingest", data={"text_content": "a weir", "collection_name": "nobody's"})
        job = answer.json()["job_id"]
        (worker,) = chaos.until(lambda: client.get("/workers").json()["workers"], 60, "the worker is there")

        assert execute(STRAY.format(table, worker["worker_id"])) >= 1

        assert chaos.wait_for_end(client, job, 60)["status"] == "completed"
