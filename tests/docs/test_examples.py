"""The examples run, against a real server and a real broker, and do what their pages say."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.faults import chaos
from tests.flows.brokers import Consumer
from tests.running import RunningServer, running_server

OUTSIDE_WORKERS = Path(__file__).parents[2] / "examples/outside_workers"
SECONDS = 60.0


@pytest.fixture
def exchange() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
def relaying(tmp_path: Path, rabbitmq_url: str, exchange: str) -> Iterator[RunningServer]:
    settings = {"rabbitmq_url": rabbitmq_url, "rabbitmq_exchange": exchange, "embedder": "none"}
    with running_server(tmp_path, **settings) as server:
        yield server


@pytest.mark.timeout(180)
def test_what_outside_workers_report_is_seen_at_events_and_in_the_broker(
    relaying: RunningServer, rabbitmq_url: str, exchange: str, tmp_path: Path
) -> None:
    environment = relaying.environment | {
        "DATABASE_URL": f"sqlite:///{relaying.data_dir / 'headrace.db'}",
        "RABBITMQ_URL": rabbitmq_url,
        "RABBITMQ_EXCHANGE": exchange,
    }

    def run(program: str, *arguments: str, given: str = "") -> None:
        command = [sys.executable, str(OUTSIDE_WORKERS / program), *arguments]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, input=given, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, done.stderr

    def work(document_id: str, workspace_id: str) -> None:
        (tmp_path / "notes.txt").write_text("One chunk.\n\nAnother one.")
        run("ingestion.py", document_id, "notes.txt")
        message = {"document_id": document_id, "chunks": ["One chunk.", "Another one."]}
        run("embeddings.py", given=json.dumps(message))
        run("graph.py", workspace_id, "weir", "sluice", "wheel")

    async def watch(document_id: str, workspace_id: str, before: str) -> list[str]:
        consumer = Consumer(rabbitmq_url, exchange)
        await consumer.declare()

        def told() -> list[str]:
            """What is later than the document's own ingestion, which the broker may still be told of."""
            bodies = [(message.routing_key, json.loads(message.body)) for message in consumer.got]
            return [f"{key} {body['status']}" for key, body in bodies if number(body["event_id"]) > number(before)]

        async with consumer.running():
            await asyncio.to_thread(work, document_id, workspace_id)
            async with asyncio.timeout(SECONDS):
                while len(told()) < 4:
                    consumer.moved.clear()
                    await consumer.moved.wait()
        return told()

    with relaying.client(timeout=SECONDS) as http:
        made = http.post("/ingest/text", json={"text_content": "The headrace leads water to the wheel."}).json()
        (document_id,) = made["document_ids"]
        workspace_id = http.get(f"/documents/{document_id}").json()["workspace_id"]
        chaos.wait_for_end(http, made["job_id"])
        before = newest(http)
        told = asyncio.run(watch(document_id, workspace_id, before))
        frames = since(http, before, 4)
        document = http.get(f"/documents/{document_id}").json()
        workspace = http.get(f"/workspaces/{workspace_id}").json()

    assert told == [
        "document.status.updated processing",
        "document.status.updated ready",
        "workspace.status.updated provisioning",
        "workspace.status.updated ready",
    ]
    assert [frame["type"] for frame in frames] == [line.split()[0] for line in told]
    assert document["chunk_count"] == 2
    assert document["metadata"]["embedding_model"] == "letters-26"
    assert workspace["status_message"] == "a graph of 3 edges"


def number(event_id: str) -> int:
    """Its place in the user's stream."""
    return int(event_id.rpartition("-")[2])


def newest(http: Any) -> str:
    """Where the user's stream stands: the id of the snapshot that it begins with."""
    return str(since(http, None, 1)[0]["event_id"])


def since(http: Any, after: str | None, count: int) -> list[dict[str, Any]]:
    """The next frames of `/events`."""
    found: list[dict[str, Any]] = []
    with http.stream("GET", "/events", params={"after": after} if after else {}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                found.append(json.loads(line[5:]))
            if len(found) == count:
                break
    return found
