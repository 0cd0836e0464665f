"""Runs queued jobs on DBOS Transact: one workflow a job, one a slice; those of a dead process are run again.

The workflows only call functions that may be repeated, and return nothing: the engine's own records say what is to be
run, never what has come out of it.
"""

import logging
from collections.abc import Sequence
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID

from headrace.engine.dispatch import (
    APPLICATION_VERSION,
    JOB_QUEUE,
    JOB_WORKFLOW,
    SLICE_QUEUE,
    SLICE_WORKFLOW,
    workflow_id,
)
from headrace.engine.ingest import Ingest
from headrace.engine.slices import Slice
from headrace.model.ids import JobId
from headrace.settings import Settings
from headrace.store.database import Database

logger = logging.getLogger(__name__)

JOB_POLL_SECONDS = 0.25
SLICE_POLL_SECONDS = 0.5
"""A job waits half of the first on average, a large one once more half of the second. An idle worker does little else
than poll: at 0.1 s both took a tenth of a core."""

WAIT_SECONDS = 0.1
NEVER_GIVE_UP = 1_000_000
"""Deaths are counted per document, by us; DBOS's own count of recoveries is not to end a job."""


def launch(database: Database, ingest: Ingest, settings: Settings, executor: str) -> None:
    """Start taking jobs from the queue; those that this executor left behind when it died come first."""
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
    DBOS.launch()
    DBOS.register_queue(
        JOB_QUEUE,
        global_concurrency=settings.max_concurrent_jobs,
        polling_interval_sec=JOB_POLL_SECONDS,
        on_conflict="always_update",
    )
    DBOS.register_queue(
        SLICE_QUEUE,
        worker_concurrency=settings.slice_concurrency,
        polling_interval_sec=SLICE_POLL_SECONDS,
        on_conflict="always_update",
    )


def _register(ingest: Ingest) -> None:
    @DBOS.workflow(name=SLICE_WORKFLOW, max_recovery_attempts=NEVER_GIVE_UP)
    def run_slice(job_id: str, run: int, first: int, last: int) -> None:
        ingest.run_slice(Slice(job_id=JobId(job_id), run=run, first=first, last=last))

    def spread(parts: Sequence[Slice]) -> None:
        handles: list[Any] = []
        for number, part in enumerate(parts):
            name = f"{workflow_id(part.job_id, part.run)}.{number}"
            with SetWorkflowID(name), SetEnqueueOptions(priority=number + 1, app_version=APPLICATION_VERSION):
                handles.append(
                    DBOS.enqueue_workflow(SLICE_QUEUE, run_slice, part.job_id, part.run, part.first, part.last)
                )
        for handle in handles:
            handle.get_result(polling_interval_sec=WAIT_SECONDS)

    @DBOS.workflow(name=JOB_WORKFLOW, max_recovery_attempts=NEVER_GIVE_UP)
    def run_job(job_id: str, run: int) -> None:
        ingest.run_job(JobId(job_id), run, spread)
