"""What goes over each wire: heads, frames, ends, and what happens when the server stops."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
import websockets
from websockets.exceptions import ConnectionClosedError

from headrace.eventlog.hub import Hub
from tests.unit.transports.serving import SECONDS, Server, get, read_sse, read_websocket, serving


@pytest.fixture(params=["uvloop httptools", "asyncio h11"])
def server(request: pytest.FixtureRequest, database) -> Iterator[Server]:
    loop, http = request.param.split()
    with serving(Hub(database), loop=loop, http=http) as running:
        yield running


def sse_path(author, job) -> str:
    return f"/jobs/{job.job_id}/events?user={author.user_id}"


def ws_path(author, job) -> str:
    return f"/ws/{job.job_id}?user={author.user_id}"


async def collect(read, server, path, cursor=None) -> list[dict[str, Any]]:
    async with asyncio.timeout(SECONDS), aclosing(read(server.config.port, path, cursor)) as frames:
        return [frame async for frame in frames]


def test_an_event_stream_has_a_head_that_proxies_respect_and_says_when_to_come_back(server, alice) -> None:
    job = alice.end(alice.begin())

    answer = get(server, sse_path(alice, job))

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.text.startswith("retry: 1000\n\nid: ")
    assert "event:" not in answer.text


def test_both_addresses_of_a_job_s_stream_give_the_same(server, alice) -> None:
    job = alice.end(alice.begin(ticks=3))
    after = f"&after={alice.cursor(0)}"

    one = get(server, sse_path(alice, job) + after).text
    other = get(server, f"/api/ingest/stream/{job.job_id}?user={alice.user_id}{after}").text

    assert one == other
    assert one.count("\ndata: ") == 6


def test_the_header_wins_over_the_query(server, alice) -> None:
    job = alice.end(alice.begin(ticks=3))
    events = alice.events(job.job_id)

    answer = get(
        server, f"{sse_path(alice, job)}&after={alice.cursor(0)}",
        **{"last-event-id": str(alice.cursor(events[-2].number))},
    )  # fmt: skip

    assert answer.text.count("\ndata: ") == 1


def test_a_reconnect_after_the_end_gets_204_so_that_a_browser_stops(server, alice) -> None:
    job = alice.end(alice.begin())

    answer = get(server, f"{sse_path(alice, job)}&after={alice.cursor(job.last_number)}")

    assert (answer.status_code, answer.content) == (204, b"")


def test_a_lost_position_begins_with_reset_and_snapshot_on_every_wire(server, alice) -> None:
    job = alice.end(alice.begin())

    for read, path in ((read_sse, sse_path(alice, job)), (read_websocket, ws_path(alice, job))):
        frames = asyncio.run(collect(read, server, path, "elsewhere-5"))
        assert [frame["type"] for frame in frames] == ["reset", "snapshot", "job.completed"]
        assert frames[0]["event_id"] == str(alice.cursor(0))


def test_both_wires_carry_the_frames_of_the_log(server, alice) -> None:
    job = alice.begin(ticks=2)

    async def scenario() -> tuple[list[Any], list[Any]]:
        watching = asyncio.gather(
            collect(read_sse, server, sse_path(alice, job), str(alice.cursor(0))),
            collect(read_websocket, server, ws_path(alice, job), str(alice.cursor(0))),
        )
        await asyncio.to_thread(alice.tick, job, 3)
        await asyncio.to_thread(alice.end, job)
        return await watching

    one, other = asyncio.run(scenario())

    assert one == other
    assert [frame["seq"] for frame in one] == list(range(1, 9))


def test_a_websocket_closes_with_1000_when_its_job_has_ended(server, alice) -> None:
    job = alice.end(alice.begin())

    async def scenario(cursor: str) -> tuple[int, int | None]:
        url = f"ws://127.0.0.1:{server.config.port}{ws_path(alice, job)}&after={cursor}"
        async with websockets.connect(url, proxy=None) as connection:
            frames = [frame async for frame in connection]
            return len(frames), connection.close_code

    assert asyncio.run(scenario(str(alice.cursor(0)))) == (3, 1000)
    assert asyncio.run(scenario(str(alice.cursor(job.last_number)))) == (0, 1000)


def test_what_a_client_says_on_a_websocket_is_ignored(server, alice) -> None:
    job = alice.begin()

    async def scenario() -> list[Any]:
        url = f"ws://127.0.0.1:{server.config.port}{ws_path(alice, job)}"
        async with websockets.connect(url, proxy=None) as connection:
            for number in range(100):
                await connection.send("x" * 1000 if number % 2 else b"y" * 1000)
            await asyncio.to_thread(alice.end, job)
            return [frame async for frame in connection]

    assert len(asyncio.run(scenario())) == 2


def test_stopping_the_server_ends_every_stream_and_does_not_hang(alice) -> None:
    job = alice.begin()
    ended: dict[str, Any] = {}
    both_open = threading.Barrier(3, timeout=SECONDS)

    def watch_sse(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            connection.sendall(f"GET {sse_path(alice, job)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            received = b""
            while b"data:" not in received:
                received += connection.recv(65536)
            both_open.wait()
            while more := connection.recv(65536):
                received += more
            ended["sse"] = received

    def watch_websocket(port: int) -> None:
        async def watch() -> None:
            url = f"ws://127.0.0.1:{port}{ws_path(alice, job)}"
            async with websockets.connect(url, proxy=None) as connection:
                await connection.recv()
                await asyncio.to_thread(both_open.wait)
                with pytest.raises(ConnectionClosedError):
                    await connection.recv()
                ended["websocket"] = connection.close_code

        asyncio.run(watch())

    with serving(Hub(alice.database)) as server:
        threads = [threading.Thread(target=watch, args=(server.config.port,)) for watch in (watch_sse, watch_websocket)]
        for thread in threads:
            thread.start()
        both_open.wait()
        started = time.monotonic()
    for thread in threads:
        thread.join(SECONDS)

    assert time.monotonic() - started < SECONDS / 2
    assert ended["sse"].endswith(b"retry: 1000\n\n\r\n0\r\n\r\n")
    assert ended["websocket"] == 1012
