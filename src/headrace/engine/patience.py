"""Tells those who watch a job that it waits for a service, and how long."""

import math
from collections.abc import Callable

from headrace.model.errors import Superseded
from headrace.model.ids import JobId
from headrace.store import work
from headrace.store.database import Database

TELL_EVERY_SECONDS = 5.0


def told_waiting(database: Database, job_id: JobId, run: int, stop: Callable[[], bool]) -> Callable[[float], None]:
    """What an embedder calls each second that it waits, with the seconds left; it ends the wait of a stopped job."""
    last_told = 0.0

    def on_wait(seconds: float) -> None:
        nonlocal last_told
        if stop():
            raise Superseded("the job does not go on")
        if seconds and last_told and last_told - seconds < TELL_EVERY_SECONDS:
            return
        last_told = seconds
        sentence = f"the embedding service asks to wait {math.ceil(seconds)} s" if seconds else None
        with database.write() as transaction:
            work.say_waiting(transaction, job_id, run, sentence)

    return on_wait
