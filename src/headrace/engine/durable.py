"""Runs queued jobs on DBOS Transact: one workflow a job, one a slice; those of a dead process are run again.

The workflows only call functions that may be repeated, and return nothing: the engine's own records say what is to be
run, never what has come out of it.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID
from dbos._dbos import _get_dbos_instance

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
from headrace.model.ids import JobId
from headrace.settings import Settings
from headrace.store.database import Database

logger = logging.getLogger(__name__)

JOB_POLL_SECONDS = 0.25
SLICE_POLL_SECONDS = 0.5
"""A job waits half of the first on average, a large one once more half of the second. An idle worker does little else
than poll: at 0.1 s both took a tenth of a core."""

UNUSED_POLL_SECONDS = 2.0
"""Of the queue that counts users' jobs while no such limit is set: some may be left in it from when one was."""

WAIT_SECONDS = 0.1
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
        "name": "headrace",
        "system_database_url": database.url.render_as_string(hide_password=False),
        "system_database_engine": database.engine,
        "application_version": APPLICATION_VERSION,
        "executor_id": executor,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "WARNING",
        "run_migrations": False,  # `dispatch.prepare` has done so
        "scheduler_polling_interval_sec": 3600.0,
        "notification_listener_polling_interval_sec": 60.0,
    }
    DBOS(config=config)
    _register(ingest)
    tags = (None, *settings.worker_tags)
    DBOS.listen_queues([line(queue, tag) for queue in (JOB_QUEUE, USER_QUEUE, SLICE_QUEUE) for tag in tags])
    DBOS.launch()
    _keep_to_capacity(settings, is_draining)
    for tag in tags:
        _open_lines(tag, settings)


def _open_lines(tag: str | None, settings: Settings) -> None:
    """Make the queues known to everybody. Their global limits are those of the worker that started last."""
    most = settings.max_concurrent_jobs
    own = min(most, settings.jobs_at_once)
    DBOS.register_queue(
        line(JOB_QUEUE, tag),
        global_concurrency=most,
        worker_concurrency=own,
        polling_interval_sec=JOB_POLL_SECONDS,
        on_conflict="always_update",
    )
    DBOS.register_queue(
        line(USER_QUEUE, tag),
        global_concurrency=most,
        worker_concurrency=own,
        partition_concurrency=min(most, settings.max_jobs_per_user or most),
        polling_interval_sec=JOB_POLL_SECONDS if settings.max_jobs_per_user else UNUSED_POLL_SECONDS,
        on_conflict="always_update",
    )
    DBOS.register_queue(
        line(SLICE_QUEUE, tag),
        worker_concurrency=settings.slices_at_once,
        polling_interval_sec=SLICE_POLL_SECONDS,
        on_conflict="always_update",
    )


def _keep_to_capacity(settings: Settings, is_draining: Callable[[], bool]) -> None:
    """Let this worker take as much as it can, not as the worker that started last.

    DBOS keeps a queue's limits in the database, one for all workers, and asks for them before each look at the queue;
    there is no public way to have one's own.
    """
    system: Any = _get_dbos_instance()._sys_db
    stored = system.get_queue

    def own(name: str, **options: Any) -> Any:
        queue = stored(name, **options)
        if queue is not None and not name.startswith("_dbos"):
            most = settings.slices_at_once if name.startswith(SLICE_QUEUE) else settings.jobs_at_once
            queue._worker_concurrency = 0 if is_draining() else most
        return queue

    system.get_queue = own


def _register(ingest: Ingest) -> None:
    @DBOS.workflow(name=SLICE_WORKFLOW, max_recovery_attempts=NEVER_GIVE_UP)
    def run_slice(job_id: str, run: int, first: int, last: int) -> None:
        ingest.run_slice(Slice(job_id=JobId(job_id), run=run, first=first, last=last))

    def spread(parts: Sequence[Slice], tag: str | None) -> None:
        handles: list[Any] = []
        queue = line(SLICE_QUEUE, tag)
        for number, part in enumerate(parts):
            name = f"{workflow_id(part.job_id, part.run)}.{number}"
            with SetWorkflowID(name), SetEnqueueOptions(priority=number + 1, app_version=APPLICATION_VERSION):
                handles.append(DBOS.enqueue_workflow(queue, run_slice, part.job_id, part.run, part.first, part.last))
        for handle in handles:
            handle.get_result(polling_interval_sec=WAIT_SECONDS)

    @DBOS.workflow(name=JOB_WORKFLOW, max_recovery_attempts=NEVER_GIVE_UP)
    def run_job(job_id: str, run: int, tag: str | None = None) -> None:
        with job_span(ingest.database, JobId(job_id), run):
            ingest.run_job(JobId(job_id), run, lambda parts: spread(parts, tag))
