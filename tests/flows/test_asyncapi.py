"""`/asyncapi.json` holds for what a running server really sends."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest
import websockets.sync.client as sockets
from websockets.exceptions import InvalidStatus

from headrace.model.vocabulary import EventType
from headrace.server.frames import FRAME, MEMBERS
from tests.running import RunningServer, running_server
from tests.schemas import faults, resolve

PROVOKED = {kind.value for kind in EventType}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server"), embedder="none") as started:
        yield started


@pytest.fixture
def document(server: RunningServer) -> dict[str, Any]:
    with server.client() as client:
        return client.get("/asyncapi.json").json()


def pointers(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        for value in node.values():
            yield from pointers(value)
    elif isinstance(node, list):
        for value in node:
            yield from pointers(value)


def test_the_validator_of_this_test_finds_what_is_wrong(document) -> None:
    frame = resolve(document, "#/components/schemas/Frame")

    assert any(faults(document, frame, {}))
    assert any(faults(document, MEMBERS["type"], "job.unheard_of"))
    assert any(faults(document, MEMBERS["progress"], 1.1))
    assert any(faults(document, MEMBERS["event_id"], "seven"))
    assert any(faults(document, MEMBERS["seq"], True))
    assert not any(faults(document, MEMBERS["seq"], None))


def test_every_pointer_leads_somewhere_and_every_parameter_is_described(document) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert {pointer for pointer in pointers(document) if not resolve(document, pointer)} == set()
    for channel in document["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"] or "")) == set(channel.get("parameters", {}))
    for operation in document["operations"].values():
        channel = operation["channel"]["$ref"]
        assert operation["action"] in ("send", "receive")
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])
    used = {operation["channel"]["$ref"] for operation in document["operations"].values()}
    assert used == {f"#/channels/{name}" for name in document["channels"]}


def test_real_frames_of_every_type_are_as_described(server, document) -> None:
    with server.client() as client:
        frames = provoke(client)

    assert {frame["type"] for frame in frames} == PROVOKED
    messages = document["components"]["messages"]
    wrong = [fault for frame in frames for fault in faults(document, messages[frame["type"]]["payload"], frame)]
    assert wrong == []
    assert all(list(frame)[: len(FRAME)] == list(FRAME) for frame in frames)


def provoke(client: httpx.Client) -> list[dict[str, Any]]:
    """Frames of jobs that complete, fail, are cancelled, paused and resumed; a snapshot, and a reset."""
    start = read_events(client, "/events")[0]["event_id"]
    client.post("/ingest/text", json={"text_content": "Water runs.", "collection_name": f"mill {uuid4()}"})
    client.post("/upload?sync=true", files={"file": ("broken.pdf", b"%PDF-1.4 rubbish", "application/pdf")})
    task = client.post("/tasks", json={"title": "by hand", "total": 2}).json()["job_id"]
    client.delete(f"/jobs/{task}")
    texts = [{"text": f"Text {number}. " * 200} for number in range(100)]
    halted = client.post("/ingest/batch", json={"messages": texts}).json()["job_id"]
    assert client.post(f"/jobs/{halted}/pause").status_code == 200
    assert client.post(f"/jobs/{halted}/resume").status_code == 200
    wait_for_ends(client)
    lost = read_events(client, "/events", "foreign-7")
    return [*lost, *read_events(client, "/events", start), *read_events(client, f"/jobs/{task}/events")]


def wait_for_ends(client: httpx.Client) -> None:
    for job in client.get("/jobs").json()["jobs"]:
        while job["status"] not in ("completed", "failed", "cancelled"):
            job = client.get(f"/jobs/{job['job_id']}", params={"after": job["last_event_id"], "wait": 20}).json()


def read_events(client: httpx.Client, path: str, after: str | None = None) -> list[dict[str, Any]]:
    """What a stream has at once: until nothing more comes for a moment, or until it ends."""
    frames: list[dict[str, Any]] = []
    params = {} if after is None else {"after": after}
    with (
        suppress(httpx.ReadTimeout),
        client.stream("GET", path, params=params, timeout=httpx.Timeout(30, read=2)) as stream,
    ):
        for line in stream.iter_lines():
            frames += [json.loads(line[6:])] if line.startswith("data: ") else []
    return frames


def test_every_channel_answers_at_its_address(server, document) -> None:
    with server.client() as client:
        job_id = client.post("/ingest/text", json={"text_content": "Water runs."}).json()["job_id"]
        for channel in document["channels"].values():
            address = re.sub(r"{\w+}", job_id, channel["address"] or "")
            protocols = {resolve(document, one["$ref"])["protocol"] for one in channel["servers"]}
            if "http" in protocols:
                with client.stream("GET", address, params={"EIO": "4", "transport": "polling"}) as answer:
                    assert (address, answer.status_code) == (address, 200)
            if "ws" in protocols:
                url = server.url.replace("http", "ws") + address + "?EIO=4&transport=websocket"
                with sockets.connect(url, proxy=None) as connection:
                    assert connection.recv()
    with pytest.raises(InvalidStatus):
        sockets.connect(server.url.replace("http", "ws") + "/ws/unknown", proxy=None)
