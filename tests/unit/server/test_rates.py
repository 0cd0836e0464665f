"""What is counted: requests by user, wrong secrets by address, bodies by bytes, time and number."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from headrace.model.errors import (
    Busy,
    HeadraceError,
    NotAuthenticated,
    TooLarge,
    TooManyRequests,
    TooManyUploads,
    TooSlow,
)
from headrace.model.ids import UserId
from headrace.model.principal import Principal
from headrace.server.guesses import Guesses
from headrace.server.rates import MOST_NAMES, Rate
from headrace.server.receiving import SMALL_BYTES, Receiving
from headrace.settings import Settings
from headrace.transports.asgi import PRINCIPAL

ANNA = Principal(user_id=UserId("anna"))
LARGE = b"x" * (SMALL_BYTES + 1)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_burst_is_let_through_and_then_so_many_a_second() -> None:
    clock = Clock()
    rate = Rate(2.0, 5, clock)
    for _ in range(5):
        rate.take("anna", "too many")
    with pytest.raises(TooManyRequests) as refused:
        rate.take("anna", "too many")
    rate.take("eve", "too many")
    clock.seconds += 0.5
    rate.take("anna", "too many")
    with pytest.raises(TooManyRequests):
        rate.take("anna", "too many")

    assert refused.value.retry_after_seconds == 1


def test_no_rate_is_no_limit() -> None:
    rate = Rate(0, 0, Clock())
    for _ in range(1000):
        rate.take("anna", "too many")


def test_what_a_rate_remembers_is_bounded() -> None:
    rate = Rate(1.0, 1, Clock())
    for number in range(MOST_NAMES + 10):
        rate.take(number, "too many")
    with pytest.raises(TooManyRequests):
        rate.check(MOST_NAMES + 9, "too many")
    rate.check(0, "too many")


async def right() -> Principal:
    return ANNA


async def wrong() -> Principal:
    raise NotAuthenticated("wrong")


def test_an_address_that_tries_secrets_has_to_wait_and_its_neighbour_is_still_let_in() -> None:
    async def run() -> None:
        guesses, scope = Guesses(3), {"client": ("192.0.2.1", 1)}
        assert await guesses.judge(scope, "good", right()) is ANNA
        for _ in range(3):
            guesses.check(scope, "bad")
            with pytest.raises(NotAuthenticated):
                await guesses.judge(scope, "bad", wrong())
        with pytest.raises(TooManyRequests):
            guesses.check(scope, "bad")
        guesses.check(scope, "good")
        guesses.check({"client": ("192.0.2.2", 1)}, "bad")

    asyncio.run(run())


def scope(user: str = "anna", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": named, PRINCIPAL: Principal(user_id=UserId(user))}


async def read_all(_scope: Any, receive: Any, _send: Any) -> None:
    while (await receive()).get("more_body"):
        pass


def sends(*bodies: bytes, pause: float = 0.0) -> Any:
    left = list(bodies)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


async def refusal(asked: Awaitable[None]) -> HeadraceError | None:
    try:
        await asked
    except HeadraceError as error:
        return error
    return None


def test_a_body_that_stops_coming_is_given_up() -> None:
    settings = Settings(body_idle_seconds=0.01)
    asked = Receiving(read_all, settings)(scope(), sends(b"x", b"y", pause=5), None)  # type: ignore[arg-type]

    assert isinstance(asyncio.run(refusal(asked)), TooSlow)


def test_a_body_that_trickles_is_given_up() -> None:
    settings = Settings(body_idle_seconds=0.02, min_upload_bytes_per_second=1_000_000)
    asked = Receiving(read_all, settings)(scope(), sends(*[b"x"] * 500, pause=0.005), None)  # type: ignore[arg-type]

    assert isinstance(asyncio.run(refusal(asked)), TooSlow)


def test_a_body_is_counted_whatever_its_content_length_says() -> None:
    settings = Settings(max_json_bytes=1_000)
    asked = Receiving(read_all, settings)(scope(content_length="5"), sends(b"x" * 600, b"x" * 600), None)  # type: ignore[arg-type]

    assert isinstance(asyncio.run(refusal(asked)), TooLarge)


def test_only_so_many_uploads_come_in_at_once_in_all_and_of_one_user() -> None:
    async def run() -> list[HeadraceError | None]:
        receiving = Receiving(read_all, Settings(auth="required", max_uploads=3, max_uploads_per_user=2))
        going_on = asyncio.Event()

        async def hold() -> dict[str, Any]:
            await going_on.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def upload(user: str) -> None:
            first = [{"type": "http.request", "body": LARGE, "more_body": True}]

            async def receive() -> dict[str, Any]:
                return first.pop() if first else await hold()

            await receiving(scope(user, content_length="10000000"), receive, None)  # type: ignore[arg-type]

        running = [asyncio.create_task(refusal(upload(user))) for user in ("anna", "anna", "anna", "eve", "bob")]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert receiving.upload_count == 3
        going_on.set()
        told = await asyncio.gather(*running)
        assert receiving.upload_count == 0
        assert await refusal(upload("bob")) is None
        return list(told)

    told = asyncio.run(run())
    assert [isinstance(one, TooManyUploads) for one in told] == [False, False, True, False, True]


def test_what_all_requests_keep_in_memory_is_bounded_and_given_back() -> None:
    receiving = Receiving(read_all, Settings(max_held_bytes=1_000))
    asked = receiving(scope(), sends(b"x" * 700, b"x" * 700), None)  # type: ignore[arg-type]

    assert isinstance(asyncio.run(refusal(asked)), Busy)
    assert asyncio.run(refusal(receiving(scope(), sends(b"x" * 900), None))) is None  # type: ignore[arg-type]
