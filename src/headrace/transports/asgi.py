"""What the wires share: reading a request, answering with a problem, and how a server is best sent to."""

import asyncio
import json
import os
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from headrace.eventlog.framing import Framing, Receive, Send
from headrace.eventlog.topic import Watcher
from headrace.model.errors import HeadraceError, NotAuthenticated, Unavailable
from headrace.model.principal import Principal
from headrace.transports import requests
from headrace.transports.direct import lane

Scope = dict[str, Any]

STEPPABLE = {
    f"uvicorn.protocols.{name}_impl"
    for name in ("http.h11", "http.httptools", "http.zttp", "websockets.wsproto", "websockets.websockets_sansio")
}
"""Where servers live whose `send` only ever waits for the socket to be writable, and owns a `transport`.

Any other server is sent to in a task; so is any `send` that middleware has wrapped, hence these wires belong in front.
"""

PRINCIPAL = "headrace.principal"
"""Where a scope holds who makes the request, once that is known."""

Headers = list[tuple[bytes, bytes]]


def header(scope: Scope, name: bytes) -> str:
    """A request header by its lower-case name; empty when it was not sent."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def query(scope: Scope, name: str) -> str:
    """A parameter of the query string; empty when it was not sent."""
    found: list[str] = parse_qs(scope["query_string"].decode("latin-1")).get(name, [""])
    return found[0]


def credential(scope: Scope) -> str | None:
    """With what a request was authenticated; None when nobody has to."""
    who: Principal | None = scope.get(PRINCIPAL)
    return None if who is None else who.credential


def problem(error: HeadraceError) -> dict[str, Any]:
    """The body of an `application/problem+json` answer (RFC 9457)."""
    members = {
        "type": f"urn:headrace:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    return {**members, "code": error.code, **error.data}


async def refuse(scope: Scope, send: Send, error: HeadraceError) -> None:
    """Answer a request, or a WebSocket's handshake, with a problem."""
    kind = "http.response"
    requests.note_answer(scope, error.status)
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 4000 + error.status, "reason": error.code})
            return
        kind = "websocket.http.response"
    headers = [(b"content-type", b"application/problem+json"), *_hints(error), *requests.own_headers()]
    named = [value.decode() for _, value in requests.own_headers()]
    body = problem(error) | ({"request_id": named[0]} if named else {})
    await answer(send, error.status, headers, json.dumps(body).encode(), kind)


def _hints(error: HeadraceError) -> Iterable[tuple[bytes, bytes]]:
    if isinstance(error, Unavailable):
        yield b"retry-after", b"%d" % error.retry_after_seconds
    if isinstance(error, NotAuthenticated):
        yield b"www-authenticate", b"Bearer"


async def answer(send: Send, status: int, headers: Headers, body: bytes, kind: str = "http.response") -> None:
    """A whole response at once."""
    size = [(b"content-length", b"%d" % len(body))] if status != 204 else []
    await send({"type": f"{kind}.start", "status": status, "headers": [*headers, *size]})
    await send({"type": f"{kind}.body", "body": body})


def watcher_on(send: Send, framing: Framing, send_buffer_bytes: int) -> Watcher:
    """A watcher on a connection whose response has begun."""
    server = getattr(send, "__self__", None)
    if type(server).__module__ not in STEPPABLE:
        task = asyncio.current_task()
        return Watcher(send, framing, is_steppable=False, abort=task.cancel if task else bool)
    transport = server.transport  # type: ignore[union-attr]
    _limit_send_buffer(transport.get_extra_info("socket"), send_buffer_bytes)
    return Watcher(send, framing, is_steppable=True, abort=transport.abort, lane=lane(server))


def _limit_send_buffer(transport_socket: Any, size: int) -> None:
    """Keep the kernel from swallowing megabytes for every slow reader. uvloop's own socket object takes no options."""
    with socket.socket(fileno=os.dup(transport_socket.fileno())) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


async def until_gone(receive: Receive) -> None:
    """Wait for the end of a connection, and ignore what comes in until then."""
    while not (await receive())["type"].endswith(".disconnect"):
        pass
