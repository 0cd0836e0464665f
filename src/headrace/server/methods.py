"""Every route that answers GET answers HEAD, and a method that a route does not have is told those that it has."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.routing import BaseRoute, Match, Route

ASGI = Callable[[Any, Any, Any], Awaitable[None]]


class HeadAsGet:
    """An ASGI application that answers HEAD as the one within answers GET, without the body."""

    def __init__(self, app: ASGI) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Any) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


def methods_at(scope: Any, routes: Iterable[BaseRoute]) -> set[str]:
    """What may be done at the path of a request; nothing where there is no route."""
    found: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found | ({"HEAD"} if "GET" in found else set())
