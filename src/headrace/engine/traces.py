"""Spans of a job's work, below the request that brought it, wherever that was answered."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from headrace.model.errors import HeadraceError
from headrace.model.ids import JobId
from headrace.store import observing
from headrace.store.database import Database
from headrace.telemetry import logs, tracing

logger = logging.getLogger(__name__)


@contextmanager
def job_span(database: Database, job_id: JobId, run: int) -> Iterator[None]:
    """Around one hand-out of a job; the log's lines in it carry the job's id."""
    with logs.about(logs.job_id, job_id):
        if not tracing.is_on():
            yield
            return
        parent = _parent(database, job_id)
        with tracing.span("headrace.job", parent=parent, attributes={"job_id": job_id, "run": run}):
            yield


@contextmanager
def slice_span(database: Database, job_id: JobId, first: int, last: int) -> Iterator[None]:
    """Around a slice: below its job where the same thread has it, else below the request."""
    with logs.about(logs.job_id, job_id):
        if not tracing.is_on():
            yield
            return
        attributes: dict[str, str | int] = {"job_id": job_id, "first": first, "last": last}
        with tracing.span("headrace.slice", parent=_parent(database, job_id), attributes=attributes):
            yield


def _parent(database: Database, job_id: JobId) -> str | None:
    try:
        with database.read() as connection:
            return observing.trace_of(connection, job_id)
    except (HeadraceError, sa.exc.SQLAlchemyError):
        logger.warning("the trace of job %s cannot be looked up; its spans stand alone", job_id)
        return None
