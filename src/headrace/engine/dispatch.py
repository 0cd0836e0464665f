"""Hands jobs to the workers: a row in the engine's queue, written in the same transaction as the job.

The engine is DBOS Transact. Whoever only submits needs this file; what runs the jobs is in `durable.py`.
"""

from typing import Protocol

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions

from headrace.model.job import Job
from headrace.store.database import Database, Transaction
from headrace.store.workspaces import rag_config_of_job

JOB_QUEUE = "jobs"
USER_QUEUE = "jobs-by-user"
"""Instead of the first, where the jobs that a user has running at once are limited."""
SLICE_QUEUE = "slices"
JOB_WORKFLOW = "run_job"
SLICE_WORKFLOW = "run_slice"

APPLICATION_VERSION = "headrace-1"
"""Pinned: with DBOS's default, a hash of the source, queued jobs would stop running after an upgrade."""


class Dispatcher(Protocol):
    """Where submitted jobs go."""

    def hand_out(self, transaction: Transaction, job: Job) -> None:
        """Let the job's current run be worked on, once the transaction commits. A repeat changes nothing."""


class DurableDispatcher:
    """A `Dispatcher` over the queue that DBOS keeps in our own database.

    `is_limited`: the jobs that each user has running at once are counted.
    """

    def __init__(self, database: Database, *, is_limited: bool = False) -> None:
        self._queue = USER_QUEUE if is_limited else JOB_QUEUE
        self._client = DBOSClient(system_database_engine=database.engine, serializer=DBOSPortableJSONSerializer())

    def hand_out(self, transaction: Transaction, job: Job) -> None:
        """See `Dispatcher`. DBOS runs the lowest priority first: the fair queue's tag."""
        tag = rag_config_of_job(transaction.connection, job.job_id).worker_tag
        options: EnqueueOptions = {
            "workflow_name": JOB_WORKFLOW,
            "queue_name": line(self._queue, tag),
            "workflow_id": workflow_id(job.job_id, job.run),
            "priority": job.queue_tag,
            "app_version": APPLICATION_VERSION,
        }
        if self._queue == USER_QUEUE:
            options["queue_partition_key"] = job.user_id
        arguments = (job.job_id, job.run, tag) if tag else (job.job_id, job.run)  # as workers of before know them
        self._client.enqueue_in_transaction(transaction.connection, options, *arguments)
        transaction.hands_out = True

    def close(self) -> None:
        """Let go of the client; the database's connections stay open."""
        self._client.destroy()


def line(queue: str, tag: str | None) -> str:
    """The queue of those workers alone that have a tag."""
    return f"{queue}:{tag}" if tag else queue


def workflow_id(job_id: str, run: int) -> str:
    """The engine's name for one hand-out of a job: the same one is never run twice at a time."""
    return f"{job_id}.{run}"


def prepare(database: Database) -> None:
    """Create or bring up to date the engine's own tables."""
    DBOS.migrate(database.url.render_as_string(hide_password=False))
