"""Socket.IO of a real server: what the two status events say, who may connect, who must leave, and how it stops."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio

from headrace.server.frames import SCHEMAS
from tests.flows.inhabited import Town, new_token, town
from tests.running import RunningServer, running_server
from tests.schemas import faults
from tests.watching import ENDS, NAMES, Frame, Session, socket_io_client

SECONDS = 60.0
DOCUMENT = {"document_id", "user_id", "workspace_id", "job_id", "status", "error", "chunk_count", "metadata"}
WORKSPACE = {"workspace_id", "user_id", "status", "message"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as made:
        yield made


async def named(url: str, auth: dict[str, Any], queue: asyncio.Queue[tuple[str, Any]], transport: str) -> Any:
    """A client whose events come with their names."""
    session = Session()
    client = socketio.AsyncClient(reconnection=False, http_session=session)
    client.session = session  # its own forgets it, unclosed, when the server disconnects it
    for name in (*NAMES, "disconnect"):
        client.on(name, lambda payload, name=name: queue.put_nowait((name, payload)))
    await client.connect(url, auth=auth, transports=[transport], wait_timeout=SECONDS)
    return client


async def leave(client: socketio.AsyncClient) -> None:
    await client.disconnect()
    await client.session.close()


def post(server: RunningServer, token: str | None, path: str, body: Any) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with server.client(headers=headers) as client:
        return client.post(path, json=body).json()


def test_documents_and_workspaces_speak_in_words_of_their_own(tmp_path: Path) -> None:
    async def main(url: str) -> list[tuple[str, Frame]]:
        queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        client = await named(url, {}, queue, "websocket")
        document = {"content": "Water.", "filename": "water.txt", "metadata": {"n": 7}}
        body = {"collection_name": "new", "documents": [document]}
        job_id = (await asyncio.to_thread(post, server, None, "/upload", body))["upload_id"]
        got: list[tuple[str, Frame]] = []
        async with asyncio.timeout(SECONDS):
            while not got or (got[-1][1]["job_id"], got[-1][1]["type"] in ENDS) != (job_id, True):
                got.append(await queue.get())
        await leave(client)
        return got

    with running_server(tmp_path, embedder="none") as server:
        got = asyncio.run(main(server.url))

    documents = [payload for name, payload in got if name == "document_status"]
    workspaces = [payload for name, payload in got if name == "workspace_status"]
    assert documents[-1]["status"] == "ready"
    assert documents[-1]["metadata"]["n"] == 7
    assert documents[-1].keys() >= DOCUMENT | {"event_id", "timestamp", "type", "seq"}
    assert workspaces[-1]["status"] == "ready"
    assert workspaces[-1].keys() >= WORKSPACE | {"event_id", "timestamp", "type", "seq"}
    described = {"components": {"schemas": SCHEMAS}}
    assert [fault for one in documents for fault in faults(described, SCHEMAS["DocumentStatus"], one)] == []
    assert [fault for one in workspaces for fault in faults(described, SCHEMAS["WorkspaceStatus"], one)] == []
    numbers = [int(payload["event_id"].partition("-")[2]) for _, payload in got]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_revoked_token_ends_its_connections_within_five_seconds(guarded: Town, transport: str) -> None:
    token = new_token(guarded.server, "mallory")
    with guarded.client(token) as client:
        ticket = client.post("/tickets", json={}).json()["ticket"]
    listed = [json.loads(line) for line in guarded.server.run("token", "list").stdout.splitlines()]
    token_id = next(one["token_id"] for one in listed if one["user_id"] == "mallory" and not one["revoked_at"])

    async def main() -> float:
        queues: list[asyncio.Queue[tuple[str, Any]]] = [asyncio.Queue(), asyncio.Queue()]
        secrets = [token, ticket]
        clients = [
            await named(guarded.server.url, {"token": secret}, queue, transport)
            for secret, queue in zip(secrets, queues, strict=True)
        ]
        async with asyncio.timeout(SECONDS):
            assert [(await queue.get())[1]["type"] for queue in queues] == ["snapshot", "snapshot"]
            await asyncio.to_thread(guarded.server.run, "token", "revoke", token_id)
            started = time.monotonic()
            assert [await queue.get() for queue in queues] == [("disconnect", "server disconnect")] * 2
        took = time.monotonic() - started
        for client in clients:
            await leave(client)
        return took

    assert asyncio.run(main()) < 5


def test_nobody_sees_what_another_user_s_jobs_do(guarded: Town) -> None:
    async def main() -> list[tuple[str, Frame]]:
        hers: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        his: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        clients = [
            await named(guarded.server.url, {"token": token}, queue, "websocket")
            for token, queue in ((guarded.anna, hers), (guarded.eve, his))
        ]
        await asyncio.to_thread(post, guarded.server, guarded.anna, "/ingest/text", {"text_content": "secret"})
        own = await asyncio.to_thread(post, guarded.server, guarded.eve, "/ingest/text", {"text_content": "open"})
        seen: list[tuple[str, Frame]] = []
        async with asyncio.timeout(SECONDS):
            while not seen or (seen[-1][1]["job_id"], seen[-1][1]["type"] in ENDS) != (own["job_id"], True):
                seen.append(await his.get())
        for client in clients:
            await leave(client)
        return seen

    assert {payload["user_id"] for _, payload in asyncio.run(main())} == {"eve"}


def test_a_session_that_never_says_who_it_is_gets_nothing(guarded: Town) -> None:
    address = f"{guarded.server.url}/socket.io/?EIO=4&transport=polling"
    with httpx.Client(trust_env=False, timeout=SECONDS) as client:
        sid = client.get(address).text.partition('"sid":"')[2].partition('"')[0]
        client.post(f"{address}&sid={sid}", content="40")
        refused = client.get(f"{address}&sid={sid}").text
        client.post(f"{address}&sid={sid}", content="1")

    assert refused.startswith("44{")
    assert '"code":"not_authenticated"' in refused


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_server_with_open_connections_stops_when_it_is_told_to(server: RunningServer, transport: str) -> None:
    async def main() -> tuple[int, float, Any]:
        async with socket_io_client(server.url, transport, lambda: None) as (_, queue), asyncio.timeout(SECONDS):
            assert (await queue.get() or {})["type"] == "snapshot"
            started = time.monotonic()
            code = await asyncio.to_thread(server.stop)
            return code, time.monotonic() - started, await queue.get()

    code, took, told = asyncio.run(main())

    assert (code, told) == (0, None)
    assert took < 10
