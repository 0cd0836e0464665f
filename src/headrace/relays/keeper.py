"""Runs the relays that the settings ask for, in the server's event loop."""

import asyncio

from headrace.eventlog.wakeup import hear
from headrace.relays.alone import alone
from headrace.relays.outlet import Outlet
from headrace.relays.relay import Relay
from headrace.relays.webhooks.sender import Webhooks
from headrace.settings import Settings
from headrace.store.database import Database


class Relays:
    """Started and closed with the server. Of several servers on one database, one carries each relay."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        outlets = _outlets(settings)
        self._relays: list[Relay | Webhooks] = [Relay(name, database, outlet) for name, outlet in outlets.items()]
        self._relays.append(Webhooks(database, settings))
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send."""
        self._tasks = [asyncio.create_task(hear(self._database, self._ring), name="relays hear")]
        for relay in self._relays:
            self._tasks.append(asyncio.create_task(alone(self._database, relay.name, relay.run), name=relay.name))

    async def close(self) -> None:
        """Stop. What is sent and not yet noted is sent again by the next server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def _ring(self, user_id: str) -> None:
        for relay in self._relays:
            relay.hint(user_id)


def _outlets(settings: Settings) -> dict[str, Outlet]:
    """Another exchange is another relay, with a cursor of its own. A broker's library is loaded where it is used."""
    outlets: dict[str, Outlet] = {}
    if settings.rabbitmq_url:
        from headrace.relays.rabbitmq import TopicExchange

        exchange = settings.rabbitmq_exchange
        outlets[f"rabbitmq:{exchange}"] = TopicExchange(settings.rabbitmq_url, exchange)
    if settings.redis_url:
        from headrace.relays.redis import Channels

        outlets["redis"] = Channels(settings.redis_url)
    return outlets
