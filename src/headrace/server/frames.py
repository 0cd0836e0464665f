"""The JSON Schemas of everything that a watcher is told, made of the model's own words.

Whatever a schema does not name may come too: clients are to ignore what they do not know.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from headrace.model.event import frame_without_job
from headrace.model.ids import LOCAL_USER
from headrace.model.job import STAT_NAMES
from headrace.model.told import document_view, workspace_view
from headrace.model.vocabulary import TOLD, EventType, ProcessingStatus, Stage, WorkspaceStatus

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
OBJECT: Schema = {"type": "object"}


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    return schema | {"type": [schema["type"], "null"]} | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def word(words: Iterable[str | Enum]) -> Schema:
    """One word of a closed set."""
    return STRING | {"enum": list(dict.fromkeys(str(one) for one in words))}


def whole(members: Mapping[str, Schema], **more: Any) -> Schema:
    """An object that has all of these members."""
    return OBJECT | {"properties": dict(members), "required": list(members)} | more


JOB_ID = or_null(STRING | {"description": "The same under three names; null for events of no job."})
STATS = whole({name: {"type": "array", "items": STRING} if name == "languages" else COUNT for name in STAT_NAMES})
EVENT_ID = STRING | {
    "pattern": "^[0-9a-z]{1,16}-[0-9]{1,18}$",
    "description": "The position in the stream that is read: send it back to get every later event, once, in order.",
}

MEMBERS: dict[str, Schema] = {
    "event_id": EVENT_ID,
    "seq": or_null(COUNT | {"description": "The event's number in its job: 1, 2, 3, none missing."}),
    "type": word(EventType),
    "job_id": JOB_ID,
    "upload_id": JOB_ID,
    "session_id": JOB_ID,
    "document_id": or_null(STRING),
    "user_id": STRING,
    "workspace_id": or_null(STRING),
    "status": or_null(word([*Stage, *(told.watcher for told in TOLD.values() if told.watcher)])),
    "stage": or_null(word(Stage)),
    "progress": or_null({"type": "number", "minimum": 0, "maximum": 1}),
    "progress_percent": or_null({"type": "number", "minimum": 0, "maximum": 100}),
    "current_chunk": or_null(COUNT),
    "total_chunks": or_null(COUNT),
    "processed_items": or_null(COUNT),
    "total_items": or_null(COUNT),
    "failed_items": or_null(COUNT),
    "eta_seconds": or_null({"type": "number", "minimum": 0}),
    "stats": or_null(STATS),
    "message": or_null(STRING),
    "error_message": or_null(STRING),
    "timestamp": STRING | {"format": "date-time"},
}

DOCUMENT_FACTS: dict[str, Schema] = {
    "processing_status": word(ProcessingStatus),
    "processing_error": or_null(STRING),
    "chunk_count": or_null(COUNT),
    "metadata": OBJECT,
}
WORKSPACE_FACTS: dict[str, Schema] = {"workspace_status": word(WorkspaceStatus), "status_message": or_null(STRING)}

FRAME_NAMES = ("event_id", *frame_without_job(EventType.SNAPSHOT, LOCAL_USER, datetime.now(UTC)))
FRAME = {name: MEMBERS[name] for name in FRAME_NAMES}
"""What every frame has, in the order in which it comes."""

DOCUMENT_VIEW = document_view(FRAME | DOCUMENT_FACTS)
WORKSPACE_VIEW = workspace_view(FRAME | WORKSPACE_FACTS)
"""Told of a schema, an own view is the schema of that view."""

LISTED = {"jobs": {"type": "array", "items": {"$ref": "#/components/schemas/Frame"}}}

SCHEMAS: dict[str, Schema] = {
    "Frame": whole(FRAME, description="An event of a job, or the state of a job as of an event."),
    "Snapshot": OBJECT
    | {
        "description": "Of a job: its state as of `event_id`. Of a user: the jobs that have not ended.",
        "allOf": [{"$ref": "#/components/schemas/Frame"}, OBJECT | {"properties": LISTED}],
    },
    "DocumentFrame": whole(FRAME | DOCUMENT_FACTS, description="A frame, and where its document stands."),
    "WorkspaceFrame": whole(FRAME | WORKSPACE_FACTS, description="A frame, and where its workspace stands."),
    "DocumentView": whole(DOCUMENT_VIEW, description="The document's own view: `status` is the document's."),
    "WorkspaceView": whole(WORKSPACE_VIEW, description="The workspace's own view: `status` is the workspace's."),
    "DocumentStatus": whole(FRAME | DOCUMENT_VIEW, description="The document's own view, over what else a frame has."),
    "WorkspaceStatus": whole(
        FRAME | WORKSPACE_VIEW, description="The workspace's own view, over what else a frame has."
    ),
}
