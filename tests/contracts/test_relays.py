"""The log as other systems get it: a real RabbitMQ and a real Redis, read by consumers that are not ours."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aio_pika
import pytest
import sqlalchemy as sa
from aio_pika.abc import AbstractIncomingMessage
from redis.asyncio import Redis

from headrace.messaging import RabbitMQPublisher
from headrace.model.ids import new_id
from headrace.relays.alone import alone
from headrace.relays.keeper import Relays
from headrace.relays.rabbitmq import TopicExchange
from headrace.relays.relay import Relay
from headrace.settings import Settings
from headrace.store.database import Database
from headrace.store.migrations import upgrade
from headrace.store.schema import account, event, relay_position
from tests.relaying import ALICE, BOB, Shelf, shelf

SECONDS = 60.0
QUIET_SECONDS = 0.5
"""After this long without a message there is none: a promise of absence cannot be waited for otherwise."""


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    is_postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_database") if is_postgres else f"sqlite:///{tmp_path / 'headrace.db'}"
    made = Database(url)
    upgrade(made)
    yield made
    made.close()


@pytest.fixture
def exchange() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
def alice(database: Database) -> Shelf:
    return shelf(database, ALICE)


class Consumer:
    """Everything that a queue of its own gets, in order."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()

    async def take(self, count: int) -> list[AbstractIncomingMessage]:
        async with asyncio.timeout(SECONDS):
            return [await self.got.get() for _ in range(count)]


@asynccontextmanager
async def consuming(url: str, exchange: str, key: str = "#") -> AsyncIterator[Consumer]:
    consumer = Consumer()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        topic = await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(topic, key)
        await queue.consume(consumer.got.put, no_ack=True)
        yield consumer


async def delete_exchange(url: str, exchange: str) -> None:
    async with await aio_pika.connect(url) as connection:
        await (await connection.channel()).exchange_delete(exchange)


@asynccontextmanager
async def relaying(database: Database, **settings: object) -> AsyncIterator[Relays]:
    relays = Relays(database, Settings(**settings))
    relays.start()
    try:
        yield relays
    finally:
        await relays.close()


async def until_started(database: Database, name: str) -> None:
    """A relay is at the present once it has noted where that is."""

    def is_there() -> bool:
        with database.read() as connection:
            return (
                connection.execute(sa.text("SELECT 1 FROM relay WHERE name = :name"), {"name": name}).first()
                is not None
            )

    await until(is_there)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another task writes to the database."""
    async with asyncio.timeout(SECONDS):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 - there is no other signal of it
            await asyncio.sleep(0.01)


def positions(database: Database, name: str) -> dict[str, int]:
    with database.read() as connection:
        found = sa.select(relay_position.c.user_id, relay_position.c.number).filter_by(name=name)
        return {row.user_id: row.number for row in connection.execute(found)}


def test_every_event_reaches_the_exchange_in_the_order_of_the_log(
    database: Database, alice: Shelf, rabbitmq_url: str, exchange: str
) -> None:
    async def run() -> list[AbstractIncomingMessage]:
        async with (
            consuming(rabbitmq_url, exchange) as consumer,
            relaying(database, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange),
        ):
            await until_started(database, f"rabbitmq:{exchange}")
            numbers.extend(await asyncio.to_thread(alice.tell, 300, job_id=new_id()))
            taken = await consumer.take(300)
            await until(lambda: positions(database, f"rabbitmq:{exchange}") == {ALICE: numbers[-1]})
            return taken

    numbers: list[int] = []
    messages = asyncio.run(run())

    epoch = database.epoch
    assert [message.message_id for message in messages] == [f"{epoch}-{number}" for number in numbers]
    assert [json.loads(message.body)["seq"] for message in messages] == list(range(1, 301))


def test_a_message_says_what_it_is_before_it_is_read(
    database: Database, alice: Shelf, rabbitmq_url: str, exchange: str
) -> None:
    async def run() -> list[AbstractIncomingMessage]:
        async with (
            consuming(rabbitmq_url, exchange) as consumer,
            relaying(database, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange),
        ):
            await until_started(database, f"rabbitmq:{exchange}")
            await asyncio.to_thread(alice.tell, job_id=job_id)
            await asyncio.to_thread(alice.tell)
            return await consumer.take(2)

    job_id = new_id()
    of_job, of_document = asyncio.run(run())

    assert of_job.routing_key == "job.stage"
    assert of_job.headers == {"event_id": of_job.message_id, "job_id": job_id, "user_id": ALICE}
    assert of_job.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert of_job.content_type == "application/json"
    assert json.loads(of_job.body)["event_id"] == of_job.message_id
    assert of_document.routing_key == "document.status.updated"
    assert of_document.headers == {"event_id": of_document.message_id, "user_id": ALICE}
    view = json.loads(of_document.body)
    timestamp = view.pop("timestamp")
    assert timestamp.endswith("+00:00")
    assert view == {
        "document_id": alice.document_id, "user_id": ALICE, "workspace_id": alice.workspace_id, "job_id": None,
        "status": "pending", "error": None, "chunk_count": None, "metadata": {"colour": "blue"},
        "event_id": of_document.message_id,
    }  # fmt: skip


def test_a_consumer_gets_only_what_its_routing_key_asks_for(
    database: Database, alice: Shelf, rabbitmq_url: str, exchange: str
) -> None:
    async def run() -> list[str | None]:
        async with (
            consuming(rabbitmq_url, exchange, "document.status.*") as consumer,
            relaying(database, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange),
        ):
            await until_started(database, f"rabbitmq:{exchange}")
            await asyncio.to_thread(alice.tell, 2, job_id=new_id())
            await asyncio.to_thread(alice.tell, 2)
            return [message.routing_key for message in await consumer.take(2)]

    assert asyncio.run(run()) == ["document.status.updated"] * 2


def test_a_relay_that_is_new_starts_with_the_present_and_later_users_with_their_first_event(
    database: Database, alice: Shelf, rabbitmq_url: str, exchange: str
) -> None:
    async def run() -> list[str]:
        async with (
            consuming(rabbitmq_url, exchange) as consumer,
            relaying(database, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange),
        ):
            await until_started(database, f"rabbitmq:{exchange}")
            bob = await asyncio.to_thread(shelf, database, BOB)
            await asyncio.to_thread(bob.tell, 3)
            return [str(message.headers["user_id"]) for message in await consumer.take(3)]

    alice.tell(5)
    assert asyncio.run(run()) == [BOB] * 3
    assert positions(database, f"rabbitmq:{exchange}")[ALICE] == 5


def test_a_relay_goes_on_where_it_was_when_the_server_stopped(
    database: Database, alice: Shelf, rabbitmq_url: str, exchange: str
) -> None:
    async def run() -> list[str | None]:
        async with consuming(rabbitmq_url, exchange) as consumer:
            async with relaying(database, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange):
                await until_started(database, f"rabbitmq:{exchange}")
                await asyncio.to_thread(alice.tell, 2)
                taken = await consumer.take(2)
            await asyncio.to_thread(alice.tell, 3)
            async with relaying(database, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange):
                while len({message.message_id for message in taken}) < 5:
                    taken += await consumer.take(1)
            return list(dict.fromkeys(message.message_id for message in taken))

    assert asyncio.run(run()) == [f"{database.epoch}-{number}" for number in range(1, 6)]


def test_what_was_cleaned_away_unsent_is_left_out_and_said(
    database: Database, alice: Shelf, rabbitmq_url: str, exchange: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> list[str | None]:
        async with relaying(database, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange):
            await until_started(database, f"rabbitmq:{exchange}")
        await asyncio.to_thread(alice.tell, 10)
        with database.write() as transaction:
            transaction.execute(sa.delete(event).where(event.c.number.in_([1, 2, 5, 10])))
            transaction.execute(sa.update(account).values(pruned_number=10))
        async with (
            consuming(rabbitmq_url, exchange) as consumer,
            relaying(database, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange),
        ):
            taken = await consumer.take(6)
            await until(lambda: positions(database, f"rabbitmq:{exchange}") == {ALICE: 10})
            return [message.message_id for message in taken]

    assert asyncio.run(run()) == [f"{database.epoch}-{number}" for number in (3, 4, 6, 7, 8, 9)]
    assert "leaves out 4 events of user alice" in caplog.text


def test_an_exchange_that_is_deleted_is_declared_again_and_nothing_after_it_is_missing(
    database: Database, alice: Shelf, rabbitmq_url: str, exchange: str
) -> None:
    async def run() -> list[str | None]:
        async with relaying(database, rabbitmq_url=rabbitmq_url, rabbitmq_exchange=exchange):
            await until_started(database, f"rabbitmq:{exchange}")
            async with consuming(rabbitmq_url, exchange) as consumer:
                await asyncio.to_thread(alice.tell)
                await consumer.take(1)
                await delete_exchange(rabbitmq_url, exchange)
            async with consuming(rabbitmq_url, exchange) as consumer:
                await asyncio.to_thread(alice.tell, 3)
                return [message.message_id for message in await consumer.take(3)]

    assert asyncio.run(run()) == [f"{database.epoch}-{number}" for number in (2, 3, 4)]


def test_redis_gets_the_same_on_channels_of_the_same_names(database: Database, alice: Shelf, redis_url: str) -> None:
    async def run() -> list[tuple[str, dict[str, object]]]:
        got: list[tuple[str, dict[str, object]]] = []
        async with Redis.from_url(redis_url) as redis, redis.pubsub() as channels, asyncio.timeout(SECONDS):
            await channels.subscribe("job.stage", "document.status.updated")
            async with relaying(database, redis_url=redis_url):
                await until_started(database, "redis")
                await asyncio.to_thread(alice.tell, 2, job_id=new_id())
                await asyncio.to_thread(alice.tell)
                while len(got) < 3:
                    message = await channels.get_message(ignore_subscribe_messages=True, timeout=1)
                    if message:
                        got.append((message["channel"].decode(), json.loads(message["data"])))
        return got

    got = asyncio.run(run())

    assert [channel for channel, _ in got] == ["job.stage", "job.stage", "document.status.updated"]
    assert [body.get("seq") for _, body in got] == [1, 2, None]
    assert got[2][1]["status"] == "pending"


def test_one_of_two_servers_carries_a_relay_and_the_other_takes_over(database: Database) -> None:
    async def run() -> list[str]:
        told: asyncio.Queue[str] = asyncio.Queue()

        async def carry(who: str) -> None:
            await told.put(who)
            await asyncio.get_running_loop().create_future()

        first = asyncio.create_task(alone(database, "one", lambda: carry("first")))
        seen = [await told.get()]
        second = asyncio.create_task(alone(database, "one", lambda: carry("second")))
        other = asyncio.create_task(alone(database, "other", lambda: carry("other")))
        seen.append(await told.get())
        await asyncio.sleep(QUIET_SECONDS)
        assert told.empty()
        first.cancel()
        seen.append(await told.get())
        for task in (second, other):
            task.cancel()
        await asyncio.gather(first, second, other, return_exceptions=True)
        return seen

    assert asyncio.run(asyncio.wait_for(run(), SECONDS)) == ["first", "other", "second"]


def test_a_relay_that_fails_in_an_unforeseen_way_is_started_again(
    database: Database, alice: Shelf, rabbitmq_url: str, exchange: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Stumbling(TopicExchange):
        has_stumbled = False

        async def send(self, messages):
            if not self.has_stumbled:
                self.has_stumbled = True
                raise KeyError("unforeseen")
            return await super().send(messages)

    async def run() -> int:
        relay = Relay("stumbling", database, Stumbling(rabbitmq_url, exchange))
        async with consuming(rabbitmq_url, exchange) as consumer:
            task = asyncio.create_task(alone(database, relay.name, relay.run))
            await until_started(database, relay.name)
            await asyncio.to_thread(alice.tell, 2)
            taken = await consumer.take(2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return len(taken)

    assert asyncio.run(run()) == 2
    assert "unforeseen" in caplog.text


def test_a_publisher_of_another_program_reaches_the_exchange_from_any_thread(rabbitmq_url: str, exchange: str) -> None:
    async def run() -> list[AbstractIncomingMessage]:
        async with consuming(rabbitmq_url, exchange) as consumer:
            with RabbitMQPublisher(rabbitmq_url, exchange) as publisher:
                sending = [
                    asyncio.to_thread(publisher.publish, "document.status.updated", {"event_id": f"e-{number}"})
                    for number in range(8)
                ]
                await asyncio.gather(*sending)
                publisher.close()
                await asyncio.to_thread(publisher.publish, "document.status.updated", {"event_id": "e-8"})
            return await consumer.take(9)

    messages = asyncio.run(run())

    assert {message.message_id for message in messages} == {f"e-{number}" for number in range(9)}
    assert messages[0].headers == {"event_id": messages[0].message_id}


def test_a_publisher_without_a_broker_says_so() -> None:
    with (
        RabbitMQPublisher("amqp://guest:guest@127.0.0.1:1/", "nowhere") as publisher,
        pytest.raises(ConnectionError, match="cannot be reached"),
    ):
        publisher.publish("document.status.updated", {})
