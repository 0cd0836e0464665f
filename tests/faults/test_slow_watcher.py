"""A watcher that reads nothing hurts only itself: the others get everything, and it too, once it comes back."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.faults import chaos
from tests.running import RunningServer, running_server

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

MOST_BYTES_A_WATCHER = 400_000
"""Of memory in the server, the buffers of the operating system not counted: far below what the log holds."""


@contextmanager
def stalled(server: RunningServer) -> Iterator[socket.socket]:
    """A connection that asks for all events and reads none."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        yield connection


def follow(server: RunningServer, job: str) -> list[int]:
    """The numbers of a job's events up to its end, as a reader gets them who keeps up."""
    seqs = []
    with (
        server.client(timeout=httpx.Timeout(120)) as client,
        client.stream("GET", f"/jobs/{job}/events", headers={"Last-Event-ID": ""}) as stream,
    ):
        for line in stream.iter_lines():
            if line.startswith("data: "):
                frame = json.loads(line[6:])
                if frame["type"] not in ("snapshot", "reset"):
                    seqs.append(frame["seq"])
    return seqs


def test_watchers_that_read_nothing_hurt_nobody_else(tmp_path: Path) -> None:
    slow, fast = chaos.pick(10, 200), chaos.pick(6, 30)
    settings = {"embedder": "none", "progress_interval_seconds": 0.001, "stuck_watcher_seconds": 5}
    with (
        running_server(tmp_path, **settings) as server,
        ExitStack() as stack,
        ThreadPoolExecutor(fast) as threads,
        server.client() as client,
    ):
        for _ in range(slow):
            stack.enter_context(stalled(server))
        before = psutil.Process(server.pids[0]).memory_info().rss
        messages = [{"text": f"the weir number {number} holds"} for number in range(chaos.pick(800, 20_000))]
        job = client.post("/ingest/batch/async", json={"messages": messages}).json()["job_id"]
        told = [threads.submit(follow, server, job) for _ in range(fast)]
        assert chaos.wait_for_end(client, job, 240)["status"] == "completed"
        last = chaos.job_of(client, job)["last_event_id"]
        for one in told:
            seqs = one.result(120)
            assert seqs[-1] == len(chaos.events_of(client, job))
            assert seqs == list(range(seqs[0], seqs[-1] + 1))
        grown = psutil.Process(server.pids[0]).memory_info().rss - before
        assert grown < 50_000_000 + slow * MOST_BYTES_A_WATCHER
        events = chaos.events_of(client, job)
    chaos.tell(
        "P11, slow watchers",
        f"{slow} that read nothing beside {fast} that do: these got all {len(events)} events up to {last}, "
        f"{grown / 1e6:.0f} MB more memory",
    )
