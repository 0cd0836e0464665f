"""`headrace serve`: one server, and, unless there are workers elsewhere, one that is started again when it dies."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from types import FrameType

import uvicorn

from headrace.server.app import Application
from headrace.server.connections import bounded
from headrace.server.principal import check_bind
from headrace.server.supervisor import Supervisor
from headrace.settings import Settings

logger = logging.getLogger(__name__)

USAGE = 2
PING_SECONDS = 20.0
TICK_SECONDS = 1.0
"""How often the `Date` of the answers is renewed."""


def serve(settings: Settings, *, with_worker: bool = True) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    if (reason := check_bind(settings)) is not None:
        logger.error("%s", reason)
        return USAGE
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    application = Application(settings)
    with Supervisor(settings) if with_worker else nullcontext():
        Server(application, _config(application, settings)).run()
    return 0


def _leave(_number: int, _frame: object) -> None:
    """Uvicorn handles the signal first, and raises it again when it has stopped: that is a good end."""
    raise SystemExit(0)


def _config(application: Application, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        application.asgi,
        host=settings.host,
        port=settings.port,
        http=bounded(settings),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=max(1.0, settings.idle_stream_seconds - PING_SECONDS),
        ws_max_size=65_536,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=int(settings.stop_seconds),
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=4096,
    )


class Server(uvicorn.Server):
    """Ends the streams before it waits for connections to end: they would never do so by themselves."""

    def __init__(self, application: Application, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._application = application
        self._leaving = asyncio.Event()
        self._wake: Callable[[], object] = self._leaving.set

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn; says where the page is once connections are taken."""
        await super().startup(sockets=sockets)
        gc.freeze()  # while it goes through what stays for good, no watcher hears anything: up to a quarter of a second
        for server in self.servers:
            for bound in server.sockets:
                host, port = bound.getsockname()[:2]
                name = f"[{host}]" if ":" in host else host
                logger.info("Headrace is at http://%s:%d%s", name, port, self._application.settings.root_path)

    async def main_loop(self) -> None:
        """See uvicorn, which looks ten times a second whether it is to stop; here the signal says so."""
        self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, self._leaving.set)
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._leaving.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn."""
        super().handle_exit(sig, frame)
        self._wake()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        # The task runs once uvicorn has closed its listeners: a browser that were let in now, only to be refused, would
        # never come back.
        closing = asyncio.create_task(self._application.close_streams())
        await super().shutdown(sockets=sockets)
        await closing
