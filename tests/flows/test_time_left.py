"""The time left is drawn from what such work took before: told at once, in the second job as after a restart."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contracts.test_log import new_postgres
from tests.faults.chaos import wait_for_end
from tests.running import RunningServer, running_server

TEXTS = [{"content": f"Letter {number} speaks of herons and weirs. " * 60} for number in range(40)]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings: dict[str, Any] = {"embedder": "none", "min_free_disk_bytes": 0}
    folder = tmp_path_factory.mktemp("server")
    if request.param == "sqlite":
        with running_server(folder, **settings) as started:
            yield started
        return
    with (
        new_postgres(request.getfixturevalue("postgres_url")) as url,
        running_server(folder, database_url=url.replace("+psycopg", ""), **settings) as started,
    ):
        yield started


def first_working_frame(client: httpx.Client) -> dict[str, Any]:
    """Of a new job: the first that was written once it ran."""
    job_id = client.post("/upload", json={"documents": TEXTS}).raise_for_status().json()["upload_id"]
    wait_for_end(client, job_id, 120)
    events = client.get(f"/jobs/{job_id}/events", headers={"Accept": "application/json"}).json()["events"]
    return next(frame for frame in events if frame["type"] == "job.stage")


def test_the_second_job_knows_its_time_left_from_the_start_and_so_does_one_after_a_restart(
    server: RunningServer,
) -> None:
    with server.client() as client:
        first, second = first_working_frame(client), first_working_frame(client)
    server.restart()
    with server.client() as client:
        third = first_working_frame(client)

    assert first["eta_seconds"] is None
    assert second["eta_seconds"] > 0
    assert third["eta_seconds"] > 0
