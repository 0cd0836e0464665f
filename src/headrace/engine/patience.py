"""Tells those who watch a job what it waits for: a service, and how long; or another job that is at the same text."""

import math
import time
from collections.abc import Callable

from headrace.model.errors import Superseded
from headrace.model.ids import JobId
from headrace.store import work
from headrace.store.database import Database

TELL_EVERY_SECONDS = 5.0
TELL_TWIN_AFTER_SECONDS = 1.0
SAME_PASSAGES = "another job is having the same passages embedded; this one takes them over"


def told_waiting(database: Database, job_id: JobId, run: int, stop: Callable[[], bool]) -> Callable[[float], None]:
    """What an embedder calls each second that it waits, with the seconds left; it ends the wait of a stopped job."""
    last_told = 0.0

    def on_wait(seconds: float) -> None:
        nonlocal last_told
        if stop():
            raise Superseded("the job does not go on")
        is_told_lately = seconds and last_told and last_told - seconds < TELL_EVERY_SECONDS
        if is_told_lately or not (seconds or last_told):
            return
        last_told = seconds
        sentence = f"the embedding service asks to wait {math.ceil(seconds)} s" if seconds else None
        with database.write() as transaction:
            work.say_waiting(transaction, job_id, run, sentence)

    return on_wait


def told_twin(database: Database, job_id: JobId, run: int) -> Callable[[bool], None]:
    """What is called with True again and again while another job pays for what this one waits for, then with False."""
    since: float | None = None
    is_told = False

    def on_twin(is_there: bool) -> None:
        nonlocal since, is_told
        since = (since or time.monotonic()) if is_there else None
        is_due = since is not None and time.monotonic() - since >= TELL_TWIN_AFTER_SECONDS
        if is_told == is_due:
            return
        is_told = is_due
        with database.write() as transaction:
            work.say_waiting(transaction, job_id, run, SAME_PASSAGES if is_due else None)

    return on_twin
