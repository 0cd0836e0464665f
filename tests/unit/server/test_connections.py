"""The head of a request: a deadline and a size, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from headrace.server.connections import bounded
from headrace.settings import Settings

PATIENCE = 20.0


async def greet(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def serving(**limits: Any) -> AsyncIterator[int]:
    settings = Settings(**limits)
    config = uvicorn.Config(
        greet,
        http=bounded(settings),
        timeout_keep_alive=settings.keep_alive_seconds,
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0)
        yield listener.getsockname()[1]
        server.should_exit = True
        await task


def tell(*parts: bytes, **limits: Any) -> bytes:
    """What the server says to these bytes, up to where it closes the connection."""

    async def run() -> bytes:
        async with serving(**limits) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01)
            async with asyncio.timeout(PATIENCE):
                answer = await reader.read()
            writer.close()
            return answer

    return asyncio.run(run())


def test_a_head_that_never_ends_is_answered_408_at_its_deadline() -> None:
    answer = tell(b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n", head_seconds=0.2)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "too_slow"' in answer


def test_a_connection_that_says_nothing_is_closed_at_the_deadline() -> None:
    assert tell(head_seconds=0.05) == b""


def test_the_second_request_of_a_connection_has_the_same_deadline() -> None:
    answer = tell(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHo", head_seconds=0.2)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in answer


def test_a_head_that_is_too_large_is_answered_431_whether_it_ends_or_not() -> None:
    open_end = tell(b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: %s" % (b"b" * 3_000), max_head_bytes=2_000)
    whole = tell(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 3_000), max_head_bytes=2_000)
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"
    head = b"GET /%s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (b"a" * 3_000, upgrade)
    websocket = tell(head, max_head_bytes=2_000)

    assert [answer[:13] for answer in (open_end, whole, websocket)] == [b"HTTP/1.1 431 "] * 3


def test_a_large_body_is_no_large_head() -> None:
    body = b"x" * 100_000
    answer = tell(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n" + body)

    assert answer.startswith(b"HTTP/1.1 200 ")


REFUSED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"  # `greet` reads no body


def test_a_body_that_was_answered_and_never_ends_holds_its_connection_no_longer_than_its_deadline() -> None:
    answer = tell(REFUSED, b"d", body_idle_seconds=0.2)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_after_the_rest_of_an_answered_body_the_connection_serves_on_and_ends_when_it_is_idle() -> None:
    answer = tell(
        REFUSED, b"defghi", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", body_idle_seconds=0.05, keep_alive_seconds=1
    )
    idle = tell(REFUSED, b"defghi", keep_alive_seconds=1)

    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert idle.count(b"HTTP/1.1 200 ") == 1
