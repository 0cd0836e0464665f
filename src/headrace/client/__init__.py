"""The HTTP API from Python: every verb, and a `follow` that survives disconnects and server restarts.

`Client` blocks, `AsyncClient` awaits; both are thin shells around the same requests, the same reading of answers and
the same rules of resuming. What a server refuses is raised as the class of `headrace.model.errors` that it was there.
"""

from headrace.client.asynchronous import AsyncClient
from headrace.client.blocking import Client
from headrace.client.errors import ServerUnreachable
from headrace.client.files import LazyFile

__all__ = ["AsyncClient", "Client", "LazyFile", "ServerUnreachable"]
