"""Hears that something was committed: SQLite's bell, Postgres' `NOTIFY`, or a clock where there is neither.

Hints only: one may come too often, late or not at all. Whoever follows the log reads it again now and then anyway.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql

from headrace.store.bell import LONGEST_HINT_BYTES, listen
from headrace.store.database import NOTIFY_CHANNEL, Database

logger = logging.getLogger(__name__)

EVERYONE = ""
TICK_SECONDS = 0.05
RECONNECT_SECONDS = 1.0
MOST_HINTS = 1000

Ring = Callable[[str], None]
"""Takes the id of the user whose log has grown, or `EVERYONE`."""


async def hear(database: Database, ring: Ring) -> None:
    """Call `ring` for every hint, until cancelled."""
    if not database.is_sqlite:
        await _hear_notifications(database.url, ring)
    elif database.bell is not None and (listening := listen(database.bell.folder)) is not None:
        await _hear_bell(*listening, ring)
    else:
        await _hear_clock(ring)


async def _hear_bell(listener: socket.socket, path: Path, ring: Ring) -> None:
    loop = asyncio.get_running_loop()
    with listener:
        loop.add_reader(listener, _take_hints, listener, ring)
        ring(EVERYONE)  # what was committed before we listened
        try:
            await loop.create_future()
        finally:
            loop.remove_reader(listener)
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - a name in a folder of our own


def _take_hints(listener: socket.socket, ring: Ring) -> None:
    hints: dict[str, None] = {}
    with contextlib.suppress(BlockingIOError):
        for _ in range(MOST_HINTS):  # the rest when the loop comes by again
            hints[listener.recv(LONGEST_HINT_BYTES).decode(errors="replace")] = None
    for hint in hints:
        ring(hint)


async def _hear_notifications(url: sa.URL, ring: Ring) -> None:
    where = url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(where, autocommit=True) as connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(NOTIFY_CHANNEL)))
                ring(EVERYONE)
                async for notice in connection.notifies():
                    ring(notice.payload)
        except psycopg.Error as error:
            logger.warning("wake-ups from Postgres are interrupted: %s", error)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _hear_clock(ring: Ring) -> None:
    while True:
        ring(EVERYONE)
        await asyncio.sleep(TICK_SECONDS)
