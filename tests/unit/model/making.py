"""Jobs made by hand, and the moments at which things happen to them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from headrace.model.ids import JobId, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import JobType

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def make_job(**given: Any) -> Job:
    """A pending job with whatever is `given`."""
    values: dict[str, Any] = {
        "job_id": JobId("0192-job"),
        "user_id": UserId("ada"),
        "workspace_id": None,
        "job_type": JobType.FILE,
        "created_at": NOON,
    }
    return Job(**values | given)
