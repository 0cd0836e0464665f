"""A job, what is counted on it, and its items: one row for each of its documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from headrace.model.ids import DocumentId, JobId, UserId, WorkspaceId
from headrace.model.pace import Forecast
from headrace.model.vocabulary import JobStatus, JobType, Stage, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What a job has done so far. `languages` are ISO 639-1 codes, sorted; `bytes` are those of documents read."""

    documents_processed: int = 0
    pages: int = 0
    chunks: int = 0
    keywords: int = 0
    metadata_extracted: int = 0
    languages: tuple[str, ...] = ()
    bytes: int = 0
    embeddings_computed: int = 0
    embeddings_reused: int = 0
    errors: int = 0
    warnings: int = 0
    documents_changed: int = 0
    documents_unchanged: int = 0
    failed_pages: int = 0

    def plus(self, more: "Stats") -> "Stats":
        """Both together."""
        return Stats(
            documents_processed=self.documents_processed + more.documents_processed,
            pages=self.pages + more.pages,
            chunks=self.chunks + more.chunks,
            keywords=self.keywords + more.keywords,
            metadata_extracted=self.metadata_extracted + more.metadata_extracted,
            languages=tuple(sorted({*self.languages, *more.languages})),
            bytes=self.bytes + more.bytes,
            embeddings_computed=self.embeddings_computed + more.embeddings_computed,
            embeddings_reused=self.embeddings_reused + more.embeddings_reused,
            errors=self.errors + more.errors,
            warnings=self.warnings + more.warnings,
            documents_changed=self.documents_changed + more.documents_changed,
            documents_unchanged=self.documents_unchanged + more.documents_unchanged,
            failed_pages=self.failed_pages + more.failed_pages,
        )

    def since(self, before: "Stats") -> "Stats":
        """What has come to `before`. An embedding that is owed (see `owed`) is not reused, but paid for already."""
        more = {name: getattr(self, name) - getattr(before, name) for name in STAT_NAMES if name != "languages"}
        reused = max(0, self.embeddings_reused) - max(0, before.embeddings_reused)
        return Stats(**more | {"embeddings_reused": reused}, languages=self.languages)

    def owed(self) -> "Stats":
        """What is left of it when all is done again: the embeddings stay paid, and what is paid counts once.

        `embeddings_reused` is below zero by as many as are taken from their receipts without being counted as reused.
        """
        return Stats(embeddings_computed=self.embeddings_computed, embeddings_reused=-self.embeddings_computed)

    def to_json(self) -> dict[str, Any]:
        """The object that clients see, and that is stored."""
        return {name: getattr(self, name) for name in STAT_NAMES} | {"languages": list(self.languages)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Stats":
        """The inverse of `to_json`."""
        return cls(**{**data, "languages": tuple(data.get("languages", ()))})


FAILED_PAGES = "failed_pages"

STAT_NAMES = tuple(Stats.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One accepted piece of work.

    `run` counts the hand-outs to the engine (submit, resume, retry) and fences off the writers of earlier ones.
    `sequence` and `last_number` are the numbers of its newest event, in the job and in its user's stream.
    With `force_recreate` its documents go live all at once, in place of those that its workspace held.
    A task, which is worked on outside, has a lease: it fails when nothing is heard of it for `lease_seconds`.
    `work_done` of `work_total` is in bytes, weighted by stage; `progress` is what is told of it (see `progress.py`).
    `forecast` is what the present run was expected to take when it began, by what such work took before.
    """

    job_id: JobId
    user_id: UserId
    workspace_id: WorkspaceId | None
    job_type: JobType
    status: JobStatus = JobStatus.PENDING
    stage: Stage = Stage.RECEIVED
    attempt: int = 1
    run: int = 1
    message: str = ""
    error_message: str | None = None
    waiting_for: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    stats: Stats = field(default_factory=Stats)
    progress: float = 0.0
    total_items: int = 0
    processed_items: int = 0
    failed_items: int = 0
    chunks_created: int = 0
    current_chunk: int | None = None
    total_chunks: int | None = None
    work_done: int = 0
    work_total: int = 0
    work_done_at_start: int = 0
    work_started_at: datetime | None = None
    forecast: Forecast | None = None
    progress_reported_at: datetime | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    queue_tag: int = 1
    force_recreate: bool = False
    lease_seconds: float | None = None
    lease_renewals: int = 0
    sequence: int = 0
    last_number: int = 0

    def counted(self, more: Stats) -> "Job":
        """The job with `more` on its stats."""
        return replace(self, stats=self.stats.plus(more))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A document's part in a job. `claim` counts how often a worker made it its own, and fences as `Job.run` does.

    `sections_done` is where reading goes on after a crash; `deaths` counts attempts since the last thing saved.
    `attempt` is the job's in which it is, or was, worked on: what an earlier one has finished is settled.
    `description` is what was found out about the document. `leftover_version` names chunks that are to be dropped.
    `counted` is its part in the job's stats, which is taken off when it is done again.
    One whose verdict is `unchanged` was never worked on: its `attempt` is 0, and its version the one that was live.
    """

    job_id: JobId
    ordinal: int
    document_id: DocumentId
    filename: str
    version: int
    attempt: int = 1
    stage: Stage = Stage.RECEIVED
    work_done: int = 0
    work_total: int
    sections_done: int = 0
    page_count: int | None = None
    chunk_count: int = 0
    chunks_indexed: int = 0
    claim: int = 0
    deaths: int = 0
    description: Mapping[str, Any] = field(default_factory=dict)
    leftover_version: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    verdict: Verdict = Verdict.NEW
    counted: Stats = field(default_factory=Stats)

    @property
    def failed_pages(self) -> Sequence[Mapping[str, Any]]:
        """The pages that could not be read, `{page, reason}` each, while the others can be searched."""
        found: Sequence[Mapping[str, Any]] = self.description.get(FAILED_PAGES, ())
        return found

    @property
    def is_patchy(self) -> bool:
        """Whether it is done but for some pages, on which a retry can go on."""
        return self.stage is Stage.COMPLETED and self.attempt > 0 and bool(self.failed_pages)
