"""The worker process: runs jobs until it is told to stop. May be killed at any moment without losing anything."""

import fcntl
import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from headrace.engine import dispatch, durable
from headrace.engine.control import Control
from headrace.engine.housekeeping import Housekeeping
from headrace.engine.ingest import Ingest
from headrace.engine.parsing import open_parsers
from headrace.engine.reading import Reader
from headrace.engine.receipts import Receipts
from headrace.engine.roster import Roster
from headrace.engine.strays import Strays
from headrace.engine.takeover import Takeover
from headrace.engine.telling import Telling
from headrace.engine.unpacking import Unpacking
from headrace.pipeline.embed import DEFAULT, Embedders, Options
from headrace.pipeline.enrich.llm import Chat
from headrace.settings import Settings
from headrace.store import migrations, postgres
from headrace.store.blobs import open_blobs
from headrace.store.database import Database

logger = logging.getLogger(__name__)

LOCK_SECONDS = 0.2
DRAIN_LOOK_SECONDS = 0.1
HAND_BACK_SECONDS = 3.0
EMBEDDED_EXECUTOR = "local"
"""SQLite has one worker at a time, so each one is the heir of the last."""


def run(settings: Settings, *, watch_input: bool = False) -> int:
    """Work until SIGTERM or SIGINT; with `watch_input` also until standard input ends, that is, the parent is gone.

    A worker that stands alone finishes first what it can within `worker_drain_seconds`. Returns the exit code.
    """
    os.nice(settings.worker_niceness)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if watch_input:
        threading.Thread(target=_wait_for_parent, args=(stopping,), daemon=True).start()
    with _alone(settings, stopping) as executor, ExitStack() as stack:
        database = Database.of(settings)
        if _is_there(database, settings, stopping):
            started = _start(database, settings, executor, stopping, stack)
            logger.info("worker %s takes jobs", executor)
            stopping.wait()
            _drain(started, 0.0 if watch_input else settings.worker_drain_seconds)
            _hand_back(started.control)
        logger.info("worker %s stops; what it has in hand is taken up again", executor)
        # Threads may be in the middle of documents. Whatever they have not committed is repeated by the next worker,
        # just as after a crash. Nothing else is closed before: who finds that its job does not go on returns, and the
        # engine would take that for the end of its work.
        sys.stdout.flush()
        os._exit(0)
    return 0


@dataclass(frozen=True, slots=True)
class _Started:
    control: Control
    roster: Roster


def _drain(started: _Started, seconds: float) -> None:
    """Take nothing more, and let the slices in hand come to their end, if they do so in time."""
    started.roster.drain()
    until = time.monotonic() + seconds
    while started.control.in_hand() and time.monotonic() < until:
        time.sleep(DRAIN_LOOK_SECONDS)
    started.roster.close()


def _hand_back(control: Control) -> None:
    """Not for long: a database that is away must not keep the process from its end."""
    thread = threading.Thread(target=control.hand_back, daemon=True)
    thread.start()
    thread.join(HAND_BACK_SECONDS)


def _is_there(database: Database, settings: Settings, stopping: threading.Event) -> bool:
    """Wait for the database. False if this worker is to stop."""
    if not settings.is_sqlite:
        postgres.wait_for_answer(database.engine, settings.database_wait_seconds, stopping.wait)
    return not stopping.is_set()


def _start(
    database: Database, settings: Settings, executor: str, stopping: threading.Event, stack: ExitStack
) -> _Started:
    migrations.upgrade(database)
    dispatch.prepare(database)
    blobs = open_blobs(settings)
    parsers = stack.enter_context(open_parsers(settings))
    embedders = Embedders(Options(**settings.embedders, threads=settings.embedder_threads))
    control = Control(database)
    stack.callback(control.close)
    ingest = Ingest(
        database=database,
        reader=Reader(database, blobs, parsers, chunker=settings.chunker, chat=_chat(settings)),
        unpacking=Unpacking(database, blobs, parsers, control, settings),
        embedders=embedders,
        receipts=Receipts(database, executor),
        control=control,
        settings=settings,
    )
    housekeeping = Housekeeping(database, blobs, settings, lambda: embedders.get(DEFAULT).dimensions)
    stack.callback(housekeeping.close)
    takeover = None if settings.is_sqlite else Takeover(database, executor)
    roster = Roster(database, settings, executor, control.in_hand)
    durable.launch(database, ingest, settings, executor, stopping.is_set)
    housekeeping.start()
    roster.start()
    strays = Strays(database, executor)
    strays.start()
    stack.callback(strays.close)
    telling = Telling(database, executor)
    telling.start()
    stack.callback(telling.close)
    if takeover is not None:
        takeover.start()
        stack.callback(takeover.close)
    return _Started(control, roster)


@contextmanager
def _alone(settings: Settings, stopping: threading.Event) -> Iterator[str]:
    """The executor's name. On SQLite, wait until no other worker has this database, or this one is to stop."""
    if not settings.is_sqlite:
        yield f"worker-{uuid.uuid4().hex[:12]}"
        return
    file = Path(f"{sa.make_url(settings.url).database}.worker")
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("a") as lock:
        if not _try_lock(lock):
            logger.warning("another worker has %s; waiting for it to end", file.stem)
            while not stopping.wait(LOCK_SECONDS) and not _try_lock(lock):
                pass
        yield EMBEDDED_EXECUTOR


def _chat(settings: Settings) -> Chat | None:
    if not settings.enricher_url or not settings.enricher_model:
        return None
    return Chat(
        url=settings.enricher_url,
        model=settings.enricher_model,
        api_key=settings.enricher_api_key,
        seconds=settings.enricher_seconds,
    )


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_parent(stopping: threading.Event) -> None:
    while sys.stdin.buffer.read(1):
        pass
    stopping.set()
