"""The newest events are read without a thread, and with one where that would mean to wait."""

import asyncio
import sqlite3

from headrace.eventlog.reader import Reader
from headrace.eventlog.tail import SQLiteTail, tail


def test_the_tail_reads_what_was_just_committed(alice) -> None:
    job = alice.begin()
    reader = Reader(alice.database, 1)
    newest = tail(alice.database, reader)

    async def read() -> list[int]:
        first = await newest.newer(alice.user_id, 0)
        alice.tick(job, 2)
        return [event.number for event in [*first, *await newest.newer(alice.user_id, first[-1].number)]]

    assert isinstance(newest, SQLiteTail)
    numbers = asyncio.run(read())
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 3
    newest.close()
    reader.close()


def test_where_the_file_is_locked_a_thread_waits_for_it(alice) -> None:
    alice.begin()
    reader = Reader(alice.database, 1)
    newest = SQLiteTail(alice.database.file, reader)

    class Locked:
        def execute(self, *_: object) -> None:
            raise sqlite3.OperationalError("database is locked")

    newest._open = Locked  # type: ignore[assignment,method-assign]
    assert [event.number for event in asyncio.run(newest.newer(alice.user_id, 0))] != []
    reader.close()
