"""Puts the streams in front of an application: their paths go to the hub, everything else to the application."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from headrace.eventlog.framing import Receive, Send
from headrace.eventlog.hub import Hub
from headrace.model.errors import HeadraceError, JobNotFound
from headrace.model.ids import JobId
from headrace.model.principal import Principal
from headrace.transports import requests, sse, websocket
from headrace.transports.asgi import PRINCIPAL, Scope, header, refuse, until_gone

Authenticate = Callable[[Scope, str | None], Awaitable[Principal]]
"""Who asks for the stream of a job (None: of the user); raises a HeadraceError (401, 403) for nobody we know."""

Application = Callable[[Scope, Receive, Send], Awaitable[Any]]

JOB_ID = re.compile(r"[0-9A-Za-z-]{1,36}", re.ASCII)

PATHS = {
    "http": re.compile(r"/api/ingest/stream/(?P<stream>[^/]+)|/jobs/(?P<job>[^/]+)/events|(?P<user>/events)"),
    "websocket": re.compile(r"/ws/(?P<stream>[^/]+)|(?P<user>/ws)"),
}


SOCKET_IO = re.compile(r"/socket\.io/?")


class Route(NamedTuple):
    """What a path asks for: a job by the name that the client gave it, or with None all of the user's."""

    job: str | None


class Streams:
    """An ASGI application around another one. `socketio` serves what comes to /socket.io, if anything does."""

    def __init__(
        self, app: Application, hub: Hub, authenticate: Authenticate, socketio: Application | None = None
    ) -> None:
        self.app, self.hub, self.authenticate, self.socketio = app, hub, authenticate, socketio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self.socketio is not None and scope["type"] in PATHS and SOCKET_IO.fullmatch(path_below(scope)):
            requests.begin(scope)
            await self.socketio(scope, receive, send)
            return
        route = find_route(scope)
        if route is None:
            await self.app(scope, receive, send)
            return
        requests.begin(scope)
        if scope["type"] == "websocket":
            await receive()  # the handshake
        try:
            who = scope[PRINCIPAL] = await self.authenticate(scope, route.job)
            job_id = _job_id(route)
            wire = websocket if scope["type"] == "websocket" else sse
            await wire.serve(self.hub, who.user_id, job_id, scope, receive, send)
        except HeadraceError as error:
            await refuse(scope, send, error)
            if scope["type"] == "websocket":
                await until_gone(receive)
                await asyncio.sleep(0)  # uvicorn logs an error for who returns before the connection is closed


def find_route(scope: Scope) -> Route | None:
    """The stream that a request is for; None when it is for the application."""
    pattern = PATHS.get(scope["type"])
    if pattern is None or (scope["type"] == "http" and scope["method"] != "GET"):
        return None
    found = pattern.fullmatch(path_below(scope))
    if found is None:
        return None
    parts = found.groupdict()
    if not parts.get("stream") and "application/json" in header(scope, b"accept") and scope["type"] == "http":
        return None
    return Route(parts.get("job") or parts.get("stream"))


def path_below(scope: Scope) -> str:
    """The path of a request, below where the application is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _job_id(route: Route) -> JobId | None:
    if route.job is not None and JOB_ID.fullmatch(route.job) is None:
        raise JobNotFound(route.job)
    return None if route.job is None else JobId(route.job)
