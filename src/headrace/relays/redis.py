"""Publishes messages on Redis channels of the events' types. Redis keeps nothing: who is not listening misses them."""

import contextlib
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from headrace.relays.message import Message
from headrace.relays.outlet import Unreachable

TIMEOUT_SECONDS = 10.0


class Channels:
    """Redis pub/sub. A message is certain once Redis has answered with the number of those who got it."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)

    async def send(self, messages: Sequence[Message]) -> int:
        """Publish in order, in one round trip.

        Raises:
            Unreachable: Redis does not answer; some may have been published.
        """
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for message in messages:
                    pipeline.publish(message.routing_key, message.body)
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unreachable(f"Redis cannot be reached: {error}") from error
        return len(messages)

    async def close(self) -> None:
        """Disconnect."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()
