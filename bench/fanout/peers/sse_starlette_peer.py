"""sse-starlette as its users write it: a queue for each client. The event's text is made once, not once per client."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

queues: set[asyncio.Queue[dict[str, str]]] = set()
numbers = count(1)


async def events(_request: Request) -> EventSourceResponse:
    queue: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def stream() -> AsyncIterator[dict[str, str]]:
        queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)

    return EventSourceResponse(stream())


async def publish(request: Request) -> Response:
    event = {"id": f"epoch-{next(numbers)}", "data": (await request.body()).decode()}
    for queue in queues:
        queue.put_nowait(event)
    return Response()


app = Starlette(routes=[Route("/events", events), Route("/pub", publish, methods=["POST"])])
