"""A server that takes documents from a broker stops when it is told to, whatever happens to the broker then."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from headrace.server.arrivals import Arrivals
from headrace.service import Jobs
from headrace.settings import Settings

SECONDS = 20.0


async def fails_when_cancelled() -> None:
    """As an acknowledgement whose channel was closed a moment before."""
    try:
        await asyncio.Event().wait()
    finally:
        raise ConnectionError("the channel is closed")


def test_it_stops_though_a_message_in_hand_fails_in_that_moment(
    rabbitmq_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        has_one_in_hand = asyncio.Event()

        async def consume(_self: Arrivals, _queue: object) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails_when_cancelled())
                await asyncio.sleep(0)
                has_one_in_hand.set()
                await asyncio.Event().wait()

        monkeypatch.setattr(Arrivals, "_consume", consume)
        settings = Settings(data_dir=tmp_path, rabbitmq_url=rabbitmq_url, rabbitmq_exchange="stops")
        arrivals = Arrivals(cast("Jobs", None), settings)
        async with asyncio.timeout(SECONDS):
            arrivals.start()
            await has_one_in_hand.wait()
            await arrivals.close()

    asyncio.run(scenario())
