"""The worker process: runs jobs until it is told to stop. May be killed at any moment without losing anything."""

import fcntl
import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from headrace.engine import dispatch, durable
from headrace.engine.control import Control
from headrace.engine.housekeeping import Housekeeping
from headrace.engine.ingest import Ingest
from headrace.engine.reading import Reader
from headrace.engine.takeover import Takeover
from headrace.pipeline.embed import load_embedder
from headrace.pipeline.sandbox import Limits, Parsers
from headrace.settings import Settings
from headrace.store import migrations
from headrace.store.blobs import Blobs
from headrace.store.database import Database

logger = logging.getLogger(__name__)

LOCK_SECONDS = 0.2
EMBEDDED_EXECUTOR = "local"
"""SQLite has one worker at a time, so each one is the heir of the last."""


def run(settings: Settings, *, watch_input: bool = False) -> int:
    """Work until SIGTERM or SIGINT; with `watch_input` also until standard input ends, that is, the parent is gone.

    Returns the exit code.
    """
    os.nice(settings.worker_niceness)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if watch_input:
        threading.Thread(target=_wait_for_parent, args=(stopping,), daemon=True).start()
    with _alone(settings, stopping) as executor, ExitStack() as stack:
        if not stopping.is_set():
            _start(settings, executor, stack)
            logger.info("worker %s takes jobs", executor)
        stopping.wait()
        logger.info("worker %s stops; what it has in hand is taken up again", executor)
        # Threads are in the middle of documents. Whatever they have not committed is repeated by the next worker, just
        # as after a crash, so nothing is gained by waiting for them. Nor is anything closed before: who finds that its
        # job does not go on returns, and the engine would take that for the end of its work.
        sys.stdout.flush()
        os._exit(0)
    return 0


def _start(settings: Settings, executor: str, stack: ExitStack) -> None:
    database = Database(settings.url)
    migrations.upgrade(database)
    dispatch.prepare(database)
    blobs = Blobs(settings.data_dir / "blobs")
    limits = Limits(
        seconds=settings.parse_seconds,
        memory_bytes=settings.parse_memory_bytes,
        max_pages=settings.max_pages,
        max_unpacked_bytes=settings.max_unpacked_bytes,
    )
    parsers = stack.enter_context(Parsers(limits))
    embedder = load_embedder(
        settings.embedder,
        url=settings.embedder_url,
        api_key=settings.embedder_api_key,
        model=settings.embedder_model,
        threads=settings.embedder_threads,
    )
    control = Control(database)
    stack.callback(control.close)
    ingest = Ingest(
        database=database,
        reader=Reader(database, blobs, parsers),
        embedder=embedder,
        control=control,
        settings=settings,
    )
    housekeeping = Housekeeping(database, blobs, settings, embedder.dimensions)
    stack.callback(housekeeping.close)
    takeover = None if settings.is_sqlite else Takeover(database, executor)
    durable.launch(database, ingest, settings, executor)
    housekeeping.start()
    if takeover is not None:
        takeover.start()
        stack.callback(takeover.close)


@contextmanager
def _alone(settings: Settings, stopping: threading.Event) -> Iterator[str]:
    """The executor's name. On SQLite, wait until no other worker has this database, or this one is to stop."""
    if not settings.is_sqlite:
        yield f"worker-{uuid.uuid4().hex[:12]}"
        return
    file = Path(f"{sa.make_url(settings.url).database}.worker")
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("a") as lock:
        while not _try_lock(lock) and not stopping.wait(LOCK_SECONDS):
            logger.info("another worker has %s; waiting for it to end", file.stem)
        yield EMBEDDED_EXECUTOR


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
