"""The closed sets of words, and the one table that maps the stored facts to what each client is told."""

from dataclasses import dataclass
from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands; stored."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended; only a retry moves it again."""
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


class Stage(StrEnum):
    """What is being done to a document, or to the least advanced unfinished document of a job."""

    RECEIVED = "received"
    EXTRACTING = "extracting"
    CHUNKING = "chunking"
    ENRICHING = "enriching"
    INDEXING = "indexing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def rank(self) -> int:
        """Position in the order of work; the three ends share the last one."""
        return min(STAGE_ORDER.index(self), STAGE_ORDER.index(Stage.COMPLETED))

    @property
    def is_final(self) -> bool:
        """Whether no work on the document is left."""
        return self.rank == Stage.COMPLETED.rank


STAGE_ORDER = tuple(Stage)
WORKING_STAGES = STAGE_ORDER[: STAGE_ORDER.index(Stage.COMPLETED)]


class JobType(StrEnum):
    """How the work came in."""

    TEXT = "text_ingestion"
    FILE = "file_ingestion"
    BATCH = "batch_ingestion"
    RESOURCE = "resource_ingestion"
    PROVISIONING = "workspace_provisioning"
    DELETION = "workspace_deletion"
    REEMBEDDING = "workspace_reembedding"
    TASK = "task"


class ProcessingStatus(StrEnum):
    """Where a document stands, in the words of contract 1."""

    PENDING = "pending"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class Verdict(StrEnum):
    """What a document is to its workspace: not seen before, sent again with a difference, or sent again as it was."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class WorkspaceStatus(StrEnum):
    """Where a workspace stands."""

    PROVISIONING = "provisioning"
    READY = "ready"
    ERROR = "error"


class DeliveryStatus(StrEnum):
    """Where an event stands on its way to a webhook."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class EventType(StrEnum):
    """The kinds of frames; the last two are made for a watcher and are never in the log."""

    JOB_RECEIVED = "job.received"
    JOB_STAGE = "job.stage"
    JOB_PROGRESS = "job.progress"
    DOCUMENT_STATUS = "document.status.updated"
    WORKSPACE_STATUS = "workspace.status.updated"
    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_PAUSED = "job.paused"
    JOB_RESUMED = "job.resumed"
    SNAPSHOT = "snapshot"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the clients of one stored job status are told; ``None`` for `watcher` stands for the stage's name."""

    watcher: str | None
    queue: str
    document: ProcessingStatus
    resource: str


TOLD = {
    JobStatus.PENDING: Told(watcher="received", queue="queued", document=ProcessingStatus.PENDING, resource="pending"),
    JobStatus.RUNNING: Told(watcher=None, queue="started", document=ProcessingStatus.PROCESSING, resource="processing"),
    JobStatus.PAUSED: Told(watcher=None, queue="started", document=ProcessingStatus.PROCESSING, resource="processing"),
    JobStatus.COMPLETED: Told(
        watcher="completed", queue="finished", document=ProcessingStatus.READY, resource="completed"
    ),
    JobStatus.FAILED: Told(watcher="failed", queue="failed", document=ProcessingStatus.FAILED, resource="failed"),
    JobStatus.CANCELLED: Told(
        watcher="cancelled", queue="canceled", document=ProcessingStatus.FAILED, resource="failed"
    ),
}
"""Contract 1, the table of vocabularies. A cancelled document with an older live version stays `ready`."""


def watcher_status(status: JobStatus, stage: Stage) -> str:
    """The `status` of a frame: the stage's name while the job is worked on, else its end."""
    return TOLD[status].watcher or stage.value


def resource_status(status: ProcessingStatus) -> str:
    """The `processingStatus` of a resource: `ready` is called `completed` there."""
    return "completed" if status is ProcessingStatus.READY else status.value
