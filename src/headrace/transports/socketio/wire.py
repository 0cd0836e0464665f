"""The Socket.IO server at /socket.io: every connection is a watcher of its user's stream, like those of other wires.

A client says in `auth` who it is (`token`: a token or a ticket; else the headers count) and where it stands (`after`:
the last event id that it saw). It gets every later event, once, in order, or else a snapshot first. Whoever may not
connect is refused with `connect_error`: python-socketio's `always_connect` would connect it before looking. In return,
nothing may be sent before the packet that confirms the connection, so a watcher joins when that is on its way.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import socketio
from socketio.exceptions import ConnectionRefusedError as Refusal

from headrace.eventlog.framing import Message, Receive, Send
from headrace.eventlog.hub import Hub
from headrace.eventlog.replay import Opening, Stream
from headrace.eventlog.topic import Topic, Watcher
from headrace.model.errors import BadRequest, Busy, HeadraceError, MalformedCursor, NotAuthenticated
from headrace.model.principal import Principal
from headrace.transports import requests
from headrace.transports.asgi import Scope, query, refuse, until_gone, watcher_on
from headrace.transports.socketio.below import Below, Marks
from headrace.transports.socketio.framing import framing
from headrace.transports.socketio.outbox import Outbox, answer_poll, end

logger = logging.getLogger(__name__)
protocol_logger = logging.getLogger(f"{__name__}.protocol")
protocol_logger.setLevel(logging.CRITICAL)  # it logs what clients send, a traceback for each packet that is none

Connect = Callable[[Scope, str | None], Awaitable[Principal]]
"""Who opens a connection, with the token or ticket that came in it; raises a HeadraceError for nobody we know."""

CheckSource = Callable[[Scope], None]
"""Raises a HeadraceError for a request that a page of another site has sent."""

NAMESPACE = "/"
WIRE = "headrace.wire"
"""Where a WebSocket's scope holds it."""

SWITCHING_PROTOCOLS = 101

MOST_BYTES = 65_536
"""Of a packet from a client, which has nothing to say but `auth`."""

MOST_UNCONNECTED = 1_000
UNCONNECTED_SECONDS = 20.0
"""How many may be on their way to say who they are; where there are more, those who take longer are sent off."""


class Client(NamedTuple):
    """One connection, and what it watches."""

    topic: Topic
    watcher: Watcher
    outbox: Outbox


class SocketIO:
    """An ASGI application for its path alone. Close it after the hub."""

    def __init__(self, hub: Hub, connect: Connect, check_source: CheckSource) -> None:
        self._hub, self._authenticate, self._check_source = hub, connect, check_source
        self._clients: dict[str, Client] = {}
        self._upgrades: dict[str, Below] = {}
        self._marks: Marks = {}
        self._unconnected: dict[str, float] = {}
        self._sweeping: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._server: Any = socketio.AsyncServer(
            async_mode="asgi",
            cors_allowed_origins=self._is_welcome,
            max_http_buffer_size=MOST_BYTES,
            http_compression=False,
            async_handlers=False,
            logger=protocol_logger,
            engineio_logger=protocol_logger,
        )
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._leave_namespaces = self._server.eio.handlers["disconnect"]
        self._server.eio.on("disconnect", self._close)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            self._check(scope)
        except HeadraceError as error:
            await self._refuse(scope, receive, send, error)
        else:
            serve = self._serve_socket if scope["type"] == "websocket" else self._serve_poll
            await serve(scope, receive, send)

    async def close(self) -> None:
        """End every connection that is left, and let no more come."""
        if self._is_closed:
            return
        self._is_closed = True
        for socket in tuple(self._server.eio.sockets.values()):
            if not socket.closed:
                await end(socket)
        await self._server.shutdown()

    def _check(self, scope: Scope) -> None:
        if self._is_closed:
            raise Busy("the server is stopping; come back in a moment")
        self._check_source(scope)
        if query(scope, "j"):  # a script element of any page may load it
            raise BadRequest("JSONP is not served; poll with plain requests, or use a WebSocket")
        if not query(scope, "sid") and self._is_crowded():
            raise Busy("too many connections wait to be opened; come back in a moment")

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: HeadraceError) -> None:
        if scope["type"] != "websocket":
            await refuse(scope, send, error)
            return
        await receive()
        await refuse(scope, send, error)
        await until_gone(receive)
        await asyncio.sleep(0)  # uvicorn logs an error for who returns before the connection is closed

    async def _serve_poll(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *requests.own_headers()]
                if not query(scope, "sid"):  # the polls that follow are of the same connection
                    requests.note_answer(scope, message["status"])
            await send(message)

        await self._server.handle_request(scope, receive, send_named)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        requests.note_answer(scope, SWITCHING_PROTOCOLS)
        socket = watcher_on(send, framing, self._hub.limits.send_buffer_bytes)
        below = scope[WIRE] = Below(send, socket.abort, socket.lane, self._marks)
        eio_sid = query(scope, "sid")
        if eio_sid:
            self._upgrades.setdefault(eio_sid, below)
        try:
            await self._server.handle_request(scope, receive, below.send)
        except Exception as error:  # noqa: BLE001 - a client that breaks the protocol breaks only its connection
            logger.debug("a Socket.IO client is cut off: %r", error)
            below.abort()
        finally:
            if self._upgrades.get(eio_sid) is below:
                del self._upgrades[eio_sid]

    def _is_welcome(self, _origin: str, environ: Mapping[str, Any]) -> bool:
        try:
            self._check_source(environ["asgi.scope"])
        except HeadraceError:
            return False
        return True

    def _is_crowded(self) -> bool:
        """Whether too many have opened a connection without saying who they are."""
        sockets = self._server.eio.sockets
        if len(sockets) - len(self._clients) < MOST_UNCONNECTED:
            return False
        known, now = self._server.manager, asyncio.get_running_loop().time()
        nobodys = [one for one in sockets if known.sid_from_eio_sid(one, NAMESPACE) is None]
        self._unconnected = {one: self._unconnected.get(one, now) for one in nobodys}
        for eio_sid, since in self._unconnected.items():
            if now - since > UNCONNECTED_SECONDS and not sockets[eio_sid].closing:
                task = asyncio.create_task(end(sockets[eio_sid]))
                self._sweeping.add(task)
                task.add_done_callback(self._sweeping.discard)
        return len(nobodys) >= MOST_UNCONNECTED

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: object = None) -> None:
        try:
            await self._admit(sid, environ["asgi.scope"], auth)
        except HeadraceError as error:
            raise Refusal(error.detail, {"code": error.code, "status": error.status}) from error
        except Exception as error:
            logger.exception("a Socket.IO client could not be let in")
            raise Refusal("the server failed; its log says why", {"code": "internal", "status": 500}) from error

    async def _admit(self, sid: str, scope: Scope, auth: object) -> None:
        token, after = read_auth(auth)
        who = await self._authenticate(scope, token)
        topic, opening = await self._hub.open(Stream(who.user_id), after)
        eio_sid = self._server.manager.eio_sid_from_sid(sid, NAMESPACE)
        socket = self._server.eio.sockets.get(eio_sid)
        if socket is None or socket.closing or socket.closed:
            self._hub.release(topic)
            raise Busy("the client has gone")
        outbox = Outbox(socket, lambda: self._cut(eio_sid, scope), self._marks)
        watcher = outbox.watcher = Watcher(outbox.send, framing, is_steppable=True, abort=outbox.abort)
        watcher.credential = who.credential
        client = self._clients[sid] = Client(topic, watcher, outbox)
        await self._server.enter_room(sid, f"user_{who.user_id}")
        asyncio.get_running_loop().call_soon(self._begin, sid, client, opening)

    def _cut(self, eio_sid: str, scope: Scope) -> None:
        """Cut the WebSocket that a client has come to be connected by, if it is one."""
        below = self._upgrades.get(eio_sid) or scope.get(WIRE)
        if below is not None:
            below.abort()

    def _begin(self, sid: str, client: Client, opening: Opening) -> None:
        """Follow the log, from when the client has been told that it is connected."""
        if sid not in self._clients:
            return
        if not self._server.manager.is_connected(sid, NAMESPACE):
            logger.error("a Socket.IO client was let in, but never told so")
            client.outbox.abort()
            self._forget(sid)
            return
        for _, message in framing.encode(client.topic.epoch, opening.first):
            client.outbox.put(message["packet"])
        self._hub.join(client.topic, client.watcher, opening.place)

    async def _disconnect(self, sid: str, _reason: str) -> None:
        self._forget(sid)

    async def _close(self, eio_sid: str, reason: str) -> None:
        """What is below all namespaces is closed; python-engineio itself would let a poll go on waiting."""
        await self._leave_namespaces(eio_sid, reason)
        if (socket := self._server.eio.sockets.get(eio_sid)) is not None:
            answer_poll(socket)

    def _forget(self, sid: str) -> None:
        client = self._clients.pop(sid, None)
        if client is not None:
            self._hub.release(client.topic, client.watcher)
            client.outbox.leave()


def read_auth(auth: object) -> tuple[str | None, str | None]:
    """The token and the cursor in what a client sends as `auth`, each None when it is not there.

    Raises:
        BadRequest, NotAuthenticated, MalformedCursor: what is there is nothing of the kind.
    """
    if auth is None:
        return None, None
    if not isinstance(auth, Mapping):
        raise BadRequest("auth has to be an object: {token, after}, both optional")
    token, after = auth.get("token"), auth.get("after")
    if token is not None and not isinstance(token, str):
        raise NotAuthenticated("the token has to be a string")
    if after is not None and not isinstance(after, str):
        raise MalformedCursor(repr(after))
    return token, after
