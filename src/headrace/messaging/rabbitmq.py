"""Publishes to RabbitMQ from ordinary, blocking code."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeVar

from headrace.relays.message import from_mapping
from headrace.relays.outlet import Unreachable
from headrace.relays.rabbitmq import TopicExchange

T = TypeVar("T")

DEFAULT_EXCHANGE = "headrace"


class RabbitMQPublisher:
    """Publishes to a durable topic exchange, which is declared on connecting.

    It connects when first used, and again after the broker was away. Any number of threads may share one; after a
    fork, make a new one. Its event loop runs in a thread of its own, from the first message until `close`.
    """

    def __init__(self, rabbitmq_url: str, exchange: str = DEFAULT_EXCHANGE) -> None:
        self._exchange = TopicExchange(rabbitmq_url, exchange)
        self._starting = threading.Lock()
        self._turn: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "RabbitMQPublisher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, routing_key: str, message: Mapping[str, Any]) -> None:
        """Return when the broker has confirmed the message, sent as persistent JSON.

        An `event_id` in it becomes the message id. A connection that broke since the last message is made anew once.

        Raises:
            ConnectionError: the broker does not take it.
        """
        try:
            self._run(self._send(routing_key, message))
        except Unreachable as error:
            raise ConnectionError(str(error)) from error

    def close(self) -> None:
        """Disconnect. A later `publish` connects again."""
        with self._starting:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._exchange.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    async def _send(self, routing_key: str, message: Mapping[str, Any]) -> None:
        one = from_mapping(routing_key, message)
        self._turn = self._turn or asyncio.Lock()
        async with self._turn:
            try:
                await self._exchange.send([one])
            except Unreachable:
                await self._exchange.send([one])

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._starting:
            if self._loop is None:
                self._loop, self._turn = asyncio.new_event_loop(), None
                self._thread = threading.Thread(target=self._loop.run_forever, name="headrace-publisher", daemon=True)
                self._thread.start()
            loop = self._loop
        return asyncio.run_coroutine_threadsafe(work, loop).result()
