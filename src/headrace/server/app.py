"""Puts the application together: API, streams, page, and what every answer carries."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from headrace.engine import dispatch
from headrace.engine.dispatch import DurableDispatcher
from headrace.eventlog.hub import Hub, Limits
from headrace.model.errors import NotAllowed, NotAuthenticated, TooManyRequests
from headrace.pipeline.embed import Embedders, Options
from headrace.relays.keeper import Relays
from headrace.server import (
    asyncapi,
    documents,
    jobs,
    manual,
    operations,
    originals,
    page,
    problems,
    reports,
    sessions,
    submitting,
    tasks,
    webhooks,
    workers,
    workspaces,
)
from headrace.server.access import Access
from headrace.server.arrivals import Arrivals
from headrace.server.context import Context
from headrace.server.credentials import Credentials
from headrace.server.gate import ASGI, Gate
from headrace.server.identify import HostGuard, Identify
from headrace.server.methods import HeadAsGet
from headrace.server.metrics import Metrics
from headrace.server.openapi import with_streams
from headrace.server.page import PageFiles
from headrace.server.principal import Guard
from headrace.server.receiving import Receiving
from headrace.server.rooted import Rooted
from headrace.service import Jobs, Library
from headrace.settings import Settings
from headrace.store import migrations, postgres
from headrace.store.blobs import open_blobs
from headrace.store.database import Database
from headrace.transports.mount import Streams
from headrace.transports.socketio import SocketIO


class Application:
    """The ASGI application and what has to be opened and closed with it."""

    def __init__(self, settings: Settings, identify: Identify | None = None) -> None:
        self.settings = settings
        self.database = Database.of(settings)
        if not settings.is_sqlite:
            postgres.wait_for_answer(self.database.engine, settings.database_wait_seconds)
        migrations.upgrade(self.database)
        dispatch.prepare(self.database)
        self.dispatcher = DurableDispatcher(self.database, is_limited=settings.max_jobs_per_user is not None)
        self.hub = _hub(self.database, settings)
        self.relays = Relays(self.database, settings)
        blobs = open_blobs(settings, min_free_bytes=settings.min_free_disk_bytes)
        embedders = Embedders(Options(**settings.embedders, threads=1))
        self.context = Context(
            settings=settings,
            database=self.database,
            hub=self.hub,
            jobs=Jobs(settings, self.database, blobs, self.dispatcher),
            library=Library(settings, self.database, self.dispatcher, embedders),
        )
        self.arrivals = Arrivals(self.context.jobs, settings)
        self.access = Access(settings, self.database)
        self.credentials = Credentials(self.database, self.hub)
        self.guard = HostGuard(identify) if identify else Guard(settings, self.access, self.credentials)
        self.socketio = SocketIO(self.hub, self.guard.connect, self.guard.check_source)
        self.asgi = self._build()

    async def open(self) -> None:
        """Begin to follow the log, and to look after who does."""
        await self.hub.start()
        self.relays.start()
        self.arrivals.start()
        if self.settings.must_log_in:
            self.credentials.start()

    async def close_streams(self) -> None:
        """End every stream, so that the server can stop."""
        await self.hub.close()
        await self.socketio.close()
        await self.arrivals.close()
        await self.relays.close()

    def close(self) -> None:
        """Let go of the database."""
        self.dispatcher.close()
        self.database.close()

    def _build(self) -> ASGI:
        api = FastAPI(
            title="Headrace",
            version=version("headrace"),
            description="Documents in, live progress, passages out.",
            docs_url=None,  # its page loads scripts from elsewhere; `manual` draws one of our own
            redoc_url=None,
            lifespan=self._lifespan,
            responses=problems.documented(NotAuthenticated, NotAllowed, TooManyRequests),
        )
        api.state.context = self.context
        api.state.access = self.access
        api.state.guesses = self.guard.guesses
        problems.install(api)
        modules = (
            sessions,
            submitting,
            jobs,
            documents,
            originals,
            workspaces,
            tasks,
            reports,
            webhooks,
            operations,
            workers,
            asyncapi,
            manual,
            page,
        )
        for module in modules:
            api.include_router(module.router)
        api.state.routes = [route for module in modules for route in module.router.routes]
        api.openapi = with_streams(api)  # type: ignore[method-assign]
        api.mount("/", PageFiles(), name="page")
        gate = Gate(HeadAsGet(api), self.guard, requests_per_second=self.settings.max_requests_per_second)
        self.receiving = Receiving(gate, self.settings)
        uploads = lambda: self.receiving.upload_count  # noqa: E731
        api.state.metrics = Metrics(self.database, self.hub, self._free_bytes, uploads)
        streams = Streams(self.receiving, self.hub, self.guard.watcher, self.socketio)
        return Rooted(streams, self.settings.root_path) if self.settings.root_path else streams

    def _free_bytes(self) -> int | None:
        folder = self.settings.data_dir
        return shutil.disk_usage(folder).free if folder.exists() else None

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        await self.open()
        yield
        await self.close_streams()
        await self.credentials.close()
        self.close()


def _hub(database: Database, settings: Settings) -> Hub:
    limits = Limits(
        heartbeat_seconds=settings.heartbeat_seconds,
        retry_seconds=settings.stream_retry_seconds,
        stuck_seconds=settings.stuck_watcher_seconds,
        idle_seconds=settings.idle_stream_seconds,
        send_buffer_bytes=settings.send_buffer_bytes,
        max_streams=settings.max_streams,
        max_streams_per_user=settings.max_streams_per_user if settings.must_log_in else settings.max_streams,
    )
    return Hub(database, limits)
