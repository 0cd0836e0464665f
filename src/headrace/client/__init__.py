"""The HTTP API from Python: every verb, and a `follow` that survives disconnects and server restarts.

`Client` blocks, `AsyncClient` awaits; both are thin shells around the same requests, the same reading of answers and
the same rules of resuming. What a server refuses is raised as the class of `headrace.model.errors` that it was there.
"""

from typing import TYPE_CHECKING, Any

from headrace.client.blocking import Client
from headrace.client.errors import ServerUnreachable
from headrace.client.files import LazyFile

if TYPE_CHECKING:
    from headrace.client.asynchronous import AsyncClient

__all__ = ["AsyncClient", "Client", "LazyFile", "ServerUnreachable"]


def __getattr__(name: str) -> Any:
    """Import asyncio only for those who want it: the command line does not."""
    if name == "AsyncClient":
        from headrace.client.asynchronous import AsyncClient

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
