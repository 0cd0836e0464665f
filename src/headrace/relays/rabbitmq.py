"""Sends messages to a topic exchange of RabbitMQ, and knows which of them the broker has taken."""

import asyncio
import contextlib
from collections.abc import Sequence

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
from aiormq.exceptions import ChannelInvalidStateError as ClosedChannel

from headrace.relays.message import Message
from headrace.relays.outlet import Unreachable

CONNECT_SECONDS = 10.0
CONFIRM_SECONDS = 30.0
FAILURES = (AMQPError, ChannelInvalidStateError, ClosedChannel, OSError, RuntimeError, asyncio.TimeoutError)
"""What a broker that is down, goes down or loses its exchange looks like. A closed channel is a RuntimeError."""


class TopicExchange:
    """A durable topic exchange, declared on connecting. After a failure the next call connects anew."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    async def send(self, messages: Sequence[Message]) -> int:
        """Publish in order, with confirms; returns how many from the first on are confirmed.

        Raises:
            Unreachable: none is.
        """
        try:
            exchange = await self._open()
            tasks = [asyncio.create_task(_publish(exchange, message)) for message in messages]
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        except FAILURES as error:
            await self.close()
            raise Unreachable(f"RabbitMQ cannot be reached: {error!r}") from error
        failure = next((index for index, outcome in enumerate(outcomes) if outcome is not None), None)
        if failure is None:
            return len(messages)
        await self.close()
        return self._confirmed(failure, outcomes[failure])

    async def close(self) -> None:
        """Let go of the connection; what is not confirmed is not sent."""
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(*FAILURES, asyncio.CancelledError):
                await asyncio.wait_for(connection.close(), CONNECT_SECONDS)

    async def _open(self) -> AbstractExchange:
        if self._exchange is None or self._connection is None or self._connection.is_closed:
            await self.close()
            self._connection = await aio_pika.connect(self._url, timeout=CONNECT_SECONDS)
            channel = await self._connection.channel(publisher_confirms=True)
            self._exchange = await channel.declare_exchange(self._name, aio_pika.ExchangeType.TOPIC, durable=True)
        return self._exchange

    def _confirmed(self, count: int, error: object) -> int:
        if not isinstance(error, (*FAILURES, asyncio.CancelledError)):
            raise error if isinstance(error, BaseException) else TypeError(repr(error))
        if count == 0:
            raise Unreachable(f"RabbitMQ does not take messages: {error!r}") from error
        return count


async def _publish(exchange: AbstractExchange, message: Message) -> None:
    sent = aio_pika.Message(
        message.body,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=message.event_id,
        headers=dict(message.headers),
    )
    # Not mandatory: a message that no queue asks for is confirmed too, and is nobody's loss.
    await exchange.publish(sent, message.routing_key, mandatory=False, timeout=CONFIRM_SECONDS)
