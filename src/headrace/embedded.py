"""Headrace inside an application of your own: the verbs to be awaited, an ASGI app to mount, and a worker beside it."""

import asyncio
import json
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TypeVar

from headrace.eventlog.replay import Stream
from headrace.model.cursor import Cursor
from headrace.model.document import Document, Hit, Neighbour, Stretch
from headrace.model.ids import LOCAL_USER, JobId, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import JobStatus, JobType
from headrace.server.app import Application
from headrace.server.identify import Identify
from headrace.server.supervisor import Supervisor
from headrace.service import Answer, Intake, Question, Request
from headrace.settings import Settings

Result = TypeVar("Result")

WAIT_SECONDS = 30.0
PAGE = 500


class Headrace:
    """Open it with `async with`, or let `lifespan` be your application's. Options are those of `Settings`.

    `identify` says who makes a request to the mounted `app`: it gets the ASGI scope and returns a user's id, or raises
    a `headrace.model.errors.HeadraceError`. Without it everybody is the one local user.
    """

    def __init__(self, *, identify: Identify | None = None, worker: bool = True, **options: Any) -> None:
        self.settings = Settings(**options)
        self._application = Application(self.settings, identify)
        self._supervisor = Supervisor(self.settings) if worker else None

    @property
    def app(self) -> Callable[..., Awaitable[None]]:
        """The ASGI application: every route, stream and the page, below wherever it is mounted."""
        return self._application.asgi

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        """For `FastAPI(lifespan=headrace.lifespan)`."""
        async with self:
            yield

    async def __aenter__(self) -> "Headrace":
        await self._application.open()
        if self._supervisor is not None:
            self._supervisor.__enter__()
        self._close_streams_on_signal()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._application.close_streams()
        if self._supervisor is not None:
            await asyncio.to_thread(self._supervisor.__exit__, kind, error, traceback)
        self._application.close()

    async def submit(
        self,
        documents: Iterable[str | Path],
        *,
        collection_name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        user_id: str = LOCAL_USER,
    ) -> Job:
        """Ingest texts (`str`) and files (`Path`) as one job; when this returns, none of them can be lost."""
        request = Request(job_type=JobType.FILE, workspace=collection_name, metadata=metadata or {})

        def accept() -> Job:
            with self._application.context.jobs.intake() as intake:
                for document in documents:
                    _take(intake, document)
                return self._application.context.jobs.submit(UserId(user_id), request, intake)

        return await asyncio.to_thread(accept)

    async def get(self, job_id: str, *, user_id: str = LOCAL_USER) -> Job:
        """A job as it is now.

        Raises:
            JobNotFound: there is none, or it is someone else's.
        """
        return await asyncio.to_thread(self._application.context.jobs.get, UserId(user_id), job_id)

    async def list(
        self, *, status: JobStatus | None = None, limit: int = 50, before: str | None = None, user_id: str = LOCAL_USER
    ) -> Sequence[Job]:
        """A page of jobs, newest first, from the one after `before` on."""
        listed = self._application.context.jobs.list_jobs
        return await asyncio.to_thread(listed, UserId(user_id), status=status, limit=limit, before=before)

    async def cancel(self, job_id: str, *, user_id: str = LOCAL_USER) -> Job:
        """End a job now; nothing of it stays searchable."""
        return await asyncio.to_thread(self._application.context.jobs.cancel, UserId(user_id), job_id)

    async def retry(self, job_id: str, *, user_id: str = LOCAL_USER) -> Job:
        """Try again what failed."""
        return await asyncio.to_thread(self._application.context.jobs.retry, UserId(user_id), job_id)

    async def query(self, text: str, *, user_id: str = LOCAL_USER, **options: Any) -> Sequence[Hit]:
        """The passages that answer best; `options` are those of `headrace.service.Question`."""
        question = Question(text=text, **options)
        return await asyncio.to_thread(self._application.context.library.query, UserId(user_id), question)

    async def search(self, text: str, *, user_id: str = LOCAL_USER, **options: Any) -> Answer:
        """A page of passages and the cursor of the next one; `options` are those of `headrace.service.Question`."""
        question = Question(text=text, **options)
        return await asyncio.to_thread(self._application.context.library.search, UserId(user_id), question)

    async def neighbours(
        self, chunk_id: str, *, before: int = 1, after: int = 1, user_id: str = LOCAL_USER
    ) -> Sequence[Neighbour]:
        """A passage with those around it in its document."""
        found = self._application.context.library.neighbours
        return await asyncio.to_thread(found, UserId(user_id), chunk_id, before=before, after=after)

    async def read_text(
        self, document_id: str, *, start: int = 0, length: int = 10_000, user_id: str = LOCAL_USER
    ) -> Stretch:
        """Some characters of a document's text as it was extracted, and the passages in them."""
        read = self._application.context.library.stretch
        return await asyncio.to_thread(read, UserId(user_id), document_id, start=start, length=length)

    async def get_document(self, document_id: str, *, user_id: str = LOCAL_USER) -> Document:
        """A document as it is now."""
        return await asyncio.to_thread(self._application.context.library.get_document, UserId(user_id), document_id)

    async def follow(
        self, job_id: str, after: str | None = None, *, user_id: str = LOCAL_USER
    ) -> AsyncIterator[dict[str, Any]]:
        """A job's frames from its first event, or from the one after the event id `after`, until it ends."""
        owner, hub, epoch = UserId(user_id), self._application.hub, self._application.database.epoch
        topic, opening = await hub.open(Stream(owner, JobId(job_id)), after or str(Cursor(epoch, 0)))
        try:
            cursor, place = Cursor.parse(after) if after else None, opening.place
            while True:
                events = await asyncio.to_thread(
                    self._application.context.jobs.list_events, owner, job_id, cursor, limit=PAGE
                )
                for event in events:
                    yield json.loads(event.frame(epoch))
                    cursor, place = Cursor(epoch, event.number), event.sequence or place
                    if event.ends_job:
                        return
                await topic.passes(place, WAIT_SECONDS)
        finally:
            hub.release(topic)

    def _close_streams_on_signal(self) -> None:
        """A server waits for its connections to end, and streams never do by themselves."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            previous = signal.getsignal(number)
            if callable(previous):
                signal.signal(number, _then(loop, self._application.close_streams, previous))


def _then(
    loop: asyncio.AbstractEventLoop,
    close: Callable[[], Awaitable[None]],
    previous: Callable[[int, FrameType | None], Any],
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(lambda: asyncio.ensure_future(close()))
        previous(number, frame)

    return handle


def _take(intake: Intake, document: str | Path) -> None:
    if isinstance(document, str):
        intake.add_text(document)
        return
    incoming = intake.open_file(document.name)
    with document.open("rb") as file:
        while data := file.read(1 << 20):
            incoming.write(data)
    intake.add_file(incoming)
