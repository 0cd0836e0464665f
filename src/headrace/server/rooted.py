"""Puts an application below a root path, for proxies that share a host name with other services.

Some proxies pass the root path on, others strip it: both are understood. So a root path must not be that of a route.
"""

from headrace.server.gate import ASGI, Receive, Send
from headrace.transports.asgi import Scope


class Rooted:
    """An ASGI application around another one. `root` begins with a slash and does not end with one."""

    def __init__(self, app: ASGI, root: str) -> None:
        self._app, self._root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif scope["path"] == self._root and scope["type"] == "http":
            await _redirect(f"{self._root}/", send)  # what the page asks for is named from its folder
        else:
            await self._app(self._placed(scope), receive, send)

    def _placed(self, scope: Scope) -> Scope:
        if scope["path"].startswith(f"{self._root}/"):
            return {**scope, "root_path": self._root}
        raw = scope.get("raw_path") or scope["path"].encode()
        return {
            **scope,
            "root_path": self._root,
            "path": self._root + scope["path"],
            "raw_path": self._root.encode() + raw,
        }


async def _redirect(path: str, send: Send) -> None:
    headers = [(b"location", path.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
