"""Whom a line of the log is about: the request and the job that are being worked on, wherever the line is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
job_id: ContextVar[str | None] = ContextVar("job_id", default=None)


@contextmanager
def about(variable: ContextVar[str | None], value: str) -> Iterator[None]:
    """Let every line that is written in the block carry `value`."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
