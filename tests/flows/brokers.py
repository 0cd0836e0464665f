"""A RabbitMQ that a test starts, stops and starts again on the same data, and a consumer that is not ours."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from tests import services

SECONDS = 120.0


class Broker:
    """Down until it is started. Its port and its data stay the same."""

    def __init__(self, folder: Path) -> None:
        self._program = str(services.DEBIAN_RABBITMQ)
        if not services.DEBIAN_RABBITMQ.exists():
            self._program = services.needs("rabbitmq-server")
        self._epmd = services.needs("epmd", "erlang-base")
        self.port, self._epmd_port, distribution_port = services.free_ports(3)
        folder.mkdir()
        self._output = folder / "out"
        self._environment = services._rabbitmq_environment(folder, self.port, self._epmd_port, distribution_port)
        self._stack = ExitStack()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        def is_ready() -> bool:
            return services.answers(self.port, services.AMQP_HELLO, services.AMQP_START)

        self._stack.enter_context(services._process([self._program], is_ready, self._output, self._environment))

    def stop(self) -> None:
        self._stack.close()

    def close(self) -> None:
        self.stop()
        end = [self._epmd, "-port", str(self._epmd_port), "-kill"]
        subprocess.run(end, env=self._environment, capture_output=True, check=False)


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    made = Broker(folder)
    try:
        yield made
    finally:
        made.close()


class Consumer:
    """Takes everything of an exchange through a durable queue, and acknowledges it only once it has it."""

    def __init__(self, url: str, exchange: str, queue: str = "audit") -> None:
        self.url, self.exchange, self.queue = url, exchange, queue
        self.got: list[AbstractIncomingMessage] = []
        self.moved = asyncio.Event()

    async def declare(self) -> None:
        async with await aio_pika.connect(self.url) as connection:
            await self._declare(await connection.channel())

    async def empty_broker(self) -> None:
        """What an operator does to a broker that is in a bad way: nothing of ours is left in it."""
        async with await aio_pika.connect(self.url) as connection:
            channel = await connection.channel()
            await channel.queue_delete(self.queue)
            await channel.exchange_delete(self.exchange)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Consumer"]:
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until_it_has(self, event_ids: list[str]) -> None:
        async with asyncio.timeout(SECONDS):
            while not set(event_ids) <= {message.message_id for message in self.got}:
                self.moved.clear()
                await self.moved.wait()

    def order(self, job_id: str) -> list[str]:
        """The event ids of a job as they came, each counted when it came first."""
        mine = [str(message.message_id) for message in self.got if message.headers.get("job_id") == job_id]
        return list(dict.fromkeys(mine))

    async def _run(self) -> None:
        while True:
            try:
                async with await aio_pika.connect(self.url) as connection:
                    queue = await self._declare(await connection.channel())
                    async with queue.iterator() as messages:
                        async for message in messages:
                            await message.ack()
                            self.got.append(message)
                            self.moved.set()
            except (aio_pika.exceptions.AMQPError, OSError, RuntimeError):
                pass
            await asyncio.sleep(0.1)

    async def _declare(self, channel: aio_pika.abc.AbstractChannel) -> aio_pika.abc.AbstractQueue:
        topic = await channel.declare_exchange(self.exchange, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(self.queue, durable=True)
        await queue.bind(topic, "job.*")
        await queue.bind(topic, "*.status.updated")
        return queue
