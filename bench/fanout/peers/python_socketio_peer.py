"""python-socketio as its users write it: everyone in a room, and an emit to the room."""

import json
from typing import Any

import socketio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

server: Any = socketio.AsyncServer(async_mode="asgi")


@server.event
async def connect(sid: str, _environ: dict[str, Any]) -> None:
    await server.enter_room(sid, "user_local")


async def publish(request: Request) -> Response:
    await server.emit("job_event", json.loads(await request.body()), room="user_local")
    return Response()


app = socketio.ASGIApp(server, Starlette(routes=[Route("/pub", publish, methods=["POST"])]))
