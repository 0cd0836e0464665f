"""Takes documents in from the message broker: a `document.uploaded` message is an ingestion.

A message is acknowledged once its job is durable. One that can never become a job goes to the queue of the dead; one
that cannot now (queue full, disk low) waits in the broker. Several servers share the queue.
"""

import asyncio
import base64
import logging
from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field, ValidationError

from headrace.model.errors import HeadraceError, Unavailable
from headrace.model.ids import LOCAL_USER, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import JobType
from headrace.server.bodies import DocumentBody, Name
from headrace.service import Jobs
from headrace.service import Request as Wanted
from headrace.settings import Settings

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
    from pamqp.common import FieldTable

logger = logging.getLogger(__name__)

ROUTING_KEY = "document.uploaded"
DEAD = ".dead"
MOST_AT_ONCE = 8
CONNECT_SECONDS = 10.0
RECONNECT_SECONDS = 2.0
KEY_PREFIX = "amqp:"
LONGEST_MESSAGE_ID = 250


class DocumentMessage(DocumentBody):
    """The body of a message: a document of `POST /upload`, and whose it is."""

    model_config = ConfigDict(strict=True, extra="ignore")

    user_id: Annotated[str, Field(min_length=1, max_length=255)] = LOCAL_USER
    collection_name: Name | None = None


class Arrivals:
    """Consumes as long as the server runs; a broker that is away is asked again every other second."""

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        self._jobs = jobs
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    def start(self) -> None:
        """Begin, if there is a broker."""
        if self._settings.rabbitmq_url:
            self._task = asyncio.create_task(self._run(self._settings.rabbitmq_url), name="broker arrivals")

    async def close(self) -> None:
        """Stop. What is not acknowledged comes again, here or elsewhere."""
        self._is_closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, url: str) -> None:
        import aio_pika  # a server without a broker has no time for it

        while not self._is_closing:  # a group of tasks of which one fails at that moment forgets that it was cancelled
            try:
                connection = await aio_pika.connect(url, timeout=CONNECT_SECONDS)
                async with connection:
                    await self._consume(await self._declare(await connection.channel()))
            except Exception as error:  # noqa: BLE001 - a boundary: whatever is wrong with the broker, the server goes on
                logger.warning("documents from the broker are interrupted: %r", error)
            if not self._is_closing:
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _declare(self, channel: "AbstractChannel") -> "AbstractQueue":
        from aio_pika import ExchangeType

        await channel.set_qos(prefetch_count=MOST_AT_ONCE)
        name = f"{self._settings.rabbitmq_exchange}.{ROUTING_KEY}"
        exchange = await channel.declare_exchange(self._settings.rabbitmq_exchange, ExchangeType.TOPIC, durable=True)
        await channel.declare_queue(name + DEAD, durable=True)
        to_the_dead: FieldTable = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": name + DEAD}
        queue = await channel.declare_queue(name, durable=True, arguments=to_the_dead)
        await queue.bind(exchange, ROUTING_KEY)
        return queue

    async def _consume(self, queue: "AbstractQueue") -> None:
        async with queue.iterator() as messages, asyncio.TaskGroup() as group:
            async for message in messages:
                group.create_task(self._take(message))

    async def _take(self, message: "AbstractIncomingMessage") -> None:
        try:
            job = await asyncio.to_thread(self._submit, message.body, message.message_id)
        except Unavailable as error:
            logger.warning("a document from the broker has to wait: %s", error.detail)
            await asyncio.sleep(error.retry_after_seconds)
            await message.nack(requeue=True)
        except (HeadraceError, ValidationError) as error:
            logger.warning("message %r from the broker is no document: %s", message.message_id, _told(error))
            await message.reject(requeue=False)
        else:
            logger.info("message %r from the broker is job %s", message.message_id, job.job_id)
            await message.ack()

    def _submit(self, body: bytes, message_id: str | None) -> Job:
        wanted = DocumentMessage.model_validate_json(body)
        self._jobs.check_room(UserId(wanted.user_id))
        with self._jobs.intake() as intake:
            if (text := wanted.content or wanted.text) is not None:
                intake.add_text(text, filename=wanted.filename, metadata=wanted.metadata)
            else:
                incoming = intake.open_file(wanted.filename or "document")
                incoming.write(base64.b64decode(wanted.content_base64 or ""))
                intake.add_file(incoming, wanted.metadata)
            request = Wanted(
                job_type=JobType.FILE if wanted.content_base64 else JobType.TEXT,
                workspace=wanted.collection_name,
                idempotency_key=f"{KEY_PREFIX}{message_id[:LONGEST_MESSAGE_ID]}" if message_id else None,
            )
            return self._jobs.submit(UserId(wanted.user_id), request, intake)


def _told(error: HeadraceError | ValidationError) -> str:
    """What is wrong, without what the message says: that is its sender's."""
    if isinstance(error, HeadraceError):
        return error.detail
    found = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))} {one['msg']}".strip() for one in found[:5])
