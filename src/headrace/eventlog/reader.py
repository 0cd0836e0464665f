"""Runs reads of the database in threads of its own, so that the event loop never waits for a disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from headrace.store.database import Database

P = ParamSpec("P")
T = TypeVar("T")


class Reader:
    """A few threads, each read in a transaction that sees one moment. Calls are served in the order of their making."""

    def __init__(self, database: Database, threads: int) -> None:
        self._database = database
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="headrace-log")

    async def run(self, read: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `read(connection, ...)`."""

        def work() -> T:
            with self._database.read() as connection:
                return read(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Start nothing more; what runs ends on its own."""
        self._executor.shutdown(wait=False, cancel_futures=True)
