"""A real server beside a real broker that comes late, goes away and loses everything; and documents sent through it."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import httpx
import pytest

from tests.flows.brokers import Broker, Consumer, broker
from tests.running import RunningServer, running_server

SECONDS = 120.0
TEXT = "The headrace leads water to the wheel. " * 40


def upload(http: httpx.Client, count: int) -> str:
    documents = [{"filename": f"{number}.txt", "content": f"{number}. {TEXT}"} for number in range(count)]
    answer = http.post("/upload", json={"collection_name": "mill", "documents": documents})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["upload_id"])


def watch(http: httpx.Client, job_id: str) -> dict[str, Any]:
    """Follow a job over server-sent events to its end; returns the last frame."""
    with http.stream("GET", f"/jobs/{job_id}/events", headers={"accept": "text/event-stream"}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                frame: dict[str, Any] = json.loads(line[5:])
                if frame["type"] in {"job.completed", "job.failed", "job.cancelled"}:
                    return frame
    raise AssertionError("the stream ended before the job")


def event_ids(http: httpx.Client, job_id: str) -> list[str]:
    """The job's whole log."""
    found: list[str] = []
    while True:
        after = {"after": found[-1]} if found else {}
        answer = http.get(f"/jobs/{job_id}/events", params=after, headers={"accept": "application/json"}).json()
        page = [frame["event_id"] for frame in answer["events"] if frame["event_id"] not in found]
        if not page:
            return found
        found += page


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path / "broker") as made:
        yield made


@pytest.mark.timeout(300)
def test_a_consumer_gets_every_event_of_every_job_in_order_whatever_happens_to_the_broker(
    own_broker: Broker, tmp_path: Path
) -> None:
    settings = {"rabbitmq_url": own_broker.url, "rabbitmq_exchange": "mill", "embedder": "none"}
    consumer = Consumer(own_broker.url, "mill")

    async def run(server: RunningServer, http: httpx.Client) -> None:
        while_down = await asyncio.to_thread(upload, http, 5)
        assert (await asyncio.to_thread(watch, http, while_down))["type"] == "job.completed"

        await asyncio.to_thread(own_broker.start)
        async with consumer.running():
            await check(http, while_down)

            cut = await asyncio.to_thread(upload, http, 200)
            async with asyncio.timeout(SECONDS):
                while not consumer.order(cut):
                    consumer.moved.clear()
                    await consumer.moved.wait()
            await asyncio.to_thread(own_broker.stop)
            assert (await asyncio.to_thread(watch, http, cut))["type"] == "job.completed"
            await asyncio.to_thread(own_broker.start)
            await check(http, cut)

        await consumer.empty_broker()
        async with consumer.running():
            await consumer.declare()
            emptied = await asyncio.to_thread(upload, http, 5)
            assert (await asyncio.to_thread(watch, http, emptied))["type"] == "job.completed"
            await check(http, emptied)

    async def check(http: httpx.Client, job_id: str) -> None:
        told = await asyncio.to_thread(event_ids, http, job_id)
        await consumer.until_it_has(told)
        assert consumer.order(job_id) == [one for one in told if one in set(consumer.order(job_id))]
        assert set(told) <= {message.message_id for message in consumer.got}

    own_broker.start()
    asyncio.run(consumer.declare())  # a queue that waits while its consumer and the server are not there
    own_broker.stop()
    with running_server(tmp_path, **settings) as server, server.client(timeout=SECONDS) as http:
        asyncio.run(run(server, http))
        assert server.stop() == 0


@pytest.fixture
def exchange() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
def fed(tmp_path: Path, rabbitmq_url: str, exchange: str) -> Iterator[RunningServer]:
    """A server that takes documents from the session's broker."""
    with running_server(tmp_path, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange, embedder="none") as server:
        yield server


async def publish(url: str, exchange: str, *messages: tuple[str | None, bytes]) -> None:
    """Send to `document.uploaded`; whoever may be first waits until somebody listens there."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(on_return_raises=True)
        topic = await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, durable=True)
        for message_id, body in messages:
            async with asyncio.timeout(SECONDS):
                while True:
                    try:
                        sent = aio_pika.Message(body, message_id=message_id)
                        await topic.publish(sent, "document.uploaded", mandatory=True)
                        break
                    except aio_pika.exceptions.DeliveryError:
                        await asyncio.sleep(0.05)


async def first_dead(url: str, exchange: str) -> bytes:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(f"{exchange}.document.uploaded.dead")
        async with asyncio.timeout(SECONDS), queue.iterator(no_ack=True) as messages:
            async for message in messages:
                return message.body
    raise AssertionError


def until_completed(http: httpx.Client, count: int) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = []
    with http.stream("GET", "/events", headers={"accept": "text/event-stream"}) as answer:
        for line in answer.iter_lines():
            if line.startswith(("data:", ":")):
                listed = http.get("/jobs?status=completed").json()["jobs"]
                jobs = [job for job in listed if job["job_type"] in {"text_ingestion", "file_ingestion"}]
                if len(jobs) >= count:
                    return jobs
    raise AssertionError(jobs)


@pytest.mark.timeout(180)
def test_a_document_from_the_broker_becomes_a_job_once_and_nonsense_goes_to_the_dead(
    fed: RunningServer, rabbitmq_url: str, exchange: str
) -> None:
    text = json.dumps({"text": "A weir holds the river back.", "filename": "weir.txt", "collection_name": "mill"})
    file = json.dumps({"content_base64": base64.b64encode(b"# Sluice\n\nIt lets water in.").decode(),
                       "filename": "sluice.md", "metadata": {"page": 3}})  # fmt: skip
    nonsense = json.dumps({"text": 7})

    asyncio.run(
        publish(
            rabbitmq_url, exchange, ("m-1", text.encode()), ("m-1", text.encode()), ("m-2", nonsense.encode()),
            ("m-3", file.encode()),
        )
    )  # fmt: skip

    assert asyncio.run(first_dead(rabbitmq_url, exchange)) == nonsense.encode()
    with fed.client(timeout=SECONDS) as http:
        jobs = until_completed(http, 2)
        documents = http.get("/documents").json()["documents"]
        found = http.post("/query", json={"query": "weir river", "mode": "keyword"}).json()["results"]
    assert len(jobs) == 2
    assert {one["filename"]: one["metadata"].get("page") for one in documents} == {"weir.txt": None, "sluice.md": 3}
    assert found[0]["text"].startswith("A weir")
