"""The JSON Schemas of the answers, put into the OpenAPI document beside the routes that give them.

The views are plain dictionaries, sent as they are; what they hold is said here, once for all clients.
"""

from typing import Any

from headrace.model.vocabulary import (
    TOLD,
    JobStatus,
    JobType,
    ProcessingStatus,
    Stage,
    Verdict,
    WorkspaceStatus,
    resource_status,
)
from headrace.server.frames import COUNT, OBJECT, SCHEMAS, STATS, STRING, Schema, or_null, whole, word
from headrace.server.problems import PROBLEM_SCHEMA

INSTANT = STRING | {"format": "date-time"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
SECONDS: Schema = {"type": "number", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
SAME = STRING | {"description": "The job's id, under another name."}


COMPONENT = "#/components/schemas/{model}"


def array(items: Schema) -> Schema:
    """Any number of them."""
    return {"type": "array", "items": items}


def ref(name: str) -> Schema:
    """The schema of that name."""
    return {"$ref": COMPONENT.format(model=name)}


def listing(name: str, of: str) -> Schema:
    """The shape of every list."""
    return whole({name: array(ref(of)), "next_cursor": or_null(STRING)})


_DOCUMENT: dict[str, Schema] = {
    "document_id": STRING,
    "workspace_id": STRING,
    "filename": STRING,
    "content_type": STRING,
    "size": COUNT,
    "processing_status": word(ProcessingStatus),
    "processing_error": or_null(STRING),
    "chunk_count": or_null(COUNT),
    "metadata": OBJECT,
    "job_id": or_null(STRING),
    "created_at": INSTANT,
    "updated_at": INSTANT,
}

_WORKSPACE: dict[str, Schema] = {
    "workspace_id": STRING,
    "name": STRING,
    "status": word(WorkspaceStatus),
    "status_message": or_null(STRING),
    "rag_config": OBJECT,
    "document_count": COUNT,
    "created_at": INSTANT,
}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


_RESOURCE = {_camel(name): schema for name, schema in _DOCUMENT.items()} | {
    "processingStatus": word(resource_status(one) for one in ProcessingStatus)
}

ANSWERS: dict[str, Schema] = {
    "Job": whole(
        {
            "job_id": STRING,
            "upload_id": SAME,
            "session_id": SAME,
            "job_type": word(JobType),
            "status": word(JobStatus),
            "stage": word(Stage),
            "created_at": INSTANT,
            "started_at": or_null(INSTANT),
            "completed_at": or_null(INSTANT),
            "progress": SHARE,
            "progress_percent": {"type": "number", "minimum": 0, "maximum": 100},
            "message": STRING,
            "error_message": or_null(STRING),
            "chunks_created": COUNT,
            "total_items": COUNT,
            "processed_items": COUNT,
            "failed_items": COUNT,
            "current_chunk": or_null(COUNT),
            "total_chunks": or_null(COUNT),
            "eta_seconds": or_null(SECONDS),
            "waiting_for": or_null(STRING),
            "stats": STATS,
            "metadata": OBJECT,
            "workspace_id": or_null(STRING),
            "attempt": COUNT,
            "last_event_id": or_null(STRING),
        }
    ),
    "JobReply": whole(
        {"job_id": STRING, "job_type": word(JobType), "status": STRING, "created_at": INSTANT, "message": STRING}
    ),
    "SyncReply": whole(
        {
            "success": FLAG,
            "chunks_created": COUNT,
            "job_id": STRING,
            "document_ids": array(STRING),
            "message": STRING,
            "error_message": or_null(STRING),
        }
    ),
    "UploadReply": whole({"upload_id": STRING, "status": STRING, "message": STRING, "timestamp": {"type": "number"}}),
    "QueueStatus": whole(
        {
            "job_id": STRING,
            "status": word(told.queue for told in TOLD.values()),
            "result": or_null(OBJECT),
            "error": or_null(STRING),
            "progress": SHARE,
        }
    ),
    "JobStats": whole(dict.fromkeys(("total_jobs", *map(str, JobStatus), "total_chunks_created"), COUNT)),
    "JobDocument": whole(
        {
            "document_id": STRING,
            "ordinal": COUNT,
            "filename": STRING,
            "stage": word(Stage),
            "status": word(ProcessingStatus),
            "progress": SHARE,
            "page_count": or_null(COUNT),
            "chunk_count": COUNT,
            "current_chunk": COUNT,
            "total_chunks": or_null(COUNT),
            "verdict": word(Verdict),
            "warnings": array(STRING),
            "failed_pages": array(whole({"page": COUNT, "reason": STRING})),
            "error_code": or_null(STRING),
            "error_message": or_null(STRING),
        }
    ),
    "Document": whole(_DOCUMENT),
    "Resource": whole(_RESOURCE),
    "Workspace": whole(_WORKSPACE),
    "Hit": whole(
        {
            "document_id": STRING,
            "chunk_id": STRING,
            "text": STRING,
            "score": {"type": "number"},
            "metadata": OBJECT,
            "filename": STRING,
            "offsets": array(COUNT),
            "page": or_null(COUNT),
            "heading": or_null(STRING),
            "ordinal": COUNT,
            "highlights": array(array(COUNT)),
            "created_at": INSTANT,
            "updated_at": INSTANT,
        }
    ),
    "QueryReply": whole({"results": array(ref("Hit")), "took_ms": SECONDS, "next_cursor": or_null(STRING)}),
    "NeighbourReply": whole(
        {
            "chunks": array(
                whole(
                    {
                        "document_id": STRING,
                        "chunk_id": STRING,
                        "ordinal": COUNT,
                        "text": STRING,
                        "offsets": array(COUNT),
                        "page": or_null(COUNT),
                        "heading": or_null(STRING),
                    }
                )
            )
        }
    ),
    "DocumentText": whole(
        {
            "document_id": STRING,
            "start": COUNT,
            "end": COUNT,
            "total_characters": COUNT,
            "text": STRING,
            "passages": array(
                whole(
                    {
                        "document_id": STRING,
                        "chunk_id": STRING,
                        "ordinal": COUNT,
                        "offsets": array(COUNT),
                        "page": or_null(COUNT),
                        "heading": or_null(STRING),
                    }
                )
            ),
            "offsets": or_null(array(COUNT)),
        }
    ),
    "Ticket": whole({"ticket": STRING, "expires_at": INSTANT}),
    "Session": OBJECT
    | {
        "properties": {"user_id": STRING, "scopes": array(STRING), "expires_at": INSTANT},
        "required": ["user_id", "scopes"],
    },
    "JobPage": listing("jobs", "Job"),
    "JobDocumentPage": listing("documents", "JobDocument"),
    "DocumentPage": listing("documents", "Document"),
    "ResourcePage": listing("resources", "Resource"),
    "WorkspacePage": listing("workspaces", "Workspace"),
    "EventPage": listing("events", "Frame"),
}

GIVEN = {
    "get /jobs": "JobPage",
    "get /jobs/stats": "JobStats",
    "get /jobs/{job_id}": "Job",
    "delete /jobs/{job_id}": "Job",
    "post /jobs/{job_id}/cancel": "Job",
    "post /jobs/{job_id}/retry": "Job",
    "post /jobs/{job_id}/pause": "Job",
    "post /jobs/{job_id}/resume": "Job",
    "get /jobs/{job_id}/documents": "JobDocumentPage",
    "get /jobs/{job_id}/events": "EventPage",
    "get /events": "EventPage",
    "get /resource/ingest/status/{job_id}": "QueueStatus",
    "post /resource/ingest/{document_id}": "JobReply",
    "post /ingest": "JobReply",
    "post /ingest/async": "JobReply",
    "post /ingest/text/async": "JobReply",
    "post /ingest/batch": "JobReply",
    "post /ingest/batch/async": "JobReply",
    "post /ingest/file": "SyncReply",
    "post /ingest/text": "SyncReply",
    "post /upload": "UploadReply",
    "get /documents": "DocumentPage",
    "get /documents/{document_id}": "Document",
    "get /resources": "ResourcePage",
    "get /resources/{document_id}": "Resource",
    "post /resources/upload": "Resource",
    "get /workspaces": "WorkspacePage",
    "post /workspaces": "Workspace",
    "get /workspaces/{workspace_id}": "Workspace",
    "patch /workspaces/{workspace_id}": "Workspace",
    "delete /workspaces/{workspace_id}": "JobReply",
    "post /query": "QueryReply",
    "get /query": "QueryReply",
    "get /documents/{document_id}/text": "DocumentText",
    "get /chunks/{chunk_id}/neighbours": "NeighbourReply",
    "post /tickets": "Ticket",
    "post /session": "Session",
    "get /session": "Session",
    "post /tasks": "Job",
    "post /tasks/{job_id}/advance": "Job",
    "post /tasks/{job_id}/finish": "Job",
}
"""The schema of what each route answers when all is well."""


def describe(document: dict[str, Any]) -> None:
    """Say in an OpenAPI document what the routes answer."""
    upload = document["paths"]["/upload"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    document["components"]["schemas"].update(SCHEMAS | ANSWERS | upload.pop("$defs", {}))
    document["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    for route, name in GIVEN.items():
        method, path = route.split(" ")
        answers = document["paths"][path][method]["responses"]
        code = next(status for status in ("201", "202", "200") if status in answers)
        answers[code]["content"] = {"application/json": {"schema": ref(name)}}
        if code == "202" and "200" in answers:
            answers["200"]["content"] = {"application/json": {"schema": ref("SyncReply")}}
