"""Clients that we did not write follow one job from before its first event, are cut once, and all see the same."""

import asyncio
import hashlib
import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import RunningServer, running_server
from tests.services import Missing, needs
from tests.watching import Seen, follow, socket_io, socket_io_client, sse, websocket

STAY = 6
DOCUMENTS = 30
NODE = Path(__file__).parent / "node"

Follow = Callable[[str, Seen], Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server"), embedder="none") as started:
        yield started


@pytest.fixture(scope="session")
def node_folder() -> Path:
    """Where the npm packages of the lock file are; kept from run to run."""
    npm = needs("npm")
    locked = (NODE / "package-lock.json").read_bytes()
    folder = Path(tempfile.gettempdir()) / f"headrace-node-{hashlib.sha256(locked).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    for file in NODE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    if not (folder / "node_modules/.package-lock.json").exists():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
        if made.returncode:
            raise Missing("an npm registry", f"npm ci ({made.stderr.strip()[-200:]})")
    return folder


@asynccontextmanager
async def lines_of(*command: str | Path) -> AsyncIterator[AsyncIterator[bytes]]:
    """What a program prints; it ends with the block."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=pipe, limit=1 << 22)
    assert process.stdout is not None
    try:
        yield aiter(process.stdout)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def curl(url: str, path: str, seen: Seen) -> None:
    resume = ["-H", f"Last-Event-ID: {seen.cursor}"] if seen.cursor else []
    async with lines_of(needs("curl"), "-sN", *resume, url + path) as lines:
        async for line in lines:
            if line.startswith(b"data: ") and seen.take(json.loads(line[6:])):
                return


def by_hand(watch: Any, path: str) -> Follow:
    """Cut by leaving; connected again by us, with the last event id."""
    return lambda url, seen: follow(watch, url, path, seen)


def by_itself(folder: Path, kind: str) -> Follow:
    """A program of Node's whose client comes back on its own."""

    async def run(url: str, seen: Seen) -> None:
        async with lines_of(needs("node"), folder / "follow.js", kind, url, str(STAY)) as lines:
            async for line in lines:
                seen.take(json.loads(line))
                if seen.is_over:
                    return

    return run


async def python_socket_io_by_itself(url: str, seen: Seen) -> None:
    """The connection below the client is cut; it comes back on its own and asks for the cursor again."""
    options = {"reconnection": True, "reconnection_delay": 0.1}
    async with socket_io_client(url, "websocket", lambda: seen.cursor, **options) as (client, queue):
        is_cut = False
        while not seen.is_over:
            frame = await queue.get()
            if frame is None:
                is_cut = False
            elif not is_cut and seen.take(frame) and not seen.is_over:
                is_cut = True  # what still comes in is lost on the way, as far as this client can tell
                client.eio.ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def clients(node: Path | None) -> dict[str, Follow]:
    ours = {
        "websockets": by_hand(websocket, "/ws"),
        "aiohttp": by_hand(sse, "/events"),
        "curl": by_hand(curl, "/events"),
        "python-socketio": python_socket_io_by_itself,
        "python-socketio polling": by_hand(socket_io, "polling"),
        "python-socketio upgrading": by_hand(socket_io, "polling websocket"),
    }
    kinds = ["socket.io", "socket.io polling", "eventsource"] if node else []
    return ours | {f"npm {kind}": by_itself(node, kind) for kind in kinds if node}


async def watch_one_job(url: str, watchers: dict[str, Follow]) -> tuple[dict[str, Seen], str, list[Any]]:
    everything = {name: Seen(stays=iter([STAY])) for name in watchers}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http, asyncio.TaskGroup() as group:
        await http.post("/ingest/text", json={"text_content": "the worker is awake"})
        for name, run in watchers.items():
            group.create_task(run(url, everything[name]))
        await asyncio.gather(*(seen.ready.wait() for seen in everything.values()))
        messages = [{"text": f"This is text {number}."} for number in range(DOCUMENTS)]
        job_id = (await http.post("/ingest/batch", json={"messages": messages})).json()["job_id"]
        for seen in everything.values():
            seen.wanted.add(job_id)
        await asyncio.gather(*(seen.sees_ends(1) for seen in everything.values()))
        answer = await http.get(f"/jobs/{job_id}/events", headers={"accept": "application/json"})
    return everything, job_id, [(event["seq"], event["type"]) for event in answer.json()["events"]]


def hold_together(everything: dict[str, Seen], job_id: str, log: list[Any]) -> None:
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    assert len(log) > 2 * STAY
    for name, seen in everything.items():
        assert (name, seen.lines[job_id]) == (name, log)
        assert (name, seen.cuts, seen.snapshots, seen.resets) == (name, 1, 1, 0)


def test_clients_of_python_and_curl_see_the_same(server: RunningServer) -> None:
    needs("curl")

    hold_together(*asyncio.run(watch_one_job(server.url, clients(None))))


def test_clients_of_node_see_the_same(server: RunningServer, node_folder: Path) -> None:
    needs("node", "nodejs")
    watchers = {name: run for name, run in clients(node_folder).items() if name.startswith("npm") or name == "aiohttp"}

    hold_together(*asyncio.run(watch_one_job(server.url, watchers)))
