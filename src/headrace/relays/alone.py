"""Lets only one process at a time carry a relay: the others wait, and one of them takes over when it ends."""

import asyncio
import fcntl
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, NoReturn
from zlib import crc32

import psycopg
import sqlalchemy as sa

from headrace.store.database import Database

logger = logging.getLogger(__name__)

ASK_SECONDS = 1.0
LOCK_SPACE = 7_155_171
"""The first half of our advisory locks on Postgres; the second is the sum of the relay's name."""

TRY_LOCK = "SELECT pg_try_advisory_lock(%s, %s)"

Work = Callable[[], Awaitable[None]]


async def alone(database: Database, name: str, work: Work) -> NoReturn:
    """Do `work`, again and again, whenever no other process does it; until cancelled."""
    while True:
        try:
            if database.file is not None:
                await _with_file(
                    database.file.with_name(f"{database.file.name}.relay-{crc32(name.encode()):08x}"), work
                )
            else:
                await _with_connection(database.url, name, work)
        except Exception:  # a boundary: a relay that fails must be tried again, and must not end the server
            logger.exception("the relay %s failed; it starts again", name)
        await asyncio.sleep(ASK_SECONDS)


async def _with_file(path: Path, work: Work) -> None:
    with path.open("a") as file:
        while not _try_lock(file):  # noqa: ASYNC110 - another process holds it
            await asyncio.sleep(ASK_SECONDS)
        await work()


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _with_connection(url: sa.URL, name: str, work: Work) -> None:
    """The lock lives as long as its connection; once that is lost, another server may be at work already."""
    where = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        async with await psycopg.AsyncConnection.connect(where, autocommit=True) as connection:
            while not await _ask(connection, TRY_LOCK, LOCK_SPACE, _half(name)):  # noqa: ASYNC110 - as above
                await asyncio.sleep(ASK_SECONDS)
            logger.info("this server carries the relay %s", name)
            await _while_connected(connection, work)
    except psycopg.Error as error:
        logger.warning("the relay %s has lost its lock: %s", name, error)


async def _while_connected(connection: "psycopg.AsyncConnection[tuple[object, ...]]", work: Work) -> None:
    working = asyncio.ensure_future(work())
    guarding = asyncio.create_task(_guard(connection))
    try:
        done, _ = await asyncio.wait({working, guarding}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (working, guarding):
            task.cancel()
        await asyncio.gather(working, guarding, return_exceptions=True)


async def _guard(connection: "psycopg.AsyncConnection[tuple[object, ...]]") -> NoReturn:
    while True:
        await asyncio.sleep(ASK_SECONDS)
        await _ask(connection, "SELECT 1 + %s * %s", 0, 0)


async def _ask(connection: "psycopg.AsyncConnection[tuple[object, ...]]", question: str, *values: int) -> object:
    row = await (await connection.execute(question, values)).fetchone()
    return row and row[0]


def _half(name: str) -> int:
    """Advisory locks are named by two signed 32-bit numbers."""
    return crc32(name.encode()) - 2**31
