"""Knows, for moments, whom each secret in use speaks for, and ends the streams of those that are taken back.

A secret is looked up at most every `KNOWN_SECONDS`, and the credentials of all open streams are looked up together
every `SWEEP_SECONDS`: so a revocation has reached everything after the sum of both.
"""

import asyncio
import contextlib
import logging
from typing import Protocol

from headrace.eventlog.reader import Reader
from headrace.model.errors import NotAuthenticated
from headrace.model.principal import Principal
from headrace.server.access import EXPLAINED, Kind, digest, is_secret
from headrace.store import tokens
from headrace.store.database import Database

logger = logging.getLogger(__name__)

KNOWN_SECONDS = 1.5
SWEEP_SECONDS = 1.5
NOTED_SECONDS = 60.0
"""How coarse the time of a token's last use is."""

MOST_KNOWN = 10_000

LookUp = asyncio.Task[Principal | None]


class Streams(Protocol):
    """What is open, as far as credentials are concerned; see the hub."""

    def credentials(self) -> set[str]:
        """Those with which streams were opened that still are."""
        ...

    def expel(self, credentials: set[str]) -> int:
        """End the streams that were opened with these; returns how many."""
        ...


class Credentials:
    """Start it on the loop that serves requests, if anybody has to log in; close it before the database."""

    def __init__(self, database: Database, streams: Streams) -> None:
        self._database = database
        self._streams = streams
        self._reader = Reader(database, 1)  # of its own, so that nobody waits to be known behind a thousand replays
        self._known: dict[bytes, tuple[float, LookUp]] = {}
        self._used: set[str] = set()
        self._noted: dict[str, float] = {}
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after open streams."""
        self._sweeping = asyncio.create_task(self._keep_sweeping())

    async def close(self) -> None:
        """Stop looking."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        self._reader.close()

    async def find(self, secret: str, kind: Kind) -> Principal:
        """Whom a secret speaks for.

        Raises:
            NotAuthenticated: it has not the form of that kind, or is not valid (any more).
        """
        found = await self._look_up(digest(secret)) if is_secret(secret, kind) else None
        if found is None:
            raise NotAuthenticated(EXPLAINED)
        if found.credential is not None:
            self._used.add(found.credential)
        return found

    async def is_alive(self, credential: str) -> bool:
        """Whether a credential is valid at this moment."""
        return bool(await self._reader.run(tokens.alive, [credential], self._database.clock()))

    async def _look_up(self, key: bytes) -> Principal | None:
        """What the database says now, or said a moment ago; requests that come at once look once."""
        now = asyncio.get_running_loop().time()
        until, task = self._known.get(key, (0.0, None))
        if task is None or now >= until:
            task = asyncio.create_task(self._read(key))
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = (now + KNOWN_SECONDS, task)
            task.add_done_callback(lambda done: self._forget_failure(key, done))
        return task.result() if task.done() else await asyncio.shield(task)

    async def _read(self, key: bytes) -> Principal | None:
        found = await self._reader.run(tokens.find, key, self._database.clock())
        return None if found is None else found.principal

    def _forget_failure(self, key: bytes, task: LookUp) -> None:
        """Only what is valid is kept in memory, so that guesses cannot fill it."""
        if task.cancelled() or task.exception() is not None or task.result() is None:
            self._known.pop(key, None)

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except Exception:  # it must not die: the next look may succeed
                logger.exception("the credentials in use cannot be looked at; trying again")

    async def sweep(self) -> None:
        """End the streams whose credential is not valid any more, and note which credentials are in use."""
        in_use = self._streams.credentials()
        if in_use:
            gone = in_use - await self._reader.run(tokens.alive, in_use, self._database.clock())
            if gone and (count := self._streams.expel(gone)):
                logger.info("%d streams are closed: their tokens were revoked or have expired", count)
        await self._note_use(in_use)

    async def _note_use(self, in_use: set[str]) -> None:
        now = asyncio.get_running_loop().time()
        used, self._used = self._used | in_use, set()
        self._noted = {one: at for one, at in self._noted.items() if now - at < NOTED_SECONDS}
        due = used - self._noted.keys()
        if due:
            self._noted |= dict.fromkeys(due, now)
            await asyncio.to_thread(self._touch, due)

    def _touch(self, ids: set[str]) -> None:
        with self._database.write() as transaction:
            tokens.touch(transaction, ids)
