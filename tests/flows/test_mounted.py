"""Headrace inside somebody else's FastAPI application: its users, its paths, its life."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from headrace import Headrace, TaskCancelled, track
from headrace.client import AsyncClient
from tests.running import RunningServer
from tests.services import free_port

EXAMPLE = Path(__file__).parents[2] / "examples/mounted"


@pytest.fixture
def application(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--app-dir", str(EXAMPLE)]
    env = {**os.environ, "HEADRACE_DATA_DIR": str(tmp_path / "data"), "HEADRACE_EMBEDDER": "none"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process)
        yield url, process
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/ingest/readyz", headers={"x-user": "ada"}).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the application did not start")


def test_an_application_ingests_watches_and_asks_as_its_own_users(application) -> None:
    url, _ = application
    ada, grace = {"x-user": "ada"}, {"x-user": "grace"}

    told = httpx.post(f"{url}/notes", params={"text": "The headrace leads water to the wheel."}, headers=ada).json()
    with httpx.stream("GET", url + told["watch"], headers=ada, timeout=30) as stream:
        frames = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
    answers = httpx.get(f"{url}/answers", params={"question": "what leads water?"}, headers=ada).json()
    foreign = httpx.get(f"{url}/ingest/jobs/{told['job_id']}", headers=grace)
    nobody = httpx.get(f"{url}/ingest/jobs")

    assert frames[-1]["type"] == "job.completed"
    assert frames[-1]["user_id"] == "ada"
    assert "headrace" in answers[0]
    assert foreign.status_code == 404
    assert nobody.status_code == 401


def test_an_application_with_an_open_stream_stops_when_it_is_told_to(application) -> None:
    url, process = application
    with httpx.stream("GET", f"{url}/ingest/events", headers={"x-user": "ada"}, timeout=30) as stream:
        lines = stream.iter_lines()
        next(lines)

        process.send_signal(signal.SIGTERM)
        rest = list(lines)

    assert rest is not None
    assert process.wait(20) in (0, -signal.SIGTERM)


@pytest.mark.timeout(90)
def test_the_embedded_product_follows_a_job_to_its_end(tmp_path: Path) -> None:
    async def main() -> tuple[list[dict[str, object]], list[str]]:
        async with Headrace(data_dir=tmp_path, embedder="none") as headrace:
            job = await headrace.submit(["A tide mill works twice a day."])
            frames = [frame async for frame in headrace.follow(job.job_id)]
            (hit,) = await headrace.query("tide mill")
            first, last = hit.offsets
            whole = await headrace.read_text(hit.document_id)
            return frames, [hit.text, whole.text[first:last]]

    frames, texts = asyncio.run(main())

    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert frames[-1]["type"] == "job.completed"
    assert texts == ["A tide mill works twice a day."] * 2


def test_a_task_of_ones_own_is_watched_like_any_job(shared_server: RunningServer) -> None:
    async def main() -> list[dict[str, object]]:
        async with track("Reindex", total=5, url=shared_server.url) as job:
            for _ in range(5):
                job.advance(message="one more")
        async with AsyncClient(shared_server.url) as client:
            return (await client.get_job(job.job_id), [frame async for frame in client.follow(job.job_id)])

    view, frames = asyncio.run(main())

    assert (view["status"], view["processed_items"], view["progress"]) == ("completed", 5, 1.0)
    assert frames[-1]["type"] == "job.completed"


def test_a_task_that_raises_fails_with_the_reason(shared_server: RunningServer) -> None:
    async def main() -> dict[str, object]:
        with pytest.raises(ValueError, match="no more shelves"):
            async with track("Reindex", url=shared_server.url) as job:
                raise ValueError("no more shelves")
        async with AsyncClient(shared_server.url) as client:
            return await client.get_job(job.job_id)

    view = asyncio.run(main())

    assert (view["status"], view["error_message"]) == ("failed", "no more shelves")


async def _advance_until_told_otherwise(job: track) -> None:
    async with asyncio.timeout(20):
        while True:
            job.advance()
            await asyncio.sleep(0.02)


def test_a_task_that_was_cancelled_stops_at_its_next_step(shared_server: RunningServer) -> None:
    async def main() -> str:
        async with AsyncClient(shared_server.url) as client:
            async with track("Reindex", total=1000, url=shared_server.url) as job:
                await client.cancel(job.job_id)
                with pytest.raises(TaskCancelled):
                    await _advance_until_told_otherwise(job)
            return (await client.get_job(job.job_id))["status"]

    assert asyncio.run(main()) == "cancelled"
