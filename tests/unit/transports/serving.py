"""The streams behind a real server, in a thread of the test's own process, and clients on real sockets."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
import websockets
from websockets.exceptions import ConnectionClosed

from headrace.eventlog.hub import Hub
from headrace.model.errors import NotAllowed, NotAuthenticated
from headrace.model.ids import UserId
from headrace.model.principal import Principal
from headrace.transports.asgi import Scope, answer, query
from headrace.transports.mount import Streams
from tests.services import free_port

SECONDS = 30.0


async def application(scope: Scope, receive: Any, send: Any) -> None:
    """Whatever is behind the streams: it says what it was asked for."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    await answer(send, 299, [(b"content-type", b"text/plain")], f"{scope['method']} {scope['path']}".encode())


async def authenticate(scope: Scope, _job: str | None) -> Principal:
    """Whoever `?user=` says."""
    user = query(scope, "user")
    if user == "nobody":
        raise NotAuthenticated("no valid token came with the request")
    if user == "stranger":
        raise NotAllowed("not from here")
    return Principal(user_id=UserId(user))


class Server(uvicorn.Server):
    """Starts and closes the hub on its own loop, in the order that a server has to."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self.hub = hub
        self.is_up = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await self.hub.start()
        await super().startup(sockets)
        self.is_up.set()

    async def shutdown(self, sockets: Any = None) -> None:
        closing = asyncio.create_task(self.hub.close())  # runs once nobody is let in any more
        await super().shutdown(sockets)
        await closing


@contextmanager
def serving(hub: Hub, *, loop: str = "uvloop", http: str = "httptools", root_path: str = "") -> Iterator[Server]:
    """A running server; its address is `127.0.0.1:<server.config.port>`."""
    streams = Streams(application, hub, authenticate)
    config = uvicorn.Config(
        streams, port=free_port(), loop=loop, http=http, lifespan="off", log_level="error", access_log=False,
        ws_per_message_deflate=False, root_path=root_path,
    )  # fmt: skip
    server = Server(config, hub)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.is_up.wait(SECONDS)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive(), "the server does not stop"


def get(server: Server, path: str, **headers: str) -> httpx.Response:
    url = f"http://127.0.0.1:{server.config.port}{path}"
    return httpx.get(url, headers=headers, trust_env=False, timeout=SECONDS)


async def read_sse(port: int, path: str, cursor: str | None) -> AsyncIterator[dict[str, Any]]:
    """The frames of an event stream, until it ends; closing the iterator cuts the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        resume = f"Last-Event-ID: {cursor}\r\n" if cursor else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{resume}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        rest = b""
        while head.startswith(b"HTTP/1.1 200") and (size := int(await reader.readline(), 16)):
            *blocks, rest = (rest + (await reader.readexactly(size + 2))[:-2]).split(b"\n\n")
            for block in blocks:
                if block.startswith(b"id: "):
                    identity, data = block.split(b"\n")
                    frame = json.loads(data.removeprefix(b"data: "))
                    assert frame["event_id"] == identity.removeprefix(b"id: ").decode()
                    yield frame
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def read_websocket(port: int, path: str, cursor: str | None) -> AsyncIterator[dict[str, Any]]:
    """As `read_sse`, over a WebSocket."""
    resume = f"&after={cursor}" if cursor else ""
    url = f"ws://127.0.0.1:{port}{path}{resume}"
    async with websockets.connect(url, compression=None, proxy=None, close_timeout=0.1) as connection:
        with contextlib.suppress(ConnectionClosed):
            async for text in connection:
                yield json.loads(text)
