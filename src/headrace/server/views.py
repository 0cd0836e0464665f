"""Jobs, documents, workspaces and passages as the JSON objects of contract 3."""

from datetime import datetime
from typing import Any

from headrace.model.cursor import Cursor
from headrace.model.document import Document, Hit, Neighbour, Stretch, Workspace
from headrace.model.event import instant
from headrace.model.job import Item, Job
from headrace.model.progress import eta_seconds, percent
from headrace.model.vocabulary import TOLD, Stage, resource_status

CAMEL = {
    "document_id": "documentId",
    "workspace_id": "workspaceId",
    "filename": "filename",
    "content_type": "contentType",
    "size": "size",
    "processing_status": "processingStatus",
    "processing_error": "processingError",
    "chunk_count": "chunkCount",
    "metadata": "metadata",
    "job_id": "jobId",
    "created_at": "createdAt",
    "updated_at": "updatedAt",
}


def job_view(job: Job, epoch: str, now: datetime) -> dict[str, Any]:
    """`GET /jobs/{id}`."""
    return {
        "job_id": job.job_id,
        "upload_id": job.job_id,
        "session_id": job.job_id,
        "job_type": job.job_type.value,
        "status": job.status.value,
        "stage": job.stage.value,
        "created_at": instant(job.created_at),
        "started_at": _maybe(job.started_at),
        "completed_at": _maybe(job.completed_at),
        "progress": job.progress,
        "progress_percent": percent(job.progress),
        "message": job.message,
        "error_message": job.error_message,
        "chunks_created": job.chunks_created,
        "total_items": job.total_items,
        "processed_items": job.processed_items,
        "failed_items": job.failed_items,
        "current_chunk": job.current_chunk,
        "total_chunks": job.total_chunks,
        "eta_seconds": eta_seconds(job, now),
        "waiting_for": job.waiting_for,
        "stats": job.stats.to_json(),
        "metadata": dict(job.metadata),
        "workspace_id": job.workspace_id,
        "attempt": job.attempt,
        "last_event_id": str(Cursor(epoch, job.last_number)) if job.last_number else None,
    }


def job_reply(job: Job) -> dict[str, Any]:
    """What is answered to whoever submits a job and does not wait for it."""
    return {
        "job_id": job.job_id,
        "job_type": job.job_type.value,
        "status": "pending",
        "created_at": instant(job.created_at),
        "message": "",
    }


def sync_reply(job: Job, document_ids: list[str]) -> dict[str, Any]:
    """What is answered to whoever waited for the job's end."""
    return {
        "success": job.status.value == "completed",
        "chunks_created": job.chunks_created,
        "job_id": job.job_id,
        "document_ids": document_ids,
        "message": job.message,
        "error_message": job.error_message,
    }


def queue_view(job: Job) -> dict[str, Any]:
    """`GET /resource/ingest/status/{job_id}`, in the words of a job queue."""
    told = TOLD[job.status].queue
    result = {"chunks_created": job.chunks_created, "processed_items": job.processed_items}
    return {
        "job_id": job.job_id,
        "status": told,
        "result": result if told == "finished" else None,
        "error": job.error_message,
        "progress": job.progress,
    }


def item_view(item: Item) -> dict[str, Any]:
    """One of `GET /jobs/{id}/documents`."""
    return {
        "document_id": item.document_id,
        "ordinal": item.ordinal,
        "filename": item.filename,
        "stage": item.stage.value,
        "status": _item_status(item.stage),
        "progress": 1.0 if item.stage is Stage.COMPLETED else round(item.work_done / item.work_total, 4),
        "page_count": item.page_count,
        "chunk_count": item.chunk_count,
        "current_chunk": item.chunks_indexed,
        "total_chunks": item.chunk_count or None if item.stage.rank >= Stage.INDEXING.rank else None,
        "verdict": item.verdict.value,
        "warnings": list(item.description.get("warnings", ())),
        "failed_pages": [dict(one) for one in item.failed_pages],
        "error_code": item.error_code,
        "error_message": item.error_message,
    }


def _item_status(stage: Stage) -> str:
    if stage is Stage.RECEIVED:
        return "pending"
    if stage is Stage.COMPLETED:
        return "ready"
    return "failed" if stage.is_final else "processing"


def document_view(document: Document) -> dict[str, Any]:
    """`GET /documents/{id}`."""
    return {
        "document_id": document.document_id,
        "workspace_id": document.workspace_id,
        "filename": document.filename,
        "content_type": document.content_type,
        "size": document.blob.size,
        "processing_status": document.processing_status.value,
        "processing_error": document.processing_error,
        "chunk_count": document.chunk_count,
        "metadata": dict(document.metadata),
        "job_id": document.job_id,
        "created_at": instant(document.created_at),
        "updated_at": instant(document.updated_at),
    }


def resource_view(document: Document) -> dict[str, Any]:
    """`GET /resources/{id}`: the same document under camelCase names."""
    view = document_view(document) | {"processing_status": resource_status(document.processing_status)}
    return {CAMEL[name]: value for name, value in view.items()}


def workspace_view(workspace: Workspace) -> dict[str, Any]:
    """`GET /workspaces/{id}`."""
    return {
        "workspace_id": workspace.workspace_id,
        "name": workspace.name,
        "status": workspace.status.value,
        "status_message": workspace.status_message,
        "rag_config": dict(workspace.rag_config),
        "document_count": workspace.document_count,
        "created_at": instant(workspace.created_at),
    }


def hit_view(hit: Hit) -> dict[str, Any]:
    """One of the results of `/query`."""
    return {
        "document_id": hit.document_id,
        "chunk_id": hit.chunk_id,
        "text": hit.text,
        "score": hit.score,
        "metadata": dict(hit.metadata),
        "filename": hit.filename,
        "offsets": list(hit.offsets),
        "page": hit.page,
        "heading": hit.heading,
        "ordinal": hit.ordinal,
        "highlights": [list(span) for span in hit.highlights],
        "created_at": instant(hit.created_at),
        "updated_at": instant(hit.updated_at),
    }


def neighbour_view(one: Neighbour) -> dict[str, Any]:
    """One of `GET /chunks/{id}/neighbours`."""
    return {
        "document_id": one.document_id,
        "chunk_id": one.chunk_id,
        "ordinal": one.ordinal,
        "text": one.text,
        "offsets": list(one.offsets),
        "page": one.page,
        "heading": one.heading,
    }


def stretch_view(one: Stretch) -> dict[str, Any]:
    """`GET /documents/{id}/text`."""
    places = [neighbour_view(passage) for passage in one.passages]
    return {
        "document_id": one.document_id,
        "start": one.start,
        "end": one.end,
        "total_characters": one.total,
        "text": one.text,
        "passages": [{name: value for name, value in place.items() if name != "text"} for place in places],
        "offsets": None if one.sought is None else list(one.sought),
    }


def _maybe(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)
