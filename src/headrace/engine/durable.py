"""Runs queued jobs on DBOS Transact: one workflow a job, one a slice; those of a dead process are run again.

The workflows only call functions that may be repeated, and return nothing: the engine's own records say what is to be
run, never what has come out of it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetEnqueueOptions,
    SetWorkflowID,
    _workflow_commands,
)
from dbos._dbos import _get_dbos_instance

from headrace.engine import retries, turns
from headrace.engine.dispatch import (
    APPLICATION_VERSION,
    JOB_QUEUE,
    JOB_WORKFLOW,
    SLICE_QUEUE,
    SLICE_WORKFLOW,
    USER_QUEUE,
    line,
    workflow_id,
)
from headrace.engine.ingest import Ingest
from headrace.engine.slices import Slice
from headrace.engine.traces import job_span
from headrace.engine.waking import Waking
from headrace.model.ids import JobId
from headrace.settings import Settings
from headrace.store.database import Database

logger = logging.getLogger(__name__)

IDLE_LOOK_SECONDS = 2.0
"""Where those who hand out jobs ring, which may be missed; and at queues that are not in use."""

LOOK_SECONDS = 0.25
"""Where nobody is heard. An idle worker does little else than look: every 0.1 s, it took a tenth of a core."""

INTERNAL_LOOK_SECONDS = 4.0
"""At the engine's own queue, and for workflows that are delayed or timed out: we use none of them. For the latter it
keeps a session on Postgres between looks, which ends after 5 s."""

AT_ONCE_SECONDS = 0.001
"""The engine's own pause before each look: we have paused already."""

FIRST_PAUSE_SECONDS = 0.02
"""The same at a worker's start, until we have our way; it shrinks from there by a tenth with each look."""

FULL_PAUSE_SECONDS = 0.05
"""So soon it is noticed that there is room again."""

APPLICATION = "headrace"

NEVER_GIVE_UP = 1_000_000
"""Deaths are counted per document, by us; DBOS's own count of recoveries is not to end a job."""


def launch(
    database: Database,
    ingest: Ingest,
    settings: Settings,
    executor: str,
    is_draining: Callable[[], bool] = lambda: False,
) -> None:
    """Start taking jobs from the queues; those that this executor left behind when it died come first.

    Nothing more is taken once `is_draining` says so.
    """
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": database.url.render_as_string(hide_password=False),
        "system_database_engine": database.engine,
        "application_version": APPLICATION_VERSION,
        "executor_id": executor,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "ERROR",  # it warns of every contention between workers, which is how they share
        "run_migrations": False,  # `dispatch.prepare` has done so
        "scheduler_polling_interval_sec": 3600.0,
        "notification_listener_polling_interval_sec": 60.0,
    }
    DBOS(config=config)
    retries.bound()
    waking = Waking(database)
    _register(ingest, waking)
    tags = (None, *settings.worker_tags)
    DBOS.listen_queues([line(queue, tag) for queue in (JOB_QUEUE, USER_QUEUE, SLICE_QUEUE) for tag in tags])
    _open_lines(database, tags, settings)
    _get_dbos_instance()._registry.get_internal_queue()._polling_interval_sec = INTERNAL_LOOK_SECONDS
    _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = INTERNAL_LOOK_SECONDS
    DBOS.launch()
    _look_our_way(settings, waking, is_draining)
    _take_turns(settings)


def _open_lines(database: Database, tags: Sequence[str | None], settings: Settings) -> None:
    """Make the queues known to everybody. Their global limits are those of the worker that started last.

    Before the launch, after which the engine looks for new ones only once a second.
    """
    most = settings.max_concurrent_jobs
    limits: dict[str, dict[str, Any]] = {
        JOB_QUEUE: {"global_concurrency": most, "worker_concurrency": min(most, settings.jobs_at_once)},
        USER_QUEUE: {
            "global_concurrency": most,
            "worker_concurrency": min(most, settings.jobs_at_once),
            "partition_concurrency": _most_of_a_user(settings),
        },
        SLICE_QUEUE: {"worker_concurrency": settings.slices_at_once},
    }
    client = DBOSClient(system_database_engine=database.engine, application_name=APPLICATION)
    for tag in tags:
        for queue, limit in limits.items():
            client.register_queue(line(queue, tag), **limit, polling_interval_sec=FIRST_PAUSE_SECONDS)
    client.destroy()


def _look_our_way(settings: Settings, waking: Waking, is_draining: Callable[[], bool]) -> None:
    """Let this worker look for work when there may be some, and take as much as it can, not as the last one started.

    DBOS keeps a queue's limits in the database, one for all workers, and asks for them before each look at the queue;
    there is no public way to have one's own. Nor is there one to wake it, so that is also the moment to wait.
    """
    system: Any = _get_dbos_instance()._sys_db
    stored = system.get_queue

    def pause(name: str) -> None:
        if name.startswith(USER_QUEUE) and not settings.max_jobs_per_user:
            time.sleep(IDLE_LOOK_SECONDS)
        elif _is_full(name, settings):
            _wait_for_room(name, settings)
        else:
            waking.wait(name, IDLE_LOOK_SECONDS if waking.hears_others else LOOK_SECONDS)

    def own(name: str, **options: Any) -> Any:
        is_looking = threading.current_thread().name == f"queue-worker-{name}"
        if is_looking:
            pause(name)
        queue = stored(name, **options)
        if queue is not None and not name.startswith("_dbos"):
            queue._worker_concurrency = 0 if is_draining() else _room(name, settings)
            if is_looking:
                queue._polling_interval_sec = AT_ONCE_SECONDS
        return queue

    system.get_queue = own


def _room(queue: str, settings: Settings) -> int:
    """What this worker may have in hand. Where users take turns, it takes one job at a time: the turn is the next's."""
    if not queue.startswith(USER_QUEUE):
        return settings.slices_at_once if queue.startswith(SLICE_QUEUE) else settings.jobs_at_once
    running: int = _get_dbos_instance()._active_workflows_set.count_for_queue(queue)
    return min(settings.jobs_at_once, running + 1)


def _is_full(queue: str, settings: Settings) -> bool:
    running: int = _get_dbos_instance()._active_workflows_set.count_for_queue(queue)
    return running >= _room(queue, settings)


def _wait_for_room(queue: str, settings: Settings) -> None:
    """Who has all in hand that they may does not look: each look is a transaction, for which others would wait."""
    until = time.monotonic() + IDLE_LOOK_SECONDS
    while _is_full(queue, settings) and time.monotonic() < until:
        time.sleep(FULL_PAUSE_SECONDS)


def _most_of_a_user(settings: Settings) -> int:
    most = settings.max_concurrent_jobs
    return min(most, settings.max_jobs_per_user or most)


def _take_turns(settings: Settings) -> None:
    """Offer the engine that user alone whose turn it is: it draws them by lot."""
    system: Any = _get_dbos_instance()._sys_db

    def whose_turn(queue: str) -> list[str]:
        with system.engine.connect() as connection:
            return turns.next_user(connection, system.tables.workflow_status, queue, _most_of_a_user(settings))

    system.get_queue_partitions = whose_turn


def _register(ingest: Ingest, waking: Waking) -> None:
    @DBOS.workflow(name=SLICE_WORKFLOW, max_recovery_attempts=NEVER_GIVE_UP)
    def run_slice(job_id: str, run: int, first: int, last: int) -> None:
        ingest.run_slice(Slice(job_id=JobId(job_id), run=run, first=first, last=last))
        waking.ring()

    def spread(parts: Sequence[Slice], tag: str | None) -> None:
        queue = line(SLICE_QUEUE, tag)
        for number, part in enumerate(parts):
            name = f"{workflow_id(part.job_id, part.run)}.{number}"
            with SetWorkflowID(name), SetEnqueueOptions(priority=number + 1, app_version=APPLICATION_VERSION):
                DBOS.enqueue_workflow(queue, run_slice, part.job_id, part.run, part.first, part.last)
        waking.ring_everywhere()

    @DBOS.workflow(name=JOB_WORKFLOW, max_recovery_attempts=NEVER_GIVE_UP)
    def run_job(job_id: str, run: int, tag: str | None = None) -> None:
        waking.ring()  # where users take turns, the next one's has come
        with job_span(ingest.database, JobId(job_id), run):
            ingest.run_job(JobId(job_id), run, lambda parts: spread(parts, tag))
        waking.ring()
