"""An event: a numbered, immutable fact; and the frame, the one JSON object in which every transport tells it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headrace.model.cursor import Cursor
from headrace.model.document import Document, Workspace
from headrace.model.ids import DocumentId, JobId, UserId
from headrace.model.job import Job
from headrace.model.progress import eta_seconds, percent
from headrace.model.vocabulary import EventType, ProcessingStatus, watcher_status


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the log. `number` is its place in its user's stream, `sequence` in its job's (None without a job).

    `body` is the frame as it was written, without `event_id`: a JSON object that is never parsed again on its way out.
    """

    user_id: UserId
    number: int
    job_id: JobId | None
    sequence: int | None
    type: EventType
    body: str

    def frame(self, epoch: str) -> str:
        """The frame on one line, as a watcher gets it."""
        return f'{{"event_id":"{Cursor(epoch, self.number)}",{self.body[1:]}'

    @property
    def ends_job(self) -> bool:
        """Whether nothing follows in the job's stream, unless it is retried."""
        return self.type in ENDINGS


ENDINGS = frozenset({EventType.JOB_COMPLETED, EventType.JOB_FAILED, EventType.JOB_CANCELLED})

_NO_JOB: dict[str, Any] = dict.fromkeys(
    (
        "seq", "type", "job_id", "upload_id", "session_id", "document_id", "user_id", "workspace_id", "status", "stage",
        "progress", "progress_percent", "current_chunk", "total_chunks", "processed_items", "total_items",
        "failed_items", "eta_seconds", "stats", "message", "error_message", "timestamp",
    )
)  # fmt: skip
"""Every member of a frame but `event_id`, in the order of contract 4."""


def instant(moment: datetime) -> str:
    """ISO 8601 in UTC, always with microseconds: sorts as text, and is stored so."""
    return moment.isoformat(timespec="microseconds")


def job_frame(job: Job, kind: EventType, now: datetime, document_id: DocumentId | None = None) -> dict[str, Any]:
    """What is told of a job in each of its events and snapshots."""
    return _NO_JOB | {
        "seq": job.sequence,
        "type": kind.value,
        "job_id": job.job_id,
        "upload_id": job.job_id,
        "session_id": job.job_id,
        "document_id": document_id,
        "user_id": job.user_id,
        "workspace_id": job.workspace_id,
        "status": watcher_status(job.status, job.stage),
        "stage": job.stage.value,
        "progress": job.progress,
        "progress_percent": percent(job.progress),
        "current_chunk": job.current_chunk,
        "total_chunks": job.total_chunks,
        "processed_items": job.processed_items,
        "total_items": job.total_items,
        "failed_items": job.failed_items,
        "eta_seconds": eta_seconds(job, now),
        "stats": job.stats.to_json(),
        "message": job.message,
        "error_message": job.error_message,
        "timestamp": instant(now),
    }


def document_facts(
    status: ProcessingStatus, error: str | None, chunk_count: int | None, metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """What a `document.status.updated` frame has beside the members of every frame."""
    return {
        "processing_status": status.value,
        "processing_error": error,
        "chunk_count": chunk_count,
        "metadata": dict(metadata),
    }


def document_frame(document: Document, now: datetime) -> dict[str, Any]:
    """The frame of a document's change that no job has caused."""
    return (
        frame_without_job(EventType.DOCUMENT_STATUS, document.user_id, now)
        | {"document_id": document.document_id, "workspace_id": document.workspace_id}
        | document_facts(document.processing_status, document.processing_error, document.chunk_count, document.metadata)
    )


def workspace_frame(workspace: Workspace, now: datetime) -> dict[str, Any]:
    """The frame of a workspace's change."""
    return frame_without_job(EventType.WORKSPACE_STATUS, workspace.user_id, now) | {
        "workspace_id": workspace.workspace_id,
        "workspace_status": workspace.status.value,
        "status_message": workspace.status_message,
    }


def frame_without_job(kind: EventType, user_id: UserId, now: datetime) -> dict[str, Any]:
    """A frame that speaks of no job: all its members are there, most of them null."""
    return _NO_JOB | {"type": kind.value, "user_id": user_id, "timestamp": instant(now)}


def encode(frame: Mapping[str, Any]) -> str:
    """A frame as one line of JSON. Newlines in the text are escaped, so no text can forge a line of its own."""
    return _ENCODER.encode(frame)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)
"""`json.dumps` would make a new one for each frame."""
