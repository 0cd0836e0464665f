"""Who is known is known for moments only."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from headrace.model.errors import NotAuthenticated
from headrace.server import credentials as room
from headrace.server.access import Access, Kind, make_secret
from headrace.server.credentials import Credentials
from headrace.settings import Settings
from headrace.store.database import Database


class OpenStreams:
    """What is open, and what was ended."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.ended: set[str] = set()

    def credentials(self) -> set[str]:
        return set(self.open)

    def expel(self, credentials: set[str]) -> int:
        self.open -= credentials
        self.ended |= credentials
        return len(credentials)


@pytest.fixture
def access(database: Database, tmp_path: Path) -> Access:
    return Access(Settings(data_dir=tmp_path), database)


def play(database: Database, scenario: Callable[[Credentials, OpenStreams], Awaitable[None]]) -> None:
    async def run() -> None:
        streams = OpenStreams()
        known = Credentials(database, streams)
        async with asyncio.timeout(20):
            await scenario(known, streams)
        await known.close()

    asyncio.run(run())


def test_a_revocation_reaches_requests_and_streams_within_5_seconds() -> None:
    assert room.KNOWN_SECONDS + room.SWEEP_SECONDS < 5 - 1


def test_a_secret_is_looked_up_once_by_many_who_come_at_once(
    database: Database, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, _ = access.create_token("anna")
    looked: list[bytes] = []
    find = room.tokens.find
    monkeypatch.setattr(
        room.tokens, "find", lambda connection, key, now: looked.append(key) or find(connection, key, now)
    )

    async def scenario(known: Credentials, _: OpenStreams) -> None:
        found = await asyncio.gather(*(known.find(secret, Kind.TOKEN) for _ in range(100)))
        assert {one.user_id for one in found} == {"anna"}
        assert (await known.find(secret, Kind.TOKEN)).user_id == "anna"

    play(database, scenario)
    assert len(looked) == 1


def test_who_was_known_is_asked_for_again_after_a_moment(
    database: Database, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "KNOWN_SECONDS", 0.0)
    secret, told = access.create_token("anna")

    async def scenario(known: Credentials, _: OpenStreams) -> None:
        await known.find(secret, Kind.TOKEN)
        await asyncio.to_thread(access.revoke_token, told.token_id)
        with pytest.raises(NotAuthenticated):
            await known.find(secret, Kind.TOKEN)

    play(database, scenario)


def test_guesses_take_no_memory(database: Database) -> None:
    async def scenario(known: Credentials, _: OpenStreams) -> None:
        guesses = [known.find(make_secret(Kind.TOKEN), Kind.TOKEN) for _ in range(50)]
        refused = await asyncio.gather(*guesses, return_exceptions=True)
        await asyncio.sleep(0)

        assert {type(one) for one in refused} == {NotAuthenticated}
        assert known._known == {}

    play(database, scenario)


def test_a_guess_does_not_hide_the_token_that_is_made_a_moment_later(database: Database, access: Access) -> None:
    secret, told = access.create_token("anna")

    async def scenario(known: Credentials, _: OpenStreams) -> None:
        assert (await known.find(secret, Kind.TOKEN)).credential == told.token_id
        with pytest.raises(NotAuthenticated):
            await known.find(secret, Kind.SESSION)

    play(database, scenario)


def test_the_streams_of_a_revoked_token_are_ended_and_no_others(database: Database, access: Access) -> None:
    _, stays = access.create_token("anna")
    _, goes = access.create_token("anna")
    access.revoke_token(goes.token_id)

    async def scenario(known: Credentials, streams: OpenStreams) -> None:
        streams.open = {stays.token_id, goes.token_id, *(f"gone {number}" for number in range(1200))}
        await known.sweep()

        assert streams.open == {stays.token_id}
        assert goes.token_id in streams.ended

    play(database, scenario)


def test_the_last_use_is_noted_coarsely(database: Database, access: Access) -> None:
    secret, _ = access.create_token("anna")

    async def scenario(known: Credentials, _: OpenStreams) -> None:
        await known.find(secret, Kind.TOKEN)
        await known.sweep()
        first = (await asyncio.to_thread(access.list_tokens))[0].last_used_at
        await known.find(secret, Kind.TOKEN)
        await known.sweep()

        assert first is not None
        assert (await asyncio.to_thread(access.list_tokens))[0].last_used_at == first

    play(database, scenario)
